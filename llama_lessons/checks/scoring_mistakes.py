"""Wrong answers to the last two exercises of lesson 07, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor


def _gathered(table: Tensor, ids: list[int], first_row: int = 0, first_id: int = 1) -> Tensor:
    """Entries of a table (T, V), one for each row and id in turn, from a first row and a first id on: (T-1,)."""
    n = len(ids) - 1
    rows = range(first_row, first_row + n)
    return table[list(rows), ids[first_id : first_id + n]]


def _looked_up(change: Callable, **places: int) -> Callable:
    """A look-up in a table made of the logits: change(logits) -> (T, V)."""
    return lambda logits, ids: _gathered(change(logits), ids, **places)


def _log(logits: Tensor) -> Tensor:
    return logits.log_softmax(-1)


LOG_PROBS_MISTAKES = {
    "you did not shift: row t holds the scores of what comes *after* token t, so token t + 1 is looked up there": (
        _looked_up(_log, first_row=1, first_id=1)
    ),
    "you looked up each token in its own row and left out the last one: row t is about token t + 1, and it is the "
    "first token that nobody predicted": _looked_up(_log, first_row=0, first_id=0),
    "you shifted the wrong way: token t + 1 is looked up in row t, not token t in row t + 1": (
        _looked_up(_log, first_row=1, first_id=0)
    ),
    "you left out the logarithm": _looked_up(lambda logits: logits.softmax(-1)),
    "you left out the softmax: scores are no logarithms of probabilities yet": _looked_up(lambda logits: logits),
    "you took the logarithm of scores: the softmax comes first": _looked_up(lambda logits: logits.log()),
    "you took the logarithm of a softmax: a probability too small for float32 is 0 there, and its logarithm minus "
    "infinity. log_softmax never leaves the logarithms": _looked_up(lambda logits: logits.softmax(-1).log()),
    "you took logarithms to the base 2: that gives bits, and nats were asked for (torch.log)": (
        _looked_up(lambda logits: _log(logits) / math.log(2))
    ),
    "you took logarithms to the base 10: the natural one was asked for (torch.log)": (
        _looked_up(lambda logits: _log(logits) / math.log(10))
    ),
    "you normalised down the columns: the softmax runs over the vocabulary (dim=-1)": (
        _looked_up(lambda logits: logits.log_softmax(0))
    ),
    "your signs are wrong: a logarithm of a probability is at most 0. With a minus before it, it is a loss": (
        _looked_up(lambda logits: -_log(logits))
    ),
    "you looked up the likeliest token instead of the one that came": lambda logits, ids: _log(logits).amax(-1)[:-1],
    "you added them up as you went: give each token's own number": (
        lambda logits, ids: _gathered(_log(logits), ids).cumsum(0)
    ),
}


def _seconds(change: Callable) -> Callable:
    """A step's time from other parts: of weights, of one cache and of reading in seconds, and what else is known."""

    def step(n_params: int, cached: int, batch: int, size: int, bandwidth: float, flops: float) -> float:
        weights, cache = n_params * size / bandwidth, cached * size / bandwidth
        work = 2 * n_params * batch / flops
        return change(weights, cache, work, batch=batch, size=size)

    return step


STEP_MISTAKES = {
    "you added the two times: reading and computing go on side by side, so the longer one counts": (
        _seconds(lambda weights, cache, work, batch, **_: weights + batch * cache + work)
    ),
    "you took the shorter time: the step is over when both are done": (
        _seconds(lambda weights, cache, work, batch, **_: min(weights + batch * cache, work))
    ),
    "you left out the arithmetic: with many rows it takes longer than reading": (
        _seconds(lambda weights, cache, work, batch, **_: weights + batch * cache)
    ),
    "you left out memory: with few rows reading takes longer than the arithmetic": (
        _seconds(lambda weights, cache, work, **_: work)
    ),
    "you read the weights once for every row: all rows share one reading, which is the point of a batch": (
        _seconds(lambda weights, cache, work, batch, **_: max(batch * (weights + cache), work))
    ),
    "you left out the caches: they are read as well, each row its own": (
        _seconds(lambda weights, cache, work, **_: max(weights, work))
    ),
    "you read one cache for all rows: each row has its own": (
        _seconds(lambda weights, cache, work, **_: max(weights + cache, work))
    ),
    "you counted one operation for each weight: it takes two, a multiplication and an addition": (
        _seconds(lambda weights, cache, work, batch, **_: max(weights + batch * cache, work / 2))
    ),
    "you counted the arithmetic of one row: each row multiplies with every weight": (
        _seconds(lambda weights, cache, work, batch, **_: max(weights + batch * cache, work / batch))
    ),
    "you read numbers, not bytes: multiply by bytes_per_number": (
        _seconds(lambda weights, cache, work, batch, size: max((weights + batch * cache) / size, work))
    ),
    "you read the weights in numbers and the caches in bytes: multiply both by bytes_per_number": (
        _seconds(lambda weights, cache, work, batch, size: max(weights / size + batch * cache, work))
    ),
    "you multiplied the arithmetic by bytes_per_number: operations have no bytes": (
        _seconds(lambda weights, cache, work, batch, size: max(weights + batch * cache, work * size))
    ),
    "you gave the steps per second: give the seconds of one": (
        _seconds(lambda weights, cache, work, batch, **_: 1 / max(weights + batch * cache, work))
    ),
    "you gave tokens per second: give the seconds of one step": (
        _seconds(lambda weights, cache, work, batch, **_: batch / max(weights + batch * cache, work))
    ),
    "you divided by the number of rows: that is the time for each token, and the step's was asked for": (
        _seconds(lambda weights, cache, work, batch, **_: max(weights + batch * cache, work) / batch)
    ),
}
