"""Wrong answers to two sums of memory, in lessons 04 and 00, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

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
    "you counted three vectors in each head: queries are not kept, only a key and a value": (
        _cache(lambda right, **_: right / 2 * 3)
    ),
    "you counted keys and values twice": _cache(lambda right, **_: right * 2),
    "you took the query heads of each key-value head: there are n_kv_heads keys": (
        _cache(lambda right, heads, kv, **_: right * heads / kv / kv)
    ),
    "you counted one token too few: the last token is kept as well, n_tokens and not n_tokens - 1": (
        _cache(lambda right, tokens, **_: right / tokens * (tokens - 1))
    ),
    "you counted one token too many: n_tokens are kept, not n_tokens + 1": (
        _cache(lambda right, tokens, **_: right / tokens * (tokens + 1))
    ),
    "you divided by 8: bytes_per_number is in bytes already, not bits": _cache(lambda right, **_: right / 8),
    "you wrote ^ for a power: to Python that is another operation (xor). Write 2**30": (
        _cache(lambda right, **_: right * GIB / (2 ^ 30))
    ),
    "you gave KiB: divide the bytes by 2**30, not by 2**10": _cache(lambda right, **_: right * 2**20),
    "you gave MB: divide the bytes by 2**30, not by 10**6": _cache(lambda right, **_: right * GIB / 10**6),
    "you cut the result to a whole number: a fraction of a GiB counts": _cache(lambda right, **_: int(right)),
    **{
        f"you rounded the result to {digits} digits: give it as it is": (
            _cache(lambda right, digits=digits, **_: round(right, digits))
        )
        for digits in (0, 1, 2, 3)
    },
    **{
        f"you took a fixed {what}, {number}, whatever is given": (
            _cache(lambda right, part=part, number=number, **given: right / given[part] * number)
        )
        for part, what, number in (
            ("dim", "head_dim", 128),
            ("kv", "number of key-value heads", 8),
            ("layers", "number of layers", 80),
            ("layers", "number of layers", 32),
            ("tokens", "number of tokens", 4096),
            ("size", "number of bytes", 2),
        )
    },
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
    "you took the card's GB for GiB, as its box does: here card_gb counts 10**9 bytes already": (
        _left(lambda w, c, card, n, **_: card / GB * GIB - w - n * c)
    ),
    "you counted in GiB throughout: your sum is right, and only its unit another; the result counts 10**9 bytes": (
        _left(lambda w, c, card, n, **_: (card - w - n * c) / GIB * GB)
    ),
    "you took GB for the weights and GiB for the cache: divide both by 10**9, not by 2**30": (
        _left(lambda w, c, card, n, **_: card - w - n * c / GIB * GB)
    ),
    "you took GiB for the weights and GB for the cache: divide both by 10**9, not by 2**30": (
        _left(lambda w, c, card, n, **_: card - w / GIB * GB - n * c)
    ),
    "you gave MB, of 10**6 bytes: divide by 10**9": _left(lambda w, c, card, n, **_: (card - w - n * c) * 1000),
    "you gave the rest without its sign, as abs does: below 0 it says how much is lacking": (
        _left(lambda w, c, card, n, **_: abs(card - w - n * c))
    ),
    "you added up tokens and sequences, n_tokens + batch_size: every sequence has n_tokens of its own": (
        _left(lambda w, c, card, n, tokens, **_: card - w - c / tokens * (tokens + n))
    ),
    "you halved the cache: cached_per_token has keys and values in it, and both are kept": (
        _left(lambda w, c, card, n, **_: card - w - n * c / 2)
    ),
    "you multiplied only the cache by bytes_per_number: the numbers of the model take as many bytes": (
        _left(lambda w, c, card, n, size, **_: card - w / size - n * c)
    ),
    "you took 2 bytes for each number, whatever is given: multiply by bytes_per_number": (
        _left(lambda w, c, card, n, size, **_: card - (w + n * c) / size * 2)
    ),
    "you gave a whole number of GB, rounded down: a fraction of a GB counts": (
        _left(lambda w, c, card, n, **_: (card - w - n * c) // GB * GB)
    ),
    "you gave a whole number of GB, cut off by int: a fraction of a GB counts": (
        _left(lambda w, c, card, n, **_: int((card - w - n * c) / GB) * GB)
    ),
    **{
        f"you rounded the result to {digits} digits: give it as it is": (
            _left(lambda w, c, card, n, digits=digits, **_: round((card - w - n * c) / GB, digits) * GB)
        )
        for digits in (0, 1, 2)
    },
    "you gave the share of the card that is free, a fraction: give GB": (
        _left(lambda w, c, card, n, **_: (card - w - n * c) / card * GB)
    ),
    "you gave the share of the card that is used, a fraction: give the GB that are free": (
        _left(lambda w, c, card, n, **_: (w + n * c) / card * GB)
    ),
}
