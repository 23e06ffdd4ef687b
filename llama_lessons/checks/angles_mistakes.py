"""Wrong answers to lesson 03's exercise on angles, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.rope import rope_angles


def _speeds(speed: Callable[[Tensor, int, float], Tensor]) -> Callable:
    """Angles from other speeds: `speed(pairs, head_dim, theta)`, shape (D//2,)."""

    def angles(positions: Tensor, head_dim: int, theta: float) -> Tensor:
        pairs = torch.arange(head_dim // 2, dtype=torch.float32)
        return positions[:, None].float() * speed(pairs, head_dim, theta)

    return angles


def _powers(exponent: Callable[[Tensor, int], Tensor], fixed: float | None = None) -> Callable:
    """Angles from speeds that are theta to the `exponent(pairs, head_dim)`."""
    return _speeds(lambda pairs, width, theta: (fixed or theta) ** exponent(pairs, width))


def _positions(change: Callable[[Tensor], Tensor]) -> Callable:
    """The right angles of other positions."""
    return lambda positions, width, theta: rope_angles(change(positions), width, theta)


def _changed(change: Callable[[Tensor], Tensor]) -> Callable:
    """The right angles, changed."""
    return lambda positions, width, theta: change(rope_angles(positions, width, theta))


ANGLES_MISTAKES = {
    "you counted in bfloat16, which has no 1001: make the positions float32": _positions(Tensor.bfloat16),
    "you counted in float16, which has no 4095: make the positions float32": _positions(Tensor.half),
    "every pair turns at one speed: pair k turns with speed theta ** (-2 k / head_dim)": (
        _powers(lambda pair, width: 0 * pair)
    ),
    "the minus sign is missing, or you divided by the speed: later pairs turn slower, not faster": _powers(
        lambda pair, width: 2 * pair / width
    ),
    "the 2 is missing in the exponent: it is -2 k / head_dim": _powers(lambda pair, width: -pair / width),
    "the exponent is doubled: count the pairs 0, 1, 2, ..., or the channels 0, 2, 4, ..., but do not double these": (
        _powers(lambda pair, width: -4 * pair / width)
    ),
    "the exponent is not divided by head_dim: it is -2 k / head_dim, and here it was -k": (
        _powers(lambda pair, width: -pair)
    ),
    "the exponent is not divided by head_dim: it is -2 k / head_dim, and here it was -2 k": (
        _powers(lambda pair, width: -2 * pair)
    ),
    "you divided with //, which cuts to a whole number: the exponent is a fraction, so divide with /": (
        _powers(lambda pair, width: torch.div(-2 * pair, width, rounding_mode="floor"))
    ),
    "you counted the pairs from 1: the first one turns by the position itself": (
        _powers(lambda pair, width: -2 * (pair + 1) / width)
    ),
    "you took the odd channels for the exponent: pair k begins with channel 2 k, so the exponent is -2 k / head_dim": (
        _powers(lambda pair, width: -(2 * pair + 1) / width)
    ),
    "the speeds are reversed: pair 0 is the fastest": _powers(lambda pair, width: -2 * pair.flip(0) / width),
    "you divided by head_dim - 2, or spread the exponents up to 1, as linspace does: the slowest pair is a little "
    "faster than 1 / theta": _powers(lambda pair, width: -2 * pair / max(width - 2, 1)),
    "you divided by head_dim - 1: the exponent is -2 k / head_dim": _powers(
        lambda pair, width: -2 * pair / (width - 1)
    ),
    "theta is fixed at 10 000: use the one that you are given": (
        _powers(lambda pair, width: -2 * pair / width, fixed=10_000.0)
    ),
    "theta is left out: these are powers of e, and the speeds are powers of theta": (
        _powers(lambda pair, width: -2 * pair / width, fixed=math.e)
    ),
    "theta is multiplied by the exponent: raise it to that power, with **": (
        _speeds(lambda pair, width, theta: theta * -2 * pair / width)
    ),
    "you divided by theta times the exponent: divide by theta to that power, with **": (
        _speeds(lambda pair, width, theta: 1 / (theta * 2 * pair / width))
    ),
    "you counted the tokens anew from 0: use the positions that you are given, they need not begin at 0": (
        _positions(lambda positions: torch.arange(len(positions)))
    ),
    "you counted from the first position: use the positions that you are given, they need not begin at 0": (
        _positions(lambda positions: positions - positions[0])
    ),
    "you took all positions up to the largest: use the positions that you are given": (
        _positions(lambda positions: torch.arange(int(positions.max()) + 1))
    ),
    "you took as many positions as the largest one: use the positions that you are given": (
        _positions(lambda positions: torch.arange(int(positions.max())))
    ),
    "you counted the positions from 1: the first token is at 0 and is not turned": _positions(
        lambda places: places + 1
    ),
    "you sorted the positions: the rows stand in the order of those that you are given": (
        _positions(lambda positions: positions.sort().values)
    ),
    "the positions begin again at 4096: they may be larger than what the model was trained on": (
        _positions(lambda positions: positions % 4096)
    ),
    "the positions end at 4095: they may be larger than what the model was trained on": (
        _positions(lambda positions: positions.clamp(max=4095))
    ),
    "you left out the positions: an angle is the position times the speed": (
        lambda positions, width, theta: rope_angles(torch.ones(len(positions)), width, theta)
    ),
    "you gave the speeds: the angle is the position times the speed": (
        lambda positions, width, theta: rope_angles(torch.ones(1), width, theta)[0]
    ),
    "these are degrees: angles are in radians": _changed(lambda angles: angles * 180 / math.pi),
    "you took the positions for degrees: they are radians, pair 0 turns by 1 radian at each position": (
        _changed(lambda angles: angles * math.pi / 180)
    ),
    "these are whole turns: a position of 1 is one radian for pair 0, not one turn": (
        _changed(lambda angles: angles * 2 * math.pi)
    ),
    "you took the rest after whole turns: give the angle itself": _changed(lambda angles: angles % (2 * math.pi)),
    "the angles are negative: the turn is forward": _changed(lambda angles: -angles),
    "these are cosines: give the angle itself, its cosine comes later": _changed(Tensor.cos),
    "these are sines: give the angle itself, its sine comes later": _changed(Tensor.sin),
    "each angle is there twice, side by side: a pair has one angle, so there are D//2": (
        _changed(lambda angles: angles.repeat_interleave(2, -1))
    ),
    "each angle is there twice, end to end: a pair has one angle, so there are D//2": (
        _changed(lambda angles: angles.repeat(1, 2))
    ),
    "the last pair is left out: there are D//2 pairs": _changed(lambda angles: angles[:, :-1]),
    "rows and columns are exchanged: there is a row for each position, a column for each pair": (
        _changed(lambda angles: angles.T)
    ),
    "there is an axis too many: give a row for each position, a column for each pair": (
        _changed(lambda angles: angles[None])
    ),
}
