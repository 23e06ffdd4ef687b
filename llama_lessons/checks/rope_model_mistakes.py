"""Wrong answers to the last two exercises of lesson 03, where RoPE meets a cache and another program's layout.

Each stands under the words that a reader who made the mistake is told, and is here to be run: a reader's answer that
gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.rope import rope_angles, rotate


def _at(x: Tensor, start: int) -> Tensor:
    """Rows (T, D) turned by the places from `start` on."""
    angles = rope_angles(torch.arange(start, start + len(x)), x.shape[1])
    return rotate(x[None, :, None], angles.cos(), angles.sin())[0, :, 0]


def _backwards(x: Tensor, start: int) -> Tensor:
    angles = rope_angles(torch.arange(start, start + len(x)), x.shape[1])
    return rotate(x[None, :, None], angles.cos(), -angles.sin())[0, :, 0]


def _at_one_place(x: Tensor, start: int) -> Tensor:
    angles = rope_angles(torch.tensor([start]), x.shape[1])
    return rotate(x[None, :, None], angles.cos(), angles.sin())[0, :, 0]


def _scores(query: Callable, key: Callable, old: Callable = lambda kept: kept) -> Callable:
    """Scores of queries and keys that are turned by functions of (rows, number of cached tokens)."""
    return lambda q, k, kept: query(q, len(kept)) @ torch.cat((old(kept), key(k, len(kept)))).T


SCORES_MISTAKES = {
    "you ignored the offset: with a cache, the new tokens stand behind those in it, from place len(cached) on": (
        _scores(lambda q, n: _at(q, 0), lambda k, n: _at(k, 0))
    ),
    "you ignored the offset for the queries: they stand where their keys stand": (_scores(lambda q, n: _at(q, 0), _at)),
    "you ignored the offset for the new keys: they stand where their queries stand": (
        _scores(_at, lambda k, n: _at(k, 0))
    ),
    "the keys are not turned: a score knows the distance only if both sides are": _scores(_at, lambda k, n: k),
    "the queries are not turned: a score knows the distance only if both sides are": _scores(lambda q, n: q, _at),
    "nothing was turned: turn the new queries and keys": _scores(lambda q, n: q, lambda k, n: k),
    "you gave all new tokens one place: they stand at len(cached), len(cached) + 1, and so on": (
        _scores(_at_one_place, _at_one_place)
    ),
    "you turned the cached keys once more: they were turned when they were new": _scores(_at, _at, lambda c: _at(c, 0)),
    "the offset is one too large: places count from 0, so the first new token stands at len(cached)": (
        _scores(lambda q, n: _at(q, n + 1), lambda k, n: _at(k, n + 1))
    ),
    "the new keys stand before the cached ones: the cached tokens came first": (
        lambda q, k, kept: _at(q, len(kept)) @ torch.cat((_at(k, len(kept)), kept)).T
    ),
    "the queries are turned backwards: then the angles add up, and the score knows the sum of the places": (
        _scores(_backwards, _at)
    ),
    "you divided by the root of D: here the bare dot products are asked for": (
        lambda q, k, kept: _at(q, len(kept)) @ torch.cat((kept, _at(k, len(kept)))).T / q.shape[1] ** 0.5
    ),
}


def _even_then_odd(weight: Tensor, n_heads: int) -> Tensor:
    return weight.unflatten(0, (n_heads, -1, 2)).transpose(1, 2).flatten(0, 2)


def _export(query: Callable, key: Callable) -> Callable:
    """Both matrices, reordered by functions of (weight, its own number of heads)."""
    return lambda wq, wk, n_heads, n_kv_heads: (query(wq, n_heads), key(wk, n_kv_heads))


def _both(reorder: Callable) -> Callable:
    return _export(reorder, reorder)


def _as_it_is(weight: Tensor, n_heads: int) -> Tensor:
    return weight.clone()


EXPORT_MISTAKES = {
    "you left the rows as they are: that is the classic bug, a text that decays": _both(_as_it_is),
    "you cut wk into n_heads heads: it has n_kv_heads of them": (
        lambda wq, wk, n_heads, n_kv_heads: (_even_then_odd(wq, n_heads), _even_then_odd(wk, n_heads))
    ),
    "you cut wq into n_kv_heads heads: it has n_heads of them": (
        lambda wq, wk, n_heads, n_kv_heads: (_even_then_odd(wq, n_kv_heads), _even_then_odd(wk, n_kv_heads))
    ),
    "you exchanged the axis of heads with that of pairs: each head's rows stay together": (
        _both(lambda w, n: w.unflatten(0, (n, -1, 2)).transpose(0, 1).flatten(0, 2))
    ),
    "you sorted the rows of the whole matrix: each head is sorted by itself": _both(lambda w, n: _even_then_odd(w, 1)),
    "this is the way back, from Hugging Face's order to Meta's": (
        _both(lambda w, n: w.unflatten(0, (n, 2, -1)).transpose(1, 2).flatten(0, 2))
    ),
    "the odd rows come first: the even ones are the first channels of the pairs": (
        _both(lambda w, n: w.unflatten(0, (n, -1, 2)).flip(2).transpose(1, 2).flatten(0, 2))
    ),
    "you sorted the columns: the channels that turn are what comes out, and a Linear keeps those in rows": (
        _both(lambda w, n: w[:, torch.arange(w.shape[1]).view(n, -1, 2).transpose(1, 2).flatten()])
    ),
    "you left wk as it is: keys turn as well as queries": _export(_even_then_odd, _as_it_is),
    "you left wq as it is: queries turn as well as keys": _export(_as_it_is, _even_then_odd),
}
