"""Wrong parts of a shared feed-forward, lesson 13, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import silu


def _rows(weight: Tensor, rank: int, n_ranks: int) -> Tensor:
    return weight.chunk(n_ranks)[rank]


def _columns(weight: Tensor, rank: int, n_ranks: int) -> Tensor:
    return weight.chunk(n_ranks, 1)[rank]


def _every(weight: Tensor, rank: int, n_ranks: int) -> Tensor:
    return weight[rank::n_ranks]


def _whole(weight: Tensor, rank: int, n_ranks: int) -> Tensor:
    return weight


def _gated(gate: Tensor, up: Tensor) -> Tensor:
    return silu(gate) * up


def _parts(
    gate: Callable = _rows, up: Callable = _rows, down: Callable = _columns, hidden: Callable = _gated
) -> Callable:
    """The answer with other cuts, or another way to make hidden channels."""

    def wrong(x: Tensor, w_gate: Tensor, w_up: Tensor, w_down: Tensor, n_ranks: int) -> list[Tensor]:
        return [
            hidden(x @ gate(w_gate, r, n_ranks).T, x @ up(w_up, r, n_ranks).T) @ down(w_down, r, n_ranks).T
            for r in range(n_ranks)
        ]

    return wrong


def _then(change: Callable) -> Callable:
    """What `change(parts, n_ranks)` makes of the right parts."""
    return lambda *given: change(_parts()(*given), given[-1])


def _backwards(cut: Callable) -> Callable:
    return lambda weight, rank, n_ranks: cut(weight, n_ranks - 1 - rank, n_ranks)


PARTS_MISTAKES = {
    "you added the parts up: give a list with each rank's own; the sum is the all-reduce": _then(lambda p, n: sum(p)),
    "you gave every rank the whole output: give its own part; the sum is the all-reduce": (
        _then(lambda p, n: [sum(p)] * n)
    ),
    "you divided each part by the number of ranks: they add up, nothing is averaged": _then(
        lambda p, n: [q / n for q in p]
    ),
    "you put the parts into one tensor: give a list": _then(lambda p, n: torch.stack(p)),
    "you put the parts side by side: each is as wide as x, and they are added up": _then(lambda p, n: torch.cat(p, 1)),
    "you gave one part only": _then(lambda p, n: p[0]),
    "you gave the parts in reverse order: rank 0 has the first channels": _then(lambda p, n: p[::-1]),
    "you forgot the gate's silu": _parts(hidden=lambda gate, up: gate * up),
    "you took silu of the wrong branch: of x times w_gate": _parts(hidden=lambda gate, up: gate * silu(up)),
    "you took silu of the product: of the gate alone": _parts(hidden=lambda gate, up: silu(gate * up)),
    "you added gate and up: they are multiplied": _parts(hidden=lambda gate, up: silu(gate) + up),
    "you left the gate out": _parts(hidden=lambda gate, up: up),
    "you left w_up out": _parts(hidden=lambda gate, up: silu(gate)),
    "you took a sigmoid for the gate: silu is z times sigmoid(z)": _parts(hidden=lambda gate, up: gate.sigmoid() * up),
    "you took a relu for the gate: it is silu": _parts(hidden=lambda gate, up: gate.relu() * up),
    "you gave rank r every n-th channel from r on: right as a sum, but here each has neighbouring ones": (
        _parts(_every, _every, lambda weight, rank, n: weight[:, rank::n])
    ),
    "you cut w_down in another order than the rows of w_gate and w_up": _parts(down=_backwards(_columns)),
    "you cut w_gate and w_up in different orders: channel by channel they belong together": _parts(
        gate=_backwards(_rows)
    ),
    "you cut pieces of n_ranks channels, as split does: cut n_ranks pieces, as chunk does": (
        lambda x, w_gate, w_up, w_down, n: [
            _gated(x @ gate.T, x @ up.T) @ down.T
            for gate, up, down in zip(w_gate.split(n), w_up.split(n), w_down.split(n, 1), strict=True)
        ]
    ),
    "you took silu at the end, of the output: it comes before the product with up": (
        lambda x, w_gate, w_up, w_down, n: [silu(part) for part in _parts(hidden=torch.mul)(x, w_gate, w_up, w_down, n)]
    ),
    "you added the parts up from rank to rank: each gives its own, without those before it": (
        _then(lambda p, n: list(torch.stack(p).cumsum(0)))
    ),
    "you gave every rank the whole output divided by n_ranks: each gives what its own channels add": (
        _then(lambda p, n: [sum(p) / n] * n)
    ),
    "you took the same columns of w_down for all ranks": _parts(down=lambda weight, rank, n: _columns(weight, 0, n)),
    "you took the same rows of w_gate and w_up for all ranks": (
        _parts(lambda weight, rank, n: _rows(weight, 0, n), lambda weight, rank, n: _rows(weight, 0, n))
    ),
    "you gave the hidden channels: multiply them by the rank's columns of w_down": (
        lambda x, w_gate, w_up, w_down, n: [
            _gated(x @ _rows(w_gate, r, n).T, x @ _rows(w_up, r, n).T) for r in range(n)
        ]
    ),
    "you shared the rows of x: every rank reads all of x, and has channels of its own": (
        lambda x, w_gate, w_up, w_down, n: [_gated(part @ w_gate.T, part @ w_up.T) @ w_down.T for part in x.chunk(n)]
    ),
    "you cut the channels of the output: cut w_down by its columns, the hidden channels": (
        lambda x, w_gate, w_up, w_down, n: list((_gated(x @ w_gate.T, x @ w_up.T) @ w_down.T).chunk(n, 1))
    ),
    "you cut x and the columns of w_gate and w_up: silu of a part of a sum is not part of the silu; cut rows": (
        lambda x, w_gate, w_up, w_down, n: [
            _gated(_columns(x, r, n) @ _columns(w_gate, r, n).T, _columns(x, r, n) @ _columns(w_up, r, n).T) @ w_down.T
            for r in range(n)
        ]
    ),
}
