"""Lesson 10, exercise 4: PPO's clipped loss."""

from __future__ import annotations

import torch

from llama_lessons.checks.rlhf import check_clipped_loss
from tests.answers.bank import Bank

bank = Bank(check_clipped_loss)


@bank.right
def the_smaller_gain(log_probs, old_log_probs, advantages, clip):
    ratio = torch.exp(log_probs - old_log_probs)
    return -torch.min(ratio * advantages, torch.clamp(ratio, 1 - clip, 1 + clip) * advantages).mean()


@bank.right
def the_larger_loss(log_probs, old_log_probs, advantages, clip):
    ratio = log_probs.exp() / old_log_probs.exp()
    return torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip)).mean()


@bank.right
def by_the_sign_of_the_advantage(log_probs, old_log_probs, advantages, clip):
    ratio = (log_probs - old_log_probs).exp()
    counted = torch.where(advantages > 0, ratio.clamp(max=1 + clip), ratio.clamp(min=1 - clip))
    return (-counted * advantages).sum() / advantages.numel()


@bank.right
def stacked(log_probs, old_log_probs, advantages, clip):
    ratio = (log_probs - old_log_probs).exp()
    both = torch.stack([ratio, ratio.clip(1 - clip, 1 + clip)]) * advantages
    return -both.amin(0).mean()


def loss(ratio=lambda n, o: torch.exp(n - o), cut=None, choose=torch.min, sign=-1):
    """The first of the right answers, with a reader's usual mistakes to choose from."""

    def answer(log_probs, old_log_probs, advantages, clip):
        moved = ratio(log_probs, old_log_probs)
        edge = cut(moved, clip) if cut else torch.clamp(moved, 1 - clip, 1 + clip)
        return sign * choose(moved * advantages, edge * advantages).mean()

    return answer


for says, answer in {
    "the difference of the log-probabilities for the ratio": loss(lambda n, o: n - o),
    "you divided the log-probabilities": loss(lambda n, o: n / o),
    "upside down": loss(lambda n, o: torch.exp(o - n)),
    "the probability for the ratio": loss(lambda n, o: n.exp()),
    "you took 1 + the difference": loss(lambda n, o: 1 + (n - o)),
    "what is to grow:": loss(sign=1),
    "you took the larger of the two:": loss(choose=torch.max),
    "you took the larger of the two, and gave": loss(choose=torch.max, sign=1),
    "the clipped ratio alone": loss(choose=lambda plain, edge: edge),
    "nothing was clipped": loss(choose=lambda plain, edge: plain),
    "you clipped around 0": loss(cut=lambda ratio, clip: torch.clamp(ratio, -clip, clip)),
    "you clipped above only": loss(cut=lambda ratio, clip: torch.clamp_max(ratio, 1 + clip)),
    "you clipped below only": loss(cut=lambda ratio, clip: torch.clamp_min(ratio, 1 - clip)),
    "to 0.8 ... 1.2": loss(cut=lambda ratio, clip: torch.clamp(ratio, 0.8, 1.2)),
    "the logarithm of the ratio": loss(cut=lambda ratio, clip: torch.exp(torch.clamp(torch.log(ratio), -clip, clip))),
    "the smaller ratio before": lambda n, o, a, clip: (
        -(torch.min(r := torch.exp(n - o), r.clamp(1 - clip, 1 + clip)) * a).mean()
    ),
    "the sum over the tokens": lambda n, o, a, clip: loss()(n, o, a, clip) * len(a),
    "a loss for each token": lambda n, o, a, clip: (
        -torch.min(torch.exp(n - o) * a, torch.exp(n - o).clamp(1 - clip, 1 + clip) * a)
    ),
    "without a ratio": lambda n, o, a, clip: -(a * n).mean(),
    "without its sign": lambda n, o, a, clip: loss()(n, o, abs(a), clip),
    "you whitened the advantages": lambda n, o, a, clip: loss()(n, o, (a - a.mean()) / a.std(), clip),
    "should return a Tensor": lambda n, o, a, clip: loss()(n, o, a, clip).item(),
}.items():
    bank.wrong(says)(answer)


@bank.wrong("you took the mean before the smaller")
def means(log_probs, old_log_probs, advantages, clip):
    ratio = torch.exp(log_probs - old_log_probs)
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return -torch.min((ratio * advantages).mean(), (clipped * advantages).mean())


@bank.wrong()
def with_a_penalty(log_probs, old_log_probs, advantages, clip):
    return loss()(log_probs, old_log_probs, advantages, clip) + 0.1 * (old_log_probs - log_probs).mean()


@bank.wrong()
def of_good_tokens_only(log_probs, old_log_probs, advantages, clip):
    return loss()(log_probs, old_log_probs, advantages.clamp(min=0), clip)
