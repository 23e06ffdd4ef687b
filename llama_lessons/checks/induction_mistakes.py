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


def _found(weights: Tensor, ids: list[int]) -> Tensor:
    """The right weights, shape (repeats, H)."""
    return torch.stack([weights[:, t, s + 1] for t, s in repeats(ids)])


def _summed_up(sum_up: Callable) -> Callable:
    """The right weights (repeats, H), made one number for each head in another way."""
    return lambda weights, ids: sum_up(_found(weights, ids))


def _times(factor: Callable[[int, list[int]], float]) -> Callable:
    """The right mean, times `factor(number of repeats, ids)`."""
    return lambda weights, ids: _found(weights, ids).mean(0) * factor(len(repeats(ids)), ids)


def _chosen(choose: Callable[[list[int]], list[tuple[int, int]]]) -> Callable:
    """The mean weight of the row t at the column s + 1, for other pairs (t, s)."""
    return lambda weights, ids: torch.stack([weights[:, t, s + 1] for t, s in choose(ids)]).mean(0)


def _all_earlier(ids: list[int]) -> list[tuple[int, int]]:
    return [(t, s) for t in range(len(ids)) for s in range(t) if ids[s] == ids[t]]


def _sums_of_all_earlier(weights: Tensor, ids: list[int]) -> Tensor:
    return sum(weights[:, t, s + 1] for t, s in _all_earlier(ids)) / len(repeats(ids))


def _mean_of_means(weights: Tensor, ids: list[int]) -> Tensor:
    places = repeats(ids)
    tokens = dict.fromkeys(ids[t] for t, _ in places)
    rows = [torch.stack([weights[:, t, s + 1] for t, s in places if ids[t] == token]).mean(0) for token in tokens]
    return torch.stack(rows).mean(0)


INDUCTION_MISTAKES = {
    "you looked at the earlier occurrence itself: an induction head looks at the token after it": (
        _score(lambda t, s: (t, s))
    ),
    "you looked at the token before the earlier occurrence: it is the one after it that comes next": (
        _score(lambda t, s: (t, s - 1))
    ),
    "you looked two places after the earlier occurrence, one place too far": _score(lambda t, s: (t, s + 2)),
    "you read a row of the earlier occurrence, or exchanged rows and columns: row t holds what token t looks at": (
        _score(lambda t, s: (s + 1, t))
    ),
    "you read the row of the token before: it is the repeated token that looks": _score(lambda t, s: (t - 1, s + 1)),
    "you read the row of the token after: it is the repeated token that looks": _score(lambda t, s: (t + 1, s + 1)),
    "you took the first occurrence where a token has several: take the last one before it": (
        _score(lambda t, s: (t, s + 1), first=True)
    ),
    "you scored the previous token: look where the repeated token occurred before": _score(lambda t, s: (t, t - 1)),
    "you scored how much a repeated token looks at itself": _score(lambda t, s: (t, t)),
    "you took the sum over all earlier occurrences of a token: only the last one before it counts": (
        _sums_of_all_earlier
    ),
    "you took the mean over all earlier occurrences of a token: only the last one before it counts": _chosen(
        _all_earlier
    ),
    "you took the second half for a repeat of the first: look for each token where it occurred before": (
        _chosen(lambda ids: [(t, t - len(ids) // 2) for t in range(len(ids) // 2, len(ids))])
    ),
    "you left out what repeats the token at place 0: to Python 0 is false, so ask `is not None`, or `in`": (
        _chosen(lambda ids: [(t, s) for t, s in repeats(ids) if s])
    ),
    "you left out the first repeat": _summed_up(lambda rows: rows[len(rows) > 1 :].mean(0)),
    "you left out the last repeat": _summed_up(lambda rows: rows[: max(len(rows) - 1, 1)].mean(0)),
    "you left out the last token of the text": _chosen(lambda ids: repeats(ids[:-1])),
    "you took one mean for each different token, and the mean of these means: every repeat counts alike": (
        _mean_of_means
    ),
    "you added up: take the mean": _summed_up(lambda rows: rows.sum(0)),
    "you divided by all tokens: the mean is over those that have occurred before": (
        _times(lambda n, ids: n / len(ids))
    ),
    "you divided by all tokens but one: the mean is over those that have occurred before": (
        _times(lambda n, ids: n / (len(ids) - 1))
    ),
    "you divided by the number of different tokens: the mean is over all that have occurred before": (
        _times(lambda n, ids: n / len(set(ids)))
    ),
    "you divided by one repeat too many": _times(lambda n, ids: n / (n + 1)),
    "you divided twice by the number of repeats": _times(lambda n, ids: 1 / n),
    "you took the median: the mean is asked for": _summed_up(lambda rows: rows.median(0).values),
    "you took the largest: the mean is asked for": _summed_up(lambda rows: rows.amax(0)),
    "you took the mean over the heads as well: each head has a score of its own": _summed_up(Tensor.mean),
    "you took the mean over the heads, not over the tokens: each head has a score of its own": (
        _summed_up(lambda rows: rows.mean(1))
    ),
    "you scored the first head only: each head has a score of its own": _summed_up(lambda rows: rows.mean(0)[0]),
    "you gave a weight for each repeat, and not yet their mean": _summed_up(lambda rows: rows),
    "you dropped the axis of heads where there is only one": _summed_up(lambda rows: rows.mean(0).squeeze()),
}
