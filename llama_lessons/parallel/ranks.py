"""One of several ranks, and the collectives by which it talks to the others; here between real processes."""

from __future__ import annotations

import torch
from torch import Tensor, distributed


class Ranks:
    """One of `size` ranks, as a function sees it that all of them run. Each collective gives a new tensor.

    Args:
        rank: its number, counted from 0.
        size: how many there are.
    """

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size

    def all_reduce(self, x: Tensor, what: str = "", largest: bool = False) -> Tensor:
        """The sum of all ranks' x, or the largest number at each place; (any shape), the same on each."""
        return self._meet("all_reduce", x, what, largest)

    def all_gather(self, x: Tensor, what: str = "") -> Tensor:
        """All ranks' x behind each other: (N, ...) -> (size N, ...)."""
        return self._meet("all_gather", x, what)

    def reduce_scatter(self, x: Tensor, what: str = "") -> Tensor:
        """This rank's share of the sum of all ranks' x: (size N, ...) -> (N, ...)."""
        return self._meet("reduce_scatter", x, what)

    def broadcast(self, x: Tensor, what: str = "") -> Tensor:
        """The first rank's x, any shape."""
        return self._meet("broadcast", x, what)

    def hold(self, kind: str, name: str, tensor: Tensor | None) -> None:
        """Note that this rank holds a tensor (any shape), such as ("weights", "layer 0"), or no longer does (None)."""

    def _meet(self, kind: str, x: Tensor, what: str, largest: bool = False) -> Tensor:
        raise NotImplementedError


class Processes(Ranks):
    """The processes that `torchrun` started, inside of `processes.process_group`; gloo or nccl carries the bytes."""

    def __init__(self) -> None:
        super().__init__(distributed.get_rank(), distributed.get_world_size())

    def _meet(self, kind: str, x: Tensor, what: str, largest: bool = False) -> Tensor:
        out = x.detach().clone().contiguous()
        if kind == "all_reduce":
            distributed.all_reduce(out, distributed.ReduceOp.MAX if largest else distributed.ReduceOp.SUM)
        elif kind == "broadcast":
            distributed.broadcast(out, 0)
        elif kind == "all_gather":
            parts = [torch.empty_like(out) for _ in range(self.size)]
            distributed.all_gather(parts, out)
            return torch.cat(parts)
        else:
            parts = list(out.chunk(self.size))
            out = torch.empty_like(parts[0])
            distributed.reduce_scatter(out, parts)
        return out
