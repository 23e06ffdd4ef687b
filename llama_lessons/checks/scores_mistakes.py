"""Wrong answers to lesson 03's exercise on scores with a cache, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.rope import rope_angles, rotate


def _turned(x: Tensor, places: Tensor) -> Tensor:
    """Rows (T, D) turned by places (T,)."""
    angles = rope_angles(places, x.shape[1])
    return rotate(x[None, :, None], angles.cos(), angles.sin())[0, :, 0]


def _at(shift: int = 0) -> Callable:
    """Rows turned by their places behind n cached ones, all of them `shift` too far."""
    return lambda x, n: _turned(x, n + shift + torch.arange(len(x)))


def _from(start: Callable[[int, int], int]) -> Callable:
    """Rows turned by places that begin at `start(number of new tokens, number of cached ones)`."""
    return lambda x, n: _turned(x, start(len(x), n) + torch.arange(len(x)))


def _all_at(place: Callable[[int, int], int]) -> Callable:
    """Rows all turned by one place, `place(number of new tokens, number of cached ones)`."""
    return lambda x, n: _turned(x, torch.full((len(x),), place(len(x), n)))


def _backwards(x: Tensor, n: int) -> Tensor:
    return _turned(x, -n - torch.arange(len(x)))


def _in_reverse(x: Tensor, n: int) -> Tensor:
    return _turned(x, (n + torch.arange(len(x))).flip(0))


def _turned_twice(x: Tensor, n: int) -> Tensor:
    return _at()(_at()(x, n), n)


def _not_turned(x: Tensor, n: int) -> Tensor:
    return x


def _scores(query: Callable = _at(), key: Callable = _at(), old: Callable = lambda kept: kept) -> Callable:  # noqa: B008
    """Scores of queries and keys that are turned by functions of (rows, number of cached tokens)."""
    return lambda q, k, kept: query(q, len(kept)) @ torch.cat((old(kept), key(k, len(kept)))).T


def _both(turn: Callable) -> Callable:
    return _scores(turn, turn)


def _changed(change: Callable[[Tensor, int, int], Tensor]) -> Callable:
    """The right scores (T, S), changed by a function of (scores, D, number of cached tokens)."""
    return lambda q, k, kept: change(_scores()(q, k, kept), q.shape[1], len(kept))


def _masked(scores: Tensor, width: int, n: int) -> Tensor:
    return scores.masked_fill(~torch.ones_like(scores).tril(n).bool(), -torch.inf)


SCORES_MISTAKES = {
    "you ignored the offset: with a cache, the new tokens stand behind those in it, from place len(cached) on": (
        _both(_from(lambda new, n: 0))
    ),
    "you ignored the offset for the queries: they stand where their keys stand": _scores(query=_from(lambda new, n: 0)),
    "you ignored the offset for the new keys: they stand where their queries stand": (
        _scores(key=_from(lambda new, n: 0))
    ),
    "the keys are not turned: a score knows the distance only if both sides are": _scores(key=_not_turned),
    "the queries are not turned: a score knows the distance only if both sides are": _scores(query=_not_turned),
    "nothing was turned: turn the new queries and keys": _both(_not_turned),
    "you gave all new tokens one place: they stand at len(cached), len(cached) + 1, and so on": (
        _both(_all_at(lambda new, n: n))
    ),
    "all queries stand at one place, len(cached): each stands where its key stands": _scores(_all_at(lambda new, n: n)),
    "all queries stand at the last place: each stands where its key stands": _scores(
        _all_at(lambda new, n: n + new - 1)
    ),
    "all new keys stand at one place, len(cached): each stands where its query stands": (
        _scores(key=_all_at(lambda new, n: n))
    ),
    "you turned the cached keys once more: they were turned when they were new": (
        _scores(old=lambda kept: _at()(kept, 0))
    ),
    "the offset is one too large: places count from 0, so the first new token stands at len(cached)": _both(_at(1)),
    "the offset is one too small: the last cached token stands at len(cached) - 1, the first new one behind it": (
        _both(_at(-1))
    ),
    "the queries are one too far: they stand where their keys stand": _scores(query=_at(1)),
    "the queries are one place too early: they stand where their keys stand": _scores(query=_at(-1)),
    "the new keys are one too far: they stand where their queries stand": _scores(key=_at(1)),
    "the new keys are one place too early: they stand where their queries stand": _scores(key=_at(-1)),
    "the places start from the number of new tokens, len(q): they start from that of the cached ones": (
        _both(_from(lambda new, n: new))
    ),
    "the places start from the number of all tokens: the first new one stands at len(cached)": (
        _both(_from(lambda new, n: n + new))
    ),
    "the new keys are placed behind the queries: they stand where their queries stand": (
        _scores(key=_from(lambda new, n: n + new))
    ),
    "the queries are placed behind the new keys: they stand where their keys stand": (
        _scores(query=_from(lambda new, n: n + new))
    ),
    "the places stand in reverse order: the first new token stands at len(cached)": _both(_in_reverse),
    "the new keys stand before the cached ones: the cached tokens came first": (
        lambda q, k, kept: _at()(q, len(kept)) @ torch.cat((_at()(k, len(kept)), kept)).T
    ),
    "the queries are turned backwards: then the angles add up, and the score knows the sum of the places": (
        _scores(query=_backwards)
    ),
    "the keys are turned backwards: then the angles add up, and the score knows the sum of the places": (
        _scores(key=_backwards)
    ),
    "the new queries and keys are turned backwards, and the cached keys were turned forward": _both(_backwards),
    "the queries are turned twice": _scores(query=_turned_twice),
    "the new keys are turned twice": _scores(key=_turned_twice),
    "you exchanged queries and keys: a row for each query, a column for each key": (
        lambda q, k, kept: _scores()(k, q, kept)
    ),
    "you scored queries with queries: the new keys belong behind the cached ones": (
        lambda q, k, kept: _scores()(q, q, kept)
    ),
    "you divided by the root of D: here the bare dot products are asked for": (
        _changed(lambda scores, width, n: scores / width**0.5)
    ),
    "you took the softmax: here the bare dot products are asked for": (
        _changed(lambda scores, width, n: scores.softmax(-1))
    ),
    "you masked: here the bare dot products of all pairs are asked for": _changed(_masked),
    "you exchanged rows and columns: a row for each query, a column for each key": (
        _changed(lambda scores, width, n: scores.T)
    ),
    "you left out the cached keys: they are seen as well, and come first": (
        _changed(lambda scores, width, n: scores[:, n:])
    ),
    "you left out the new keys: they are seen as well, behind the cached ones": (
        _changed(lambda scores, width, n: scores[:, :n])
    ),
    "you scored each query with its own key only: it meets all keys": (
        _changed(lambda scores, width, n: scores[:, n:].diagonal())
    ),
    "you gave the score of the last query only: each new query has a row": (
        _changed(lambda scores, width, n: scores[-1])
    ),
}
