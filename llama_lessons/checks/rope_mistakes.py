"""Wrong answers to the first two exercises of lesson 03, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.rope import rope_angles, rotate


def _angles(exponent: Callable[[Tensor, int], Tensor], theta: float | None = None) -> Callable:
    """Angles from speeds that are theta to the `exponent(pair, head_dim)`."""

    def angles(positions: Tensor, head_dim: int, given: float) -> Tensor:
        pair = torch.arange(head_dim // 2, dtype=torch.float32)
        return positions[:, None].float() * (theta or given) ** exponent(pair, head_dim)

    return angles


ANGLES_MISTAKES = {
    "you counted in bfloat16, which has no 1001: make the positions float32": (
        lambda positions, width, theta: rope_angles(positions.bfloat16(), width, theta)
    ),
    "every pair turns at one speed: pair k turns with speed theta ** (-2 k / head_dim)": (
        _angles(lambda pair, width: 0 * pair)
    ),
    "the minus sign is missing: later pairs turn slower, not faster": _angles(lambda pair, width: 2 * pair / width),
    "the 2 is missing in the exponent: it is -2 k / head_dim": _angles(lambda pair, width: -pair / width),
    "the exponent is doubled: count the pairs 0, 1, 2, ..., or the channels 0, 2, 4, ..., but do not double these": (
        _angles(lambda pair, width: -4 * pair / width)
    ),
    "you counted the pairs from 1: the first one turns by the position itself": (
        _angles(lambda pair, width: -2 * (pair + 1) / width)
    ),
    "the speeds are reversed: pair 0 is the fastest": _angles(lambda pair, width: -2 * pair.flip(0) / width),
    "you divided by head_dim - 2: the slowest pair is a little faster than 1 / theta": (
        _angles(lambda pair, width: -2 * pair / max(width - 2, 1))
    ),
    "theta is fixed at 10 000: use the one that you are given": (
        _angles(lambda pair, width: -2 * pair / width, theta=10_000.0)
    ),
    "you counted the tokens anew from 0: use the positions that you are given, they need not begin at 0": (
        lambda positions, width, theta: rope_angles(torch.arange(len(positions)), width, theta)
    ),
    "you counted the positions from 1: the first token is at 0 and is not turned": (
        lambda positions, width, theta: rope_angles(positions + 1, width, theta)
    ),
    "these are degrees: angles are in radians": (
        lambda positions, width, theta: rope_angles(positions, width, theta) * 180 / math.pi
    ),
    "these are whole turns: a position of 1 is one radian for pair 0, not one turn": (
        lambda positions, width, theta: rope_angles(positions, width, theta) * 2 * math.pi
    ),
    "the angles are negative: the turn is forward": (
        lambda positions, width, theta: -rope_angles(positions, width, theta)
    ),
}


def halves(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn channel i with i + D/2, as Hugging Face's code does: right for weights in that layout, wrong for Meta's.

    Args:
        x: queries or keys, shape (B, T, H, D).
        cos: cosines, shape (T, D//2).
        sin: sines, shape (T, D//2).

    Returns:
        Shape (B, T, H, D).
    """
    first, second = x.chunk(2, dim=-1)
    return torch.cat(_turn(first, second, cos, sin), dim=-1)


def _turn(first: Tensor, second: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """Both channels of every pair, (B, T, H, D//2) each, turned."""
    cos, sin = cos[:, None], sin[:, None]
    return first * cos - second * sin, first * sin + second * cos


def _pairs(new: Callable) -> Callable:
    """A rotation of neighbours whose new channels are `new(first, second, cos, sin)`."""

    def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        return torch.stack(new(x[..., 0::2], x[..., 1::2], cos[:, None], sin[:, None]), dim=-1).flatten(-2)

    return rotated


def _overwritten(first: Tensor, second: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    first = first * cos - second * sin
    return first, first * sin + second * cos


def _half_turned(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def _neighbours_turned(x: Tensor) -> Tensor:
    return torch.stack((-x[..., 1::2], x[..., 0::2]), dim=-1).flatten(-2)


def _angles_of_heads(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    return rotate(x.transpose(1, 2), cos, sin).transpose(1, 2)


def _tables(spread: Callable, other: Callable) -> Callable:
    """x * cos + other(x) * sin, with tables spread to all channels."""
    return lambda x, cos, sin: x * spread(cos)[:, None] + other(x) * spread(sin)[:, None]


ROTATE_MISTAKES = {
    "you rotated the two halves, not adjacent pairs: right for Hugging Face's layout, wrong for Meta's": halves,
    "you turned the wrong way: the second channel gets + first * sin, the first gets - second * sin": (
        lambda x, cos, sin: rotate(x, cos, -sin)
    ),
    "every pair turns at one speed: give pair k column k of the tables": (
        lambda x, cos, sin: rotate(x, cos[:, :1].expand_as(cos), sin[:, :1].expand_as(sin))
    ),
    "the angles are reversed: pair 0 takes column 0, the last pair the last column": (
        lambda x, cos, sin: rotate(x, cos.flip(-1), sin.flip(-1))
    ),
    "you gave the angles to the heads: row t of the tables belongs to token t, and every head turns alike": (
        _angles_of_heads
    ),
    "you took neighbours, but put them back as two halves: first and second of a pair stay side by side": (
        lambda x, cos, sin: torch.cat(_turn(x[..., 0::2], x[..., 1::2], cos, sin), dim=-1)
    ),
    "you took the two halves, but put them back as neighbours: take x[..., 0::2] and x[..., 1::2]": (
        lambda x, cos, sin: torch.stack(_turn(*x.chunk(2, dim=-1), cos, sin), dim=-1).flatten(-2)
    ),
    "you used the new first channel for the second one: compute both from the old ones": _pairs(_overwritten),
    "a minus sign is missing: the first channel becomes first * cos - second * sin": (
        _pairs(lambda first, second, cos, sin: (first * cos + second * sin, first * sin + second * cos))
    ),
    "you turned the first channel of each pair only": (
        _pairs(lambda first, second, cos, sin: (first * cos - second * sin, second))
    ),
    "you exchanged cos and sin": lambda x, cos, sin: rotate(x, sin, cos),
    "you laid the tables twice end to end: channels 2 k and 2 k + 1 both take column k, so repeat each column": (
        _tables(lambda table: torch.cat((table, table), dim=-1), _neighbours_turned)
    ),
    "the tables go by neighbours, but the channels by halves: these are two layouts in one": (
        _tables(lambda table: table.repeat_interleave(2, dim=-1), _half_turned)
    ),
    "nothing was turned": lambda x, cos, sin: x.clone(),
}
