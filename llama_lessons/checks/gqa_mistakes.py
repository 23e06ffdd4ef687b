"""Wrong answers to the last two exercises of lesson 04, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _interleave(k: Tensor, n_heads: int) -> Tensor:
    return k.repeat_interleave(n_heads // k.shape[1], dim=1)


def _tile(k: Tensor, n_heads: int) -> Tensor:
    return k.repeat(1, n_heads // k.shape[1], 1, 1)


def _decode(
    spread: Callable = _interleave,  # (B, Hkv, S, D), H -> (B, H, S, D)
    spread_v: Callable | None = None,
    scale: Callable = lambda q, k: q.shape[2] ** 0.5,
    weigh: Callable = lambda scores: scores.softmax(-1),  # (B, H, S) -> (B, H, S)
    mix: Callable = lambda weights, keys, values: (weights[..., None, :] @ values)[..., 0, :],
) -> Callable:
    """Decoding in its own way."""

    def decode(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        keys, values = spread(k, q.shape[1]), (spread_v or spread)(v, q.shape[1])
        scores = (keys @ q[..., None])[..., 0] / scale(q, k)  # (B, H, S)
        return mix(weigh(scores), keys, values)

    return decode


_grouped = _decode()


def _one_query_a_group(choose: Callable) -> Callable:
    """Decoding with one query for each group, `choose((B, Hkv, H / Hkv, D)) -> (B, Hkv, D)`."""

    def decode(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        one = choose(q.unflatten(1, (k.shape[1], -1)))
        return _grouped(one, k, v).repeat_interleave(q.shape[1] // k.shape[1], dim=1)

    return decode


def _all_use(head: int) -> Callable:
    return _decode(lambda k, n_heads: k[:, [head]].expand(-1, n_heads, -1, -1))


def _weighted(length: Callable) -> Callable:
    """Decoding that sees `length(keys or values)` of the tokens only."""
    return lambda q, k, v: _grouped(q, length(k), length(v))


DECODE_MISTAKES = {
    "you used repeat, which deals the key-value heads out in turn: neighbours share one, as repeat_interleave does": (
        _decode(_tile)
    ),
    "your keys are shared by neighbours and your values in turn: both must be shared alike": (
        _decode(_interleave, _tile)
    ),
    "your values are shared by neighbours and your keys in turn: both must be shared alike": (
        _decode(_tile, _interleave)
    ),
    "all your query heads use the first key-value head": _all_use(0),
    "all your query heads use the last key-value head": _all_use(-1),
    "you took the key-value heads in reverse, the last one first": (
        _decode(lambda k, n_heads: _interleave(k.flip(1), n_heads))
    ),
    "you averaged the key-value heads: each group uses its own": (
        _decode(lambda k, n_heads: k.mean(1, keepdim=True).expand(-1, n_heads, -1, -1))
    ),
    "you averaged the queries of a group: they share keys and values, each asks for itself": (
        _one_query_a_group(lambda groups: groups.mean(2))
    ),
    "you added up the queries of a group: they share keys and values, each asks for itself": (
        _one_query_a_group(lambda groups: groups.sum(2))
    ),
    "you used the first query of a group for all of them: they share keys and values, each asks for itself": (
        _one_query_a_group(lambda groups: groups[:, :, 0])
    ),
    "you used the last query of a group for all of them: they share keys and values, each asks for itself": (
        _one_query_a_group(lambda groups: groups[:, :, -1])
    ),
    "your results are in another order than the queries: head 0's first, then head 1's": (
        lambda q, k, v: _grouped(q, k, v).unflatten(1, (k.shape[1], -1)).transpose(1, 2).flatten(1, 2)
    ),
    "you masked as if the new token were the first: it is the last, and may see all": _weighted(lambda x: x[:, :, :1]),
    "you hid the new token from itself: the last key is its own": _weighted(lambda x: x[:, :, :-1]),
    "you hid the first token: the new one may see all": _weighted(lambda x: x[:, :, 1:]),
    "you looked at the new token only: it may see all that came before it": _weighted(lambda x: x[:, :, -1:]),
    "you took the plain mean of the values: the scores say how much each one counts": (
        _decode(scale=lambda q, k: torch.inf)
    ),
    "you forgot to divide the scores by the root of D": _decode(scale=lambda q, k: 1),
    "you divided by the root of S: it is the root of D, the channels of a query": (
        _decode(scale=lambda q, k: k.shape[2] ** 0.5)
    ),
    "you divided by the root of H, the number of heads: it is the root of D, the channels of a query": (
        _decode(scale=lambda q, k: q.shape[1] ** 0.5)
    ),
    "you divided by the root of H * D, of all heads together: it is the root of D, the channels of one": (
        _decode(scale=lambda q, k: (q.shape[1] * q.shape[2]) ** 0.5)
    ),
    "you divided by D: it is the root of D": _decode(scale=lambda q, k: q.shape[2]),
    "you multiplied by the root of D: divide the scores by it": _decode(scale=lambda q, k: q.shape[2] ** -0.5),
    **{
        f"you divided by a number of your own, {number}, whatever D is: it is the root of D": (
            _decode(scale=lambda q, k, number=number: number)
        )
        for number in (2, 8)
    },
    "you divided by the root of D after the softmax: divide the scores, before it": (
        lambda q, k, v: _decode(scale=lambda q, k: 1)(q, k, v) / q.shape[2] ** 0.5
    ),
    "your softmax runs over the heads: it runs over the tokens, the last axis of the scores": (
        _decode(weigh=lambda scores: scores.softmax(1))
    ),
    "your softmax runs over the texts: it runs over the tokens, the last axis of the scores": (
        _decode(weigh=lambda scores: scores.softmax(0))
    ),
    "your weights are all 1, as if the softmax ran over the one query: it runs over the tokens": (
        _decode(weigh=torch.ones_like)
    ),
    "you forgot the softmax: scores are no weights yet": _decode(weigh=lambda scores: scores),
    "you mixed the keys in place of the values": (
        _decode(mix=lambda weights, keys, values: (weights[..., None, :] @ keys)[..., 0, :])
    ),
    "you scored with the values in place of the keys": lambda q, k, v: _grouped(q, v, v),
    "you exchanged keys and values: keys are scored, values are mixed": lambda q, k, v: _grouped(q, v, k),
    "you used the first text's keys and values for all: each text has its own": (
        lambda q, k, v: _grouped(q, k[:1], v[:1])
    ),
}


def _by_group(combine: Callable) -> Callable:
    """Pooling by `combine((Hkv, H/Hkv, D, C)) -> (Hkv, D, C)`."""
    return lambda weight, n_kv_heads, head_dim: combine(weight.unflatten(0, (n_kv_heads, -1, head_dim))).flatten(0, 1)


POOL_MISTAKES = {
    "you pooled every second, third, ... head: a group is made of neighbouring heads": (
        lambda weight, n_kv_heads, head_dim: weight.unflatten(0, (-1, n_kv_heads, head_dim)).mean(0).flatten(0, 1)
    ),
    "you pooled neighbouring rows: pool whole heads, row 0 of one with row 0 of the other": (
        lambda weight, n_kv_heads, head_dim: weight.unflatten(0, (n_kv_heads * head_dim, -1)).mean(1)
    ),
    "you added the heads up: take their mean": _by_group(lambda heads: heads.sum(1)),
    "you divided by the root of the number of heads: take their mean": (
        _by_group(lambda heads: heads.sum(1) / heads.shape[1] ** 0.5)
    ),
    "you divided by the number of all heads: divide by the heads in a group": (
        _by_group(lambda heads: heads.sum(1) / heads.shape[0] / heads.shape[1])
    ),
    "you divided by the number of groups: divide by the heads in a group": (
        _by_group(lambda heads: heads.sum(1) / heads.shape[0])
    ),
    "you divided by head_dim, the rows of a head: divide by the heads in a group": (
        _by_group(lambda heads: heads.sum(1) / heads.shape[2])
    ),
    "you divided by 2, whatever the number of heads in a group is": _by_group(lambda heads: heads.sum(1) / 2),
    "you kept the first head of each group: take the mean of all of them": _by_group(lambda heads: heads[:, 0]),
    "you kept the last head of each group: take the mean of all of them": _by_group(lambda heads: heads[:, -1]),
    "you pooled the first two of each group: take the mean of all of them": _by_group(
        lambda heads: heads[:, :2].mean(1)
    ),
    "you pooled the first and the last of each group: take the mean of all of them": (
        _by_group(lambda heads: (heads[:, 0] + heads[:, -1]) / 2)
    ),
    "you took the median of the heads: take their mean": _by_group(lambda heads: heads.median(1).values),
    "you took the largest of the heads' numbers: take their mean": _by_group(lambda heads: heads.amax(1)),
    "you kept the first heads and dropped the others: every head belongs to a group": (
        lambda weight, n_kv_heads, head_dim: weight[: n_kv_heads * head_dim]
    ),
    "you kept the last heads and dropped the others: every head belongs to a group": (
        lambda weight, n_kv_heads, head_dim: weight[-n_kv_heads * head_dim :]
    ),
    "you took the mean of all heads for every group: each group has its own": (
        lambda weight, n_kv_heads, head_dim: weight.unflatten(0, (-1, head_dim)).mean(0).repeat(n_kv_heads, 1)
    ),
    "you gave every head its group's mean: each group becomes one head": _by_group(
        lambda heads: heads.mean(1, keepdim=True).expand_as(heads).flatten(1, 2)
    ),
    "you gave one row for each head: a head keeps its head_dim rows": _by_group(
        lambda heads: heads.mean((1, 2))[:, None]
    ),
    "you took the mean over the rows of a head: take it over the heads of a group": (
        _by_group(lambda heads: heads.mean(2))
    ),
    "you took n_kv_heads for the size of a group: it is the number of heads that shall be left": (
        lambda weight, n_kv_heads, head_dim: weight.unflatten(0, (-1, n_kv_heads, head_dim)).mean(1).flatten(0, 1)
    ),
}
