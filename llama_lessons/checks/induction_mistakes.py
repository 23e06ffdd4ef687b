"""Wrong answers to lesson 02's exercise on induction heads, each under the words that a reader is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def repeats(ids: list[int], first: bool = False) -> list[tuple[int, int]]:
    """For each token that has occurred before: its place, and that of its last (or first) occurrence before."""
    before: dict[int, int] = {}
    found = []
    for t, token in enumerate(ids):
        if token in before:
            found.append((t, before[token]))
        if not (first and token in before):
            before[token] = t
    return found


def _score(place: Callable[[int, int], tuple[int, int]], first: bool = False) -> Callable:
    """The mean weight at `place(t, s)`: token t occurred before at s."""

    def score(weights: Tensor, ids: list[int]) -> Tensor:
        return torch.stack([weights[:, *place(t, s)] for t, s in repeats(ids, first)]).mean(0)

    return score


def _times(factor: Callable[[int, int], float]) -> Callable:
    """The right mean, times `factor(number of repeats, T)`."""
    right = _score(lambda t, s: (t, s + 1))
    return lambda weights, ids: right(weights, ids) * factor(len(repeats(ids)), len(ids))


INDUCTION_MISTAKES = {
    "you looked at the earlier occurrence itself: an induction head looks at the token after it": (
        _score(lambda t, s: (t, s))
    ),
    "you looked at the token before the earlier occurrence: it is the one after it that comes next": (
        _score(lambda t, s: (t, s - 1))
    ),
    "you exchanged rows and columns: row t holds what token t looks at": _score(lambda t, s: (s + 1, t)),
    "you read the row of the token before: it is the repeated token that looks": _score(lambda t, s: (t - 1, s + 1)),
    "you took the first occurrence where a token has several: take the last one before it": (
        _score(lambda t, s: (t, s + 1), first=True)
    ),
    "you scored the previous token: look where the repeated token occurred before": _score(lambda t, s: (t, t - 1)),
    "you added up: take the mean": _times(lambda n, n_tokens: n),
    "you divided by all tokens: the mean is over those that have occurred before": _times(lambda n, n_all: n / n_all),
}
