"""Wrong answers to the last two exercises of lesson 04, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def _decode(spread: Callable, spread_v: Callable | None = None, scale: Callable = lambda q, k: q.shape[2] ** 0.5):
    """Decoding with keys and values spread over the query heads by `spread((B, Hkv, S, D), H)`."""

    def decode(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        keys, values = spread(k, q.shape[1]), (spread_v or spread)(v, q.shape[1])
        scores = (keys @ q[..., None])[..., 0] / scale(q, k)  # (B, H, S)
        return (scores.softmax(-1)[..., None, :] @ values)[..., 0, :]

    return decode


def _interleave(k: Tensor, n_heads: int) -> Tensor:
    return k.repeat_interleave(n_heads // k.shape[1], dim=1)


def _tile(k: Tensor, n_heads: int) -> Tensor:
    return k.repeat(1, n_heads // k.shape[1], 1, 1)


_grouped = _decode(_interleave)


def _softmax_over_heads(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = (_interleave(k, q.shape[1]) @ q[..., None])[..., 0] / q.shape[2] ** 0.5
    return (scores.softmax(1)[..., None, :] @ _interleave(v, q.shape[1]))[..., 0, :]


def _one_query_a_group(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    mean = q.unflatten(1, (k.shape[1], -1)).mean(2)
    return _grouped(mean, k, v).repeat_interleave(q.shape[1] // k.shape[1], dim=1)


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
    "all your query heads use the first key-value head": (
        _decode(lambda k, n_heads: k[:, :1].expand(-1, n_heads, -1, -1))
    ),
    "you averaged the key-value heads: each group uses its own": (
        _decode(lambda k, n_heads: k.mean(1, keepdim=True).expand(-1, n_heads, -1, -1))
    ),
    "you averaged the queries of a group: they share keys and values, each asks for itself": _one_query_a_group,
    "your results are in another order than the queries: head 0's first, then head 1's": (
        lambda q, k, v: _grouped(q, k, v).unflatten(1, (k.shape[1], -1)).transpose(1, 2).flatten(1, 2)
    ),
    "you masked as if the new token were the first: it is the last, and may see all": (
        lambda q, k, v: _grouped(q, k[:, :, :1], v[:, :, :1])
    ),
    "you hid the new token from itself: the last key is its own": (
        lambda q, k, v: _grouped(q, k[:, :, :-1], v[:, :, :-1])
    ),
    "you forgot to divide the scores by the root of D": _decode(_interleave, scale=lambda q, k: 1),
    "you divided by the root of S: it is the root of D, the channels of a query": (
        _decode(_interleave, scale=lambda q, k: k.shape[2] ** 0.5)
    ),
    "you divided by D: it is the root of D": _decode(_interleave, scale=lambda q, k: q.shape[2]),
    "your softmax runs over the heads: it runs over the tokens, the last axis of the scores": _softmax_over_heads,
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
    "you kept the first head of each group: take the mean of all of them": _by_group(lambda heads: heads[:, 0]),
    "you kept the last head of each group: take the mean of all of them": _by_group(lambda heads: heads[:, -1]),
    "you kept the first heads and dropped the others: every head belongs to a group": (
        lambda weight, n_kv_heads, head_dim: weight[: n_kv_heads * head_dim]
    ),
    "you took the mean of all heads for every group: each group has its own": (
        lambda weight, n_kv_heads, head_dim: weight.unflatten(0, (-1, head_dim)).mean(0).repeat(n_kv_heads, 1)
    ),
    "you divided by the number of groups: divide by the heads in a group": (
        _by_group(lambda heads: heads.sum(1) / heads.shape[0])
    ),
}
