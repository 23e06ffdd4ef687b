"""Lesson 10, exercise 2: the reward of each token."""

from __future__ import annotations

import torch

from llama_lessons.checks.rlhf import check_token_rewards
from tests.answers.bank import Bank

bank = Bank(check_token_rewards)


def real(log_probs, lengths):
    return torch.arange(log_probs.shape[1]).expand_as(log_probs) < lengths.unsqueeze(1)


@bank.right
def by_an_index(log_probs, ref_log_probs, scores, lengths, beta):
    rewards = -beta * (log_probs - ref_log_probs) * real(log_probs, lengths)
    rewards[torch.arange(len(scores)), lengths - 1] += scores
    return rewards


@bank.right
def by_a_mask_of_the_last_place(log_probs, ref_log_probs, scores, lengths, beta):
    places = torch.arange(log_probs.shape[1])
    last = (places[None] == lengths[:, None] - 1).float()
    inside = (places[None] < lengths[:, None]).float()
    return inside * beta * (ref_log_probs - log_probs) + last * scores[:, None]


@bank.right
def row_by_row(log_probs, ref_log_probs, scores, lengths, beta):
    rows = []
    for k, n in enumerate(lengths):
        row = beta * (ref_log_probs[k, :n] - log_probs[k, :n])
        row = torch.cat([row[:-1], row[-1:] + scores[k]])
        rows.append(torch.nn.functional.pad(row, (0, log_probs.shape[1] - n)))
    return torch.stack(rows)


@bank.right
def by_scatter(log_probs, ref_log_probs, scores, lengths, beta):
    kl = (log_probs - ref_log_probs).masked_fill(~real(log_probs, lengths), 0)
    return (-beta * kl).scatter_add(1, (lengths - 1)[:, None], scores[:, None])


def rewards(penalty=lambda n, r, b: b * (n - r), place=lambda lengths, width: lengths - 1, keep=False, plus=True):
    """The first of the right answers, with a reader's usual mistakes to choose from."""

    def answer(log_probs, ref_log_probs, scores, lengths, beta):
        inside = torch.ones_like(log_probs) if keep else real(log_probs, lengths).float()
        found = -penalty(log_probs, ref_log_probs, beta) * inside
        where = torch.arange(len(scores)), place(lengths, log_probs.shape[1])
        if plus:
            found[where] += scores
        else:
            found[where] = scores
        return found

    return answer


for says, answer in {
    "you rewarded distance": rewards(lambda n, r, b: b * (r - n)),
    "you left out the penalty": rewards(lambda n, r, b: torch.zeros_like(n)),
    "you left out beta": rewards(lambda n, r, b: n - r),
    "you left out the reference": rewards(lambda n, r, b: b * n),
    "difference of probabilities": rewards(lambda n, r, b: b * (torch.exp(n) - torch.exp(r))),
    "the ratio of probabilities": rewards(lambda n, r, b: b * torch.exp(n - r)),
    "absolute difference": rewards(lambda n, r, b: b * abs(n - r)),
    "half the square": rewards(lambda n, r, b: b * 0.5 * (n - r) ** 2),
    "ratio - 1 - log ratio": rewards(lambda n, r, b: b * (torch.exp(r - n) - 1 + n - r)),
    "into the last column": rewards(place=lambda lengths, width: torch.full_like(lengths, width - 1)),
    "one place behind": rewards(place=lambda lengths, width: lengths),
    "one token too early": rewards(place=lambda lengths, width: lengths - 2),
    "at the first token": rewards(place=lambda lengths, width: torch.zeros_like(lengths)),
    "in the place of the last token's penalty": rewards(plus=False),
    "where no token is": rewards(keep=True),
}.items():
    bank.wrong(says)(answer)


@bank.wrong("to every token")
def on_all(log_probs, ref_log_probs, scores, lengths, beta):
    return (scores[:, None] - beta * (log_probs - ref_log_probs)) * real(log_probs, lengths)


@bank.wrong("you shared the score out")
def shared(log_probs, ref_log_probs, scores, lengths, beta):
    return ((scores / lengths)[:, None] - beta * (log_probs - ref_log_probs)) * real(log_probs, lengths)


@bank.wrong("one number for each answer")
def per_answer(log_probs, ref_log_probs, scores, lengths, beta):
    return scores - beta * ((log_probs - ref_log_probs) * real(log_probs, lengths)).sum(1)


@bank.wrong("you scaled the score with beta")
def beta_on_all(log_probs, ref_log_probs, scores, lengths, beta):
    return beta * rewards()(log_probs, ref_log_probs, scores, lengths, 1.0)


@bank.wrong("changed the arguments")
def in_place(log_probs, ref_log_probs, scores, lengths, beta):
    log_probs -= ref_log_probs
    log_probs *= -beta
    log_probs *= real(log_probs, lengths)
    log_probs[torch.arange(len(scores)), lengths - 1] += scores
    return log_probs


@bank.wrong()
def only_the_first_row_has_its_score(log_probs, ref_log_probs, scores, lengths, beta):
    found = -beta * (log_probs - ref_log_probs) * real(log_probs, lengths)
    found[0, lengths[0] - 1] += scores[0]
    return found


@bank.wrong()
def capped(log_probs, ref_log_probs, scores, lengths, beta):
    return rewards()(log_probs, ref_log_probs, scores.clamp(-1, 1), lengths, beta)
