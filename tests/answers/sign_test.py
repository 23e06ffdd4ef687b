"""Lesson 11, exercise 4: two models on the same questions."""

from __future__ import annotations

import math
from itertools import combinations

from llama_lessons import score
from llama_lessons.checks.evaluation import check_sign_test
from tests.answers.bank import Bank

bank = Bank(check_sign_test)


def only(one, other):
    pairs = list(zip(one, other, strict=True))
    return sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)


@bank.right
def the_packages(one, other):
    return score.sign_test(*only(one, other))


@bank.right
def both_ends_by_choosing(one, other):
    a, b = only(one, other)
    n = a + b
    ways = sum(
        1 for size in range(n + 1) if abs(2 * size - n) >= abs(a - b) for _chosen in combinations(range(n), size)
    )
    return ways / 2**n


def tail(k, n):
    return sum(math.comb(n, j) for j in range(k + 1)) / 2**n


def exact(a, b):
    return min(1.0, 2 * tail(min(a, b), a + b))


def normal(z):
    return math.erfc(abs(z) / 2**0.5)


def chi_square(one, other):
    a, b = only(one, other)
    return normal((a - b) / (a + b) ** 0.5) if a + b else 1.0


def two_shares(one, other):
    n, p, q = len(one), sum(one) / len(one), sum(other) / len(other)
    middle = (p + q) / 2
    return normal((p - q) / (middle * (1 - middle) * 2 / n) ** 0.5)


for says, answer in {
    "you looked at one side alone": lambda one, other: tail(min(only(one, other)), sum(only(one, other))),
    "side of the first model": lambda one, other: min(1.0, 2 * tail(only(one, other)[0], sum(only(one, other)))),
    "side of the second model": lambda one, other: min(1.0, 2 * tail(only(one, other)[1], sum(only(one, other)))),
    "the larger of the two": lambda one, other: min(1.0, 2 * tail(max(only(one, other)), sum(only(one, other)))),
    "no p-value is above 1": lambda one, other: 2 * tail(min(only(one, other)), sum(only(one, other))),
    "the chance of exactly this split: less": lambda one, other: (
        math.comb(sum(only(one, other)), only(one, other)[0]) / 2 ** sum(only(one, other))
    ),
    "you counted how many each got right": lambda one, other: exact(sum(one), sum(other)),
    "you threw a coin for every question": lambda one, other: min(1.0, 2 * tail(min(only(one, other)), len(one))),
    "you took McNemar's approximation, χ²": chi_square,
    "two shares of different questions": two_shares,
    "one minus the p-value": lambda one, other: 1 - exact(*only(one, other)),
    "the share of the differing questions": lambda one, other: (
        only(one, other)[0] / sum(only(one, other)) if sum(only(one, other)) else 0.0
    ),
    "the difference of the two scores": lambda one, other: sum(one) / len(one) - sum(other) / len(other),
    "you gave 0 where the models differ on nothing": lambda one, other: (
        exact(*only(one, other)) if one != other else 0.0
    ),
}.items():
    bank.wrong(says)(answer)
bank.wrong()(lambda one, other: 0.05)
bank.wrong()(lambda one, other: exact(*only(one, other)) / 3)
