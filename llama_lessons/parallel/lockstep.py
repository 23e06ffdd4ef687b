"""All ranks in one kernel, in turns, always alike; and a record of who sends what to whom, and who holds what."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import torch
from torch import Tensor

from llama_lessons.parallel.ranks import Ranks


class Collective(NamedTuple):
    """What happened in one collective, and what the ranks held from then until the next.

    Args:
        kind: all_reduce, all_gather, reduce_scatter or broadcast; "start" is what was held before the first.
        what: the tensor that went round.
        sends: bytes, by (from, to), if it goes round a ring.
        held: for each rank, bytes by (kind, name), as `Ranks.hold` was told.
    """

    kind: str
    what: str
    sends: dict[tuple[int, int], int]
    held: list[dict[tuple[str, str], int]]


class _Table:
    """Where the ranks of one kernel meet. One runs at a time, in order of rank, from collective to collective."""

    def __init__(self, size: int) -> None:
        self.size, self.turn, self.error = size, 0, None
        self.given, self.results, self.changed = [None] * size, [], threading.Condition()
        self.held: list[dict] = [{} for _ in range(size)]
        self.record = [Collective("start", "", {}, [{} for _ in range(size)])]

    def wait(self, rank: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.error or self.turn % self.size == rank)
            if self.error:
                raise InterruptedError("another rank has stopped")

    def pass_on(self, rank: int, given: tuple | None) -> None:
        """Lay down what a rank gives, None at its end; the last one makes the results."""
        self.given[rank] = given
        if rank == self.size - 1:
            self._conclude()
        with self.changed:
            self.turn += 1
            self.changed.notify_all()

    def stop(self, error: BaseException) -> None:
        with self.changed:
            self.error = self.error or error
            self.changed.notify_all()

    def _conclude(self) -> None:
        says = [one and (one[0], *one[1].shape) for one in self.given]
        if len(set(says)) > 1:
            told = ["has ended" if one is None else f"calls {one[0]} of {one[1:]}" for one in says]
            told = "; ".join(f"rank {rank} {one}" for rank, one in enumerate(told))
            raise ValueError(f"all ranks must call the same collective: {told}. Real processes would wait")
        if says[0] is None:
            return
        kind, x, what, largest = self.given[0]
        self.results = combined(kind, [given[1] for given in self.given], largest)
        self.record.append(Collective(kind, what, sends(kind, x.nbytes, self.size), [dict(h) for h in self.held]))


class _InOneKernel(Ranks):
    def __init__(self, rank: int, table: _Table) -> None:
        super().__init__(rank, table.size)
        self._table = table

    def hold(self, kind: str, name: str, tensor: Tensor | None) -> None:
        now, until_next = self._table.held[self.rank], self._table.record[-1].held[self.rank]
        now.pop((kind, name), None)
        if tensor is not None:
            now[kind, name] = until_next[kind, name] = tensor.nbytes

    def _meet(self, kind: str, x: Tensor, what: str, largest: bool = False) -> Tensor:
        self._table.pass_on(self.rank, (kind, x.detach(), what, largest))
        self._table.wait(self.rank)
        return self._table.results[self.rank].clone()


def combined(kind: str, parts: list[Tensor], largest: bool = False) -> list[Tensor]:
    """What each rank gets of a collective, given every rank's tensor (N, ...); sums are in order of rank."""
    size = len(parts)
    if kind == "all_gather":
        return [torch.cat(parts)] * size
    if kind == "broadcast":
        return [parts[0]] * size
    total = reduce(torch.maximum if largest else torch.add, parts)
    if kind == "all_reduce":
        return [total] * size
    if len(total) % size:
        raise ValueError(f"reduce_scatter needs a first dimension that {size} ranks can share, got {len(total)}")
    return list(total.chunk(size))


def sends(kind: str, n_bytes: int, size: int) -> dict[tuple[int, int], int]:
    """Bytes that each rank sends to the next one of a ring, by (from, to).

    Args:
        kind: of the collective.
        n_bytes: of the tensor that a rank brings.
        size: ranks.

    Source: Patarasuk and Yuan, Bandwidth optimal all-reduce algorithms, J. Parallel Distrib. Comput. 69 (2009).
    """
    rounds = {"all_reduce": 2 * (size - 1) / size, "reduce_scatter": (size - 1) / size, "all_gather": size - 1}
    each = round(n_bytes * rounds.get(kind, 1))
    n_senders = size - 1 if kind == "broadcast" else size  # the last one has nobody to pass it on to
    return {(rank, (rank + 1) % size): each for rank in range(n_senders) if size > 1}


def in_lockstep(size: int, function: Callable[[Ranks], Any]) -> tuple[list, list[Collective]]:
    """Run a function as all ranks of one kernel, each in a thread of its own, one at a time: alike each time.

    Args:
        size: ranks.
        function: called with a `Ranks`, as it would be in real processes with `Processes()`.

    Returns:
        What each rank gave, and the record: what they held at the start, then every collective.

    Raises:
        ValueError: the ranks do not call the same collectives with the same shapes.
    """
    table, results = _Table(size), [None] * size

    def run(rank: int) -> None:
        try:
            with torch.autograd.set_multithreading_enabled(False):  # backward in this thread, as it may have to wait
                table.wait(rank)
                results[rank] = function(_InOneKernel(rank, table))
                table.pass_on(rank, None)
        except BaseException as error:
            table.stop(error)

    threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(size)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except KeyboardInterrupt as error:
        table.stop(error)
        raise
    if table.error:
        raise table.error
    return results, table.record
