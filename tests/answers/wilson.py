"""Lesson 11, exercise 3: Wilson's interval."""

from __future__ import annotations

import math

from llama_lessons.checks.evaluation import check_wilson
from llama_lessons.score import Score
from tests.answers.bank import Bank

bank = Bank(check_wilson)


@bank.right
def the_packages(n_right, n):
    score = Score.of(n_right, n)
    return score.low, score.high


@bank.right
def as_roots_of_a_quadratic(n_right, n):
    a, b, c = n + 1.96**2, -(2 * n_right + 1.96**2), n_right**2 / n
    root = math.sqrt(b * b - 4 * a * c)
    return [(-b - root) / (2 * a), (-b + root) / (2 * a)]


def ends(n_right, n, z=1.96, middle=None, half=None, scale=None):
    """The lesson's solution, with a reader's usual mistakes to choose from."""
    p, scale = n_right / n, 1 + z * z / n if scale is None else scale
    middle = (p + z * z / (2 * n)) / scale if middle is None else middle(p)
    half = z / scale * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) if half is None else half(p)
    return middle - half, middle + half


for says, answer in {
    "share ± z √(share (1 − share) / n): with": lambda k, n: ends(
        k, n, middle=lambda p: p, half=lambda p: 1.96 * (p * (1 - p) / n) ** 0.5
    ),
    "cut off at 0 and 1": lambda k, n: tuple(
        min(1, max(0, k / n + way * 1.96 * (k / n * (1 - k / n) / n) ** 0.5)) for way in (-1.0, 1.0)
    ),
    "you left the middle at the share": lambda k, n: ends(k, n, middle=lambda p: p),
    "kept the plain half-width": lambda k, n: ends(k, n, half=lambda p: 1.96 * (p * (1 - p) / n) ** 0.5),
    "divided neither": lambda k, n: ends(k, n, scale=1),
    "you moved the middle by z² / n": lambda k, n: ends(k, n, middle=lambda p: (p + 1.96**2 / n) / (1 + 1.96**2 / n)),
    "you left out z² / 4n²": lambda k, n: ends(
        k, n, half=lambda p: 1.96 / (1 + 1.96**2 / n) * (p * (1 - p) / n) ** 0.5
    ),
    "you took z = 1:": lambda k, n: ends(k, n, z=1),
    "you took z = 1.645": lambda k, n: ends(k, n, z=1.645),
    "you took z = 2:": lambda k, n: ends(k, n, z=2),
    "you took z = 2.576": lambda k, n: ends(k, n, z=2.576),
    "you gave per cent": lambda k, n: tuple(100 * end for end in ends(k, n)),
    "you gave the upper end first": lambda k, n: ends(k, n)[::-1],
    "you gave numbers of answers": lambda k, n: tuple(n * end for end in ends(k, n)),
    "you gave the interval of the wrong answers": lambda k, n: ends(n - k, n),
}.items():
    bank.wrong(says)(answer)
bank.wrong()(lambda k, n: ends(k, n, z=1.5))
bank.wrong()(lambda k, n: (0.0, 1.0))
