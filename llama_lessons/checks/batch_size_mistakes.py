"""Wrong answers to lesson 00's exercise on the largest batch, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llama_lessons.checks.memory_mistakes import GB, GIB


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
    "you left out a sequence that just fits: what fills the card to the last byte fits, so compare with <=": (
        _batch(lambda w, c, card, **_: max(0, math.ceil((card - w) / c) - 1))
    ),
    "you are one above: the last sequence does not fit any more": (
        _batch(lambda w, c, card, **_: max(0, int((card - w) // c) + 1))
    ),
    "you are one above, and where nothing fits as well: the last sequence does not fit any more": (
        _batch(lambda w, c, card, **_: max(0, int((card - w) // c)) + 1)
    ),
    "you gave -1 where not even the weights fit: there the batch is 0, not below 0": (
        _batch(lambda w, c, card, **_: max(-1, int((card - w) // c)))
    ),
    "you gave at least 1: where not even one sequence fits, the batch is 0": (
        _batch(lambda w, c, card, **_: max(1, int((card - w) // c)))
    ),
    "you took the rest without its sign, as abs does: where not even the weights fit, the batch is 0": (
        _batch(lambda w, c, card, **_: int(abs(card - w) // c))
    ),
    "you gave a fraction: half a sequence does not fit, so round down": (
        _batch(lambda w, c, card, **_: max(0, (card - w) / c))
    ),
    "you gave a fraction, and a number below 0 where not even the weights fit: round down, and stop at 0": (
        _batch(lambda w, c, card, **_: (card - w) / c)
    ),
    "you rounded what is free down to whole GB first: round the number of sequences alone": (
        _batch(lambda w, c, card, **_: max(0, int((card - w) // GB * GB // c)))
    ),
    "you counted the cache twice: cached_per_token has keys and values in it already": (
        _batch(lambda w, c, card, **_: max(0, int((card - w) // (2 * c))))
    ),
    "you halved the cache: cached_per_token has keys and values in it, and both are kept": (
        _batch(lambda w, c, card, **_: max(0, int((card - w) // (c / 2))))
    ),
    "you multiplied only the cache by bytes_per_number: the numbers of the model take as many bytes": (
        _batch(lambda w, c, card, size, **_: max(0, int((card - w / size) // c)))
    ),
    "you took 2 bytes for each number, whatever is given: multiply by bytes_per_number": (
        _batch(lambda w, c, card, size, **_: max(0, int((card - w / size * 2) // (c / size * 2))))
    ),
    "you took the weights twice": _batch(lambda w, c, card, **_: max(0, int((card - 2 * w) // c))),
    **{
        f"you tried no more than {limit}: more may fit, so go on until one does not": (
            _batch(lambda w, c, card, limit=limit, **_: max(0, min(limit, int((card - w) // c))))
        )
        for limit in (10, 64, 100, 1000)
    },
    **{
        f"you tried fewer than {limit}: more may fit, so go on until one does not": (
            _batch(lambda w, c, card, limit=limit, **_: max(0, min(limit - 1, int((card - w) // c))))
        )
        for limit in (100, 1000)
    },
}
