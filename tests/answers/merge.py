"""Lesson 08, exercise 3: merge."""

from __future__ import annotations

import torch

from llama_lessons.checks.lora import check_merge
from tests.answers.bank import Bank

bank = Bank(check_merge)


@bank.right
def in_one_call(weight, a, b, alpha):
    return torch.addmm(weight.float(), b, a, alpha=alpha / a.shape[0]).to(weight.dtype)


@bank.right
def term_by_term_in_double_precision(weight, a, b, alpha):
    total = weight.double()
    for row, column in zip(a.double(), b.double().unbind(1), strict=True):
        total += torch.einsum("o,i->oi", column, row) * alpha / len(a)
    return total.to(weight.dtype)


def merged(weight, a, b, alpha, scale=lambda alpha, a, b: alpha / len(a), change=None):
    """The lesson's solution, with a reader's usual mistakes to choose from."""
    product = (change or torch.matmul)(b, a) * scale(alpha, a, b)
    return (weight + product).to(weight.dtype)


def twice(weight, a, b, alpha):
    for _ in range(2):
        weight = merged(weight.float(), a, b, alpha).to(weight.dtype)
    return weight


def rounds_the_change(weight, a, b, alpha):
    return weight + ((b @ a) * alpha / len(a)).to(weight.dtype)


def rounds_the_factors(weight, a, b, alpha):
    return weight + b.to(weight.dtype) @ a.to(weight.dtype) * (alpha / len(a))


for says, answer in {
    "you forgot the scale": lambda *given: merged(*given, scale=lambda alpha, a, b: 1),
    "you scaled by alpha: scale": lambda *given: merged(*given, scale=lambda alpha, a, b: alpha),
    "it is alpha / rank": lambda *given: merged(*given, scale=lambda alpha, a, b: len(a) / alpha),
    "you scaled by alpha / sqrt(rank)": lambda *given: merged(*given, scale=lambda alpha, a, b: alpha / len(a) ** 0.5),
    "the wrong side of a": lambda *given: merged(*given, scale=lambda alpha, a, b: alpha / a.shape[1]),
    "the wrong side of b": lambda *given: merged(*given, scale=lambda alpha, a, b: alpha / len(b)),
    "you divided by 8": lambda *given: merged(*given, scale=lambda alpha, a, b: alpha / 8),
    "you subtracted the change": lambda *given: merged(*given, scale=lambda alpha, a, b: -alpha / len(a)),
    "you merged twice": lambda *given: merged(*given, scale=lambda alpha, a, b: 2 * alpha / len(a)),
    "you gave the change alone": lambda weight, a, b, alpha: merged(0 * weight, a, b, alpha),
    "you scaled the weight too": lambda weight, a, b, alpha: merged(
        weight.float() * alpha / len(a), a, b, alpha
    ).type_as(weight),
    "the first row of a": lambda *given: merged(*given, change=lambda b, a: b[:, :1] * a[:1]),
    "you rounded the change to the weight's type before": rounds_the_change,
    "you rounded a and b to the weight's type first, and scaled": rounds_the_factors,
    "Its type is torch.float32": lambda weight, *others: merged(weight.float(), *others),
}.items():
    bank.wrong(says)(answer)


@bank.wrong("changed the arguments")
def in_place(weight, a, b, alpha):
    return weight.add_(((b @ a) * alpha / len(a)).type_as(weight))


@bank.wrong()
def of_the_sizes(weight, a, b, alpha):
    return merged(weight, a.abs(), b.abs(), alpha)
