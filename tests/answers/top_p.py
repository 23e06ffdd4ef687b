"""Lesson 07, exercise 2: top-p, as Meta keeps tokens."""

from __future__ import annotations

import torch

from llama_lessons.checks.sampling import check_top_p
from llama_lessons.sampling import next_token_probs
from tests.answers.bank import Bank

bank = Bank(check_top_p)
bank.right(lambda probs, top_p: next_token_probs(probs.log()[None], 1.0, top_p=top_p)[0])


@bank.right
def as_meta_writes_it(probs, top_p):
    """sample_top_p of Meta's generation.py, but for the draw."""
    probs_sort, probs_idx = torch.sort(probs, dim=-1, descending=True)
    probs_sum = torch.cumsum(probs_sort, dim=-1)
    probs_sort[probs_sum - probs_sort > top_p] = 0.0
    probs_sort.div_(probs_sort.sum(dim=-1, keepdim=True))
    return torch.zeros_like(probs).scatter(0, probs_idx, probs_sort)


def nucleus(probs, top_p, order=lambda probs: probs.argsort(descending=True), before=True, scale=None):
    """Token by token: kept until the sum is too large, before a token is added to it or with it."""
    total, kept = 0.0, torch.zeros_like(probs)
    for token in order(probs).tolist():
        if (total if before else total + probs[token].item()) > top_p:
            break
        kept[token] = probs[token]
        total += probs[token].item()
    return scale(kept) if scale else kept / kept.sum()


bank.right(lambda probs, top_p: nucleus(probs, top_p))


def stays_sorted(probs, top_p):
    return nucleus(probs, top_p).sort(descending=True).values


def shuffles_once_more(probs, top_p):
    values, order = probs.sort(descending=True)
    values = values.where(values.cumsum(0) - values <= top_p, 0.0)
    return values[order] / values.sum()


def the_mask_of_another_order(probs, top_p):
    values = probs.sort(descending=True).values
    kept = probs * (values.cumsum(0) - values <= top_p)
    return kept / kept.sum()


def keeps_until_it_is_met(probs, top_p):
    values, order = probs.sort(descending=True)
    values[values.cumsum(0) - values >= top_p] = 0
    return torch.zeros_like(probs).scatter(0, order, values / values.sum())


def one_by_one(probs, top_p):
    return torch.where(probs >= top_p, probs, 0) / torch.where(probs >= top_p, probs, 0).sum()


for says, answer in {
    "crosses top_p: a token stays": lambda *given: nucleus(*given, before=False),
    "you sorted ascending: begin": lambda *given: nucleus(*given, order=torch.argsort),
    "you did not sort: the sum": lambda *given: nucleus(*given, order=lambda probs: torch.arange(len(probs))),
    "two orders": the_mask_of_another_order,
    "you forgot to normalise": lambda *given: nucleus(*given, scale=lambda kept: kept),
    "you divided by top_p": lambda probs, top_p: nucleus(probs, top_p, scale=lambda kept: kept / top_p),
    "you took the softmax of what was left: it": lambda *given: nucleus(*given, scale=lambda kept: kept.softmax(0)),
    "the same probability": lambda *given: nucleus(*given, scale=lambda kept: (kept > 0) / (kept > 0).sum()),
    "in the order of likelihood: put each back": stays_sorted,
    "shuffles once more": shuffles_once_more,
    "exactly top_p: Meta keeps it": keeps_until_it_is_met,
    "each probability with top_p by itself: it": one_by_one,
    "min-p": lambda probs, top_p: nucleus(probs, 1.0, scale=lambda kept: one_by_one(kept, top_p * kept.max())),
    "you compared the sum with 1 - top_p": lambda probs, top_p: nucleus(probs, 1 - top_p),
    "you kept only the likeliest": lambda probs, top_p: nucleus(probs, 0.0),
    "nothing was cut": lambda probs, top_p: nucleus(probs, 1.0),
    "probabilities already, not scores": lambda probs, top_p: nucleus(torch.softmax(probs, 0), top_p),
}.items():
    bank.wrong(says)(answer)


@bank.wrong("Its shape is")
def keeps_only_what_stays(probs, top_p):
    kept = nucleus(probs, top_p)
    return kept[kept > 0]


@bank.wrong()
def squares(probs, top_p):
    return nucleus(probs.square() / probs.square().sum(), top_p)
