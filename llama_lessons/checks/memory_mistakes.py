"""Wrong answers to the exercises of lesson 00, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable

GB, GIB = 10**9, 2**30


def _cache(change: Callable) -> Callable:
    """A wrong cache: the right GiB, changed; the arguments come by short names."""

    def wrong(n_layers: int, n_heads: int, n_kv_heads: int, head_dim: int, n_tokens: int, size: int) -> float:
        right = 2 * n_layers * n_kv_heads * head_dim * n_tokens * size / GIB
        return change(right, layers=n_layers, heads=n_heads, kv=n_kv_heads, dim=head_dim, tokens=n_tokens, size=size)

    return wrong


CACHE_MISTAKES = {
    "you counted keys only: each key has a value beside it, which makes twice as many numbers": (
        _cache(lambda right, **_: right / 2)
    ),
    "you took the query heads: only keys and values are kept; with 64 query heads and 8 key-value heads, "
    "that is 8 times too much": _cache(lambda right, heads, kv, **_: right * heads / kv),
    "you kept the queries as well: a query is used when its token comes, and then never again": (
        _cache(lambda right, heads, kv, **_: right * (heads + 2 * kv) / (2 * kv))
    ),
    "you left out the layers: each layer keeps keys and values of its own": (
        _cache(lambda right, layers, **_: right / layers)
    ),
    "you left out the heads: each key-value head of a layer keeps a vector": (
        _cache(lambda right, kv, **_: right / kv)
    ),
    "you left out head_dim: a key is not a number but a vector of head_dim numbers": (
        _cache(lambda right, dim, **_: right / dim)
    ),
    "you counted one token: the keys and values of all of them are kept": (
        _cache(lambda right, tokens, **_: right / tokens)
    ),
    "you counted every pair of tokens: the cache keeps one key and one value per token, not per pair": (
        _cache(lambda right, tokens, **_: right * tokens)
    ),
    "you counted numbers, not bytes: multiply by bytes_per_number": _cache(lambda right, size, **_: right / size),
    "you took 4 bytes for each number, as in float32: multiply by bytes_per_number": (
        _cache(lambda right, size, **_: right / size * 4)
    ),
    "you counted bits: bytes_per_number is in bytes, and a GiB is 2**30 bytes": _cache(lambda right, **_: right * 8),
    "you gave bytes: divide by 2**30": _cache(lambda right, **_: right * GIB),
    "you gave MiB: divide the bytes by 2**30, not by 2**20": _cache(lambda right, **_: right * 1024),
    "you gave GB, of 10**9 bytes: a GiB is 2**30 bytes, 7 % more": _cache(lambda right, **_: right * GIB / GB),
}


def _left(change: Callable) -> Callable:
    """A wrong rest, in GB: made of the bytes of the weights, of one sequence's cache, of the card, and what else."""

    def wrong(card_gb: float, n_params: int, per_token: int, n_tokens: int, batch: int, size: int) -> float:
        weights, cache = n_params * size, n_tokens * per_token * size
        return change(weights, cache, card_gb * GB, n=batch, tokens=n_tokens, size=size) / GB

    return wrong


LEFT_MISTAKES = {
    "you forgot the cache: to write, a model needs more than its weights": _left(lambda w, c, card, **_: card - w),
    "you forgot the weights": _left(lambda w, c, card, n, **_: card - n * c),
    "you counted the cache of one sequence: each sequence of the batch has its own": (
        _left(lambda w, c, card, **_: card - w - c)
    ),
    "you counted the cache of one token: each token of a sequence is kept": (
        _left(lambda w, c, card, n, tokens, **_: card - w - n * c / tokens)
    ),
    "you counted the weights once per sequence: all sequences share them": (
        _left(lambda w, c, card, n, **_: card - n * (w + c))
    ),
    "you took 4 bytes for each number, as in float32: multiply by bytes_per_number": (
        _left(lambda w, c, card, n, size, **_: card - (w + n * c) / size * 4)
    ),
    "you counted numbers, not bytes: multiply by bytes_per_number": (
        _left(lambda w, c, card, n, size, **_: card - (w + n * c) / size)
    ),
    "you multiplied only the weights by bytes_per_number: the numbers of the cache take as many bytes": (
        _left(lambda w, c, card, n, size, **_: card - w - n * c / size)
    ),
    "you counted the cache twice: cached_per_token has keys and values in it already": (
        _left(lambda w, c, card, n, **_: card - w - 2 * n * c)
    ),
    "you mixed GB and GiB: card_gb and the result count 10**9 bytes, so divide by 10**9, not by 2**30": (
        _left(lambda w, c, card, n, **_: card - (w + n * c) / GIB * GB)
    ),
    "you gave bytes: divide by 10**9": _left(lambda w, c, card, n, **_: (card - w - n * c) * GB),
    "you gave what is needed: take it away from what the card has": _left(lambda w, c, card, n, **_: w + n * c),
    "you turned it round: take what is needed away from what the card has": (
        _left(lambda w, c, card, n, **_: w + n * c - card)
    ),
    "you stopped at 0: a rest below 0 says how much is lacking": (
        _left(lambda w, c, card, n, **_: max(0, card - w - n * c))
    ),
}


def _batch(change: Callable) -> Callable:
    """A wrong batch: made of the bytes of the weights, of one sequence's cache, of the card, and what else."""

    def wrong(card_gb: float, n_params: int, per_token: int, n_tokens: int, size: int) -> int:
        return change(n_params * size, n_tokens * per_token * size, card_gb * GB, tokens=n_tokens, size=size)

    return wrong


BATCH_MISTAKES = {
    "you forgot the weights: they are there before the first sequence": (
        _batch(lambda w, c, card, **_: int(card // c))
    ),
    "you rounded up: the last sequence would not fit any more": (
        _batch(lambda w, c, card, **_: max(0, math.ceil((card - w) / c)))
    ),
    "you rounded to the nearest: half a sequence does not fit, so round down": (
        _batch(lambda w, c, card, **_: max(0, round((card - w) / c)))
    ),
    "you gave a number below 0: where not even the weights fit, the batch is 0": (
        _batch(lambda w, c, card, **_: int((card - w) // c))
    ),
    "you rounded towards 0 without stopping there: where not even the weights fit, the batch is 0": (
        _batch(lambda w, c, card, **_: int((card - w) / c))
    ),
    "you counted the weights once per sequence: all sequences share them": (
        _batch(lambda w, c, card, **_: int(card // (w + c)))
    ),
    "you counted the cache of one token: each sequence keeps n_tokens of them": (
        _batch(lambda w, c, card, tokens, **_: max(0, int((card - w) // (c / tokens))))
    ),
    "you took a GB for 2**30 bytes: card_gb counts 10**9 bytes, whatever a box calls GB": (
        _batch(lambda w, c, card, **_: max(0, int((card / GB * GIB - w) // c)))
    ),
    "you counted numbers, not bytes: multiply by bytes_per_number": (
        _batch(lambda w, c, card, size, **_: max(0, int((card - w / size) // (c / size))))
    ),
    "you multiplied only the weights by bytes_per_number: the numbers of the cache take as many bytes": (
        _batch(lambda w, c, card, size, **_: max(0, int((card - w) // (c / size))))
    ),
    "you took 4 bytes for each number, as in float32: multiply by bytes_per_number": (
        _batch(lambda w, c, card, size, **_: max(0, int((card - w / size * 4) // (c / size * 4))))
    ),
    "you are one below: count a sequence that just fits": (
        _batch(lambda w, c, card, **_: max(0, int((card - w) // c) - 1))
    ),
}
