"""Wrong times of a decoding step, lesson 07, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple


class _Step(NamedTuple):
    """What an exercise gives: numbers of the model and of one text's cache, texts, bytes, bytes/s, operations/s."""

    n_params: int
    cached: int
    batch: int
    size: float
    bandwidth: float
    flops: float

    def n_bytes(self) -> float:
        """That are read."""
        return (self.n_params + self.batch * self.cached) * self.size

    def n_operations(self) -> float:
        """That are done."""
        return 2 * self.n_params * self.batch

    def reading(self) -> float:
        """Seconds."""
        return self.n_bytes() / self.bandwidth

    def computing(self) -> float:
        """Seconds."""
        return self.n_operations() / self.flops

    def longer(self) -> float:
        """Seconds."""
        return max(self.reading(), self.computing())


def _seconds(change: Callable[[_Step], float]) -> Callable:
    """A step's time, made in another way of what is given."""
    return lambda *given: change(_Step(*given))


def _reading(n_bytes: Callable[[_Step], float]) -> Callable:
    """Another number of bytes is read."""
    return _seconds(lambda step: max(n_bytes(step) / step.bandwidth, step.computing()))


def _computing(n_operations: Callable[[_Step], float]) -> Callable:
    """Another number of operations is done."""
    return _seconds(lambda step: max(step.reading(), n_operations(step) / step.flops))


def _then(change: Callable[[float], float]) -> Callable:
    """The right time, changed at the end."""
    return _seconds(lambda step: change(step.longer()))


STEP_MISTAKES = {
    "you added the two times: reading and computing go on side by side, so the longer one counts": (
        _seconds(lambda step: step.reading() + step.computing())
    ),
    "you took the mean of the two times: the longer one counts": (
        _seconds(lambda step: (step.reading() + step.computing()) / 2)
    ),
    "you took the shorter time: the step is over when both are done": (
        _seconds(lambda step: min(step.reading(), step.computing()))
    ),
    "you compared bytes with operations: compare the times, amounts divided by their speeds": (
        _seconds(lambda step: step.reading() if step.n_bytes() > step.n_operations() else step.computing())
    ),
    "you compared the speeds: compare the times, and take the longer one": (
        _seconds(lambda step: step.reading() if step.bandwidth < step.flops else step.computing())
    ),
    **{
        f"you took the arithmetic from {n} rows on, and memory below: take the longer one, whichever it is": _seconds(
            lambda step, n=n: step.computing() if step.batch >= n else step.reading()
        )
        for n in (2, 8, 16)
    },
    "you left out the arithmetic: with many rows it takes longer than reading": _seconds(_Step.reading),
    "you left out memory: with few rows reading takes longer than the arithmetic": _seconds(_Step.computing),
    "you read the weights once for every row: all rows share one reading, which is the point of a batch": (
        _reading(lambda step: (step.n_params + step.cached) * step.batch * step.size)
    ),
    "you read the weights once for every row, and one cache for all: it is the other way round": (
        _reading(lambda step: (step.n_params * step.batch + step.cached) * step.size)
    ),
    "you read the weights twice: once is enough": (
        _reading(lambda step: (2 * step.n_params + step.batch * step.cached) * step.size)
    ),
    "you left out the weights: they are read as well, once": _reading(
        lambda step: step.batch * step.cached * step.size
    ),
    "you left out the caches: they are read as well, each row its own": _reading(
        lambda step: step.n_params * step.size
    ),
    "you read one cache for all rows: each row has its own": (
        _reading(lambda step: (step.n_params + step.cached) * step.size)
    ),
    "you read each cache twice, for keys and for values: `cached` holds both": (
        _reading(lambda step: (step.n_params + 2 * step.batch * step.cached) * step.size)
    ),
    "you subtracted the caches: they are read as well": (
        _reading(lambda step: (step.n_params - step.batch * step.cached) * step.size)
    ),
    "you multiplied weights and caches: add what is read": (
        _reading(lambda step: step.n_params * step.batch * step.cached * step.size)
    ),
    "you counted one operation for each weight: it takes two, a multiplication and an addition": (
        _computing(lambda step: step.n_params * step.batch)
    ),
    "you counted six operations for each weight, as in training: decoding takes 2": (
        _computing(lambda step: 6 * step.n_params * step.batch)
    ),
    "you counted four operations for each weight: it takes 2": _computing(lambda step: 4 * step.n_params * step.batch),
    "you counted the arithmetic of one row: each row multiplies with every weight": (
        _computing(lambda step: 2 * step.n_params)
    ),
    "you counted operations with the cache, too: attention's own arithmetic is left out": (
        _computing(lambda step: 2 * (step.n_params + step.cached) * step.batch)
    ),
    "you counted operations with all caches, for every row: attention's own arithmetic is left out": (
        _computing(lambda step: 2 * (step.n_params + step.batch * step.cached) * step.batch)
    ),
    "you counted operations with what is read, the caches, too: the weights times the rows count": (
        _computing(lambda step: 2 * (step.n_params + step.batch * step.cached))
    ),
    "you left the rows out of both: each row has its own cache and its own arithmetic": (
        _seconds(lambda step: step._replace(batch=1).longer())
    ),
    "you read numbers, not bytes: multiply by bytes_per_number": (
        _reading(lambda step: step.n_params + step.batch * step.cached)
    ),
    "you read the weights in numbers and the caches in bytes: multiply both by bytes_per_number": (
        _reading(lambda step: step.n_params + step.batch * step.cached * step.size)
    ),
    "you read the weights in bytes and the caches in numbers: multiply both by bytes_per_number": (
        _reading(lambda step: step.n_params * step.size + step.batch * step.cached)
    ),
    "you divided by bytes_per_number: multiply numbers by it": (
        _reading(lambda step: (step.n_params + step.batch * step.cached) / step.size)
    ),
    **{
        f"you took {n} bytes for a number, whatever is given: it has bytes_per_number": _reading(
            lambda step, n=n: step._replace(size=n).n_bytes()
        )
        for n in (2, 4)
    },
    "you read bits: bandwidth is in bytes": _reading(lambda step: 8 * step.n_bytes()),
    "you divided by 8, as if bytes_per_number were bits": _reading(lambda step: step.n_bytes() / 8),
    "you multiplied the arithmetic by bytes_per_number: operations have no bytes": (
        _computing(lambda step: step.n_operations() * step.size)
    ),
    "you exchanged the speeds: bytes are divided by bandwidth, operations by flops": (
        _seconds(lambda step: max(step.n_bytes() / step.flops, step.n_operations() / step.bandwidth))
    ),
    "you divided the wrong way round, speeds by amounts: that is steps per second": (
        _seconds(lambda step: max(1 / step.reading(), 1 / step.computing()))
    ),
    "you multiplied amounts by speeds: divide by them": _seconds(
        lambda step: max(step.n_bytes() * step.bandwidth, step.n_operations() * step.flops)
    ),
    "you gave the steps per second: give the seconds of one": _then(lambda seconds: 1 / seconds),
    "you gave tokens per second: give the seconds of one step": _seconds(lambda step: step.batch / step.longer()),
    "you divided by the number of rows: that is the time for each token, and the step's was asked for": (
        _seconds(lambda step: step.longer() / step.batch)
    ),
    "you multiplied by the number of rows: one step is for all rows": _seconds(lambda step: step.longer() * step.batch),
    "you divided with //, which gives whole seconds: use /": (
        _seconds(lambda step: max(step.n_bytes() // step.bandwidth, step.n_operations() // step.flops))
    ),
    "you rounded to whole seconds: give them as they are": _then(lambda seconds: float(round(seconds))),
    "you rounded up to whole seconds: give them as they are": _then(math.ceil),
    "you gave milliseconds, 1000 of them in a second: give seconds": _then(lambda seconds: 1000 * seconds),
    "you gave microseconds: give seconds": _then(lambda seconds: 1e6 * seconds),
    "you gave both times: give the longer one": _seconds(lambda step: (step.reading(), step.computing())),
}
