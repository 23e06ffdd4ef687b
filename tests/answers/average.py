"""Lesson 13, exercise 1: gradients averaged by tokens."""

from __future__ import annotations

import torch

from llama_lessons.checks.parallel import check_average
from tests.answers.bank import Bank

bank = Bank(check_average)


@bank.right
def with_a_loop(gradients, n_tokens):
    total = torch.zeros_like(gradients[0])
    for gradient, n in zip(gradients, n_tokens, strict=True):
        total += gradient * n
    return total / sum(n_tokens)


@bank.right
def with_shares(gradients, n_tokens):
    shares = torch.tensor(n_tokens) / sum(n_tokens)
    return torch.tensordot(shares, torch.stack(gradients), dims=1)


@bank.right
def token_by_token(gradients, n_tokens):
    return torch.stack(gradients).repeat_interleave(torch.tensor(n_tokens), 0).mean(0)


def summed(weights):
    """An answer that multiplies each gradient by its own of weights(n_tokens)."""
    return lambda gradients, n_tokens: sum(g * w for g, w in zip(gradients, weights(n_tokens), strict=True))


for says, answer in {
    "the mean of the gradients by all tokens": lambda gradients, n_tokens: (
        torch.stack(gradients).mean(0) / sum(n_tokens)
    ),
    "by the square of all tokens": summed(lambda ns: [n / sum(ns) ** 2 for n in ns]),
    "rounded the weights to whole": summed(lambda ns: [round(n / sum(ns)) for n in ns]),
    "every rank the same weight": lambda gradients, n_tokens: torch.stack(gradients).mean(0),
    "added the gradients up without weights": lambda gradients, n_tokens: torch.stack(gradients).sum(0),
    "forgot to divide": summed(lambda ns: ns),
    "divided by the number of ranks: by": summed(lambda ns: [n / len(ns) for n in ns]),
    "by the number of ranks as well": lambda gradients, n_tokens: with_a_loop(gradients, n_tokens) / len(gradients),
    "divided each gradient by its rank's tokens: it": summed(lambda ns: [1 / n for n in ns]),
    "divided the plain sum by all tokens": lambda gradients, n_tokens: sum(gradients) / sum(n_tokens),
    "the wrong way round": summed(lambda ns: [1 / n / sum(1 / m for m in ns) for n in ns]),
    "the largest number of tokens": summed(lambda ns: [n / max(ns) for n in ns]),
    "the mean number of tokens": summed(lambda ns: [n / (sum(ns) / len(ns)) for n in ns]),
    "gave the first rank's": lambda gradients, n_tokens: 1 * gradients[0],
    "of the rank with most tokens": lambda gradients, n_tokens: gradients[
        max(range(len(n_tokens)), key=n_tokens.__getitem__)
    ],
    "each rank's part: add": lambda gradients, n_tokens: [
        g * n / sum(n_tokens) for g, n in zip(gradients, n_tokens, strict=True)
    ],
    "rounded the weights down": summed(lambda ns: [n // sum(ns) for n in ns]),
    "squares of the numbers": summed(lambda ns: [n * n / sum(m * m for m in ns) for n in ns]),
}.items():
    bank.wrong(says)(answer)


@bank.wrong("changed the arguments")
def in_place(gradients, n_tokens):
    total = gradients[0]
    total *= n_tokens[0]
    for gradient, n in zip(gradients[1:], n_tokens[1:], strict=True):
        total += gradient * n
    return total / sum(n_tokens)


@bank.wrong()
def all_but_one_token(gradients, n_tokens):
    return summed(lambda ns: [n / (sum(ns) + 1) for n in ns])(gradients, n_tokens)
