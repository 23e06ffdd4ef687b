"""Wrong ways to make int8 of a weight, lesson 14, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

LARGEST = 127


def _by_row(weight: Tensor) -> Tensor:
    return weight.abs().amax(1, keepdim=True)


def _wrong(
    largest: Callable = _by_row,
    most: int = LARGEST,
    whole: Callable = torch.round,
    low: int = -127,
    high: int = 127,
    gives: Callable = lambda codes, scale, weight: (codes.to(torch.int8), scale),
) -> Callable:
    """The answer with some of its steps done otherwise."""

    def wrong(weight: Tensor) -> tuple[Tensor, Tensor]:
        scale = largest(weight) / most
        return gives(whole(weight / scale).clamp(low, high), scale, weight)

    return wrong


def _zero_point(weight: Tensor) -> tuple[Tensor, Tensor]:
    low, high = weight.amin(1, keepdim=True), weight.amax(1, keepdim=True)
    scale = (high - low) / 255
    return (((weight - low) / scale).round() - 128).to(torch.int8), scale


INT8_MISTAKES = {
    "you took a scale for each column: a row has one, the largest size in that row / 127": (
        _wrong(lambda w: w.abs().amax(0, keepdim=True))
    ),
    "you took one scale for the whole weight: each row has its own": _wrong(lambda w: w.abs().amax().expand(len(w), 1)),
    "you cut the decimals off: round to the nearest whole number": _wrong(whole=torch.trunc),
    "you rounded down, always: round to the nearest whole number": _wrong(whole=torch.floor),
    "you forgot abs: the number of a row that is farthest from 0 may be a negative one": (
        _wrong(lambda w: w.amax(1, keepdim=True))
    ),
    "you forgot abs, and let codes go down to -128: a code is -127 to 127": (
        _wrong(lambda w: w.amax(1, keepdim=True), low=-128)
    ),
    "you divided by 128: the largest code is 127, and 128 does not fit": _wrong(most=128, low=-128),
    "you divided by 128 and clipped to 127 on both sides: with 127 nothing need be clipped": _wrong(most=128),
    "you divided by 255: codes run from -127 to 127, so the largest size is 127 steps": _wrong(most=255),
    "you divided by 255, and let codes go down to -128": _wrong(most=255, low=-128, whole=lambda x: (x / 2).round()),
    "you divided by 7, as for four bits: eight bits have 127": _wrong(most=7),
    "you divided by 126: the largest code is 127": _wrong(most=126),
    "you divided by 100: the largest code is 127": _wrong(most=100),
    "you divided by 256: the largest code is 127": _wrong(most=256),
    "you forgot / 127 in the scale: codes are then -1, 0 and 1": _wrong(most=1),
    "your codes are right, and the scale lacks / 127": (
        _wrong(gives=lambda codes, scale, w: (codes.to(torch.int8), scale * LARGEST))
    ),
    "your scale is upside down: codes times scale should give the weight": (
        _wrong(gives=lambda codes, scale, w: (codes.to(torch.int8), 1 / scale))
    ),
    "you multiplied with the scale: divide by it": (
        _wrong(gives=lambda codes, scale, w: ((w * scale).round().clamp(-127, 127).to(torch.int8), scale))
    ),
    "you rounded before you divided: divide by the scale, then round": (
        _wrong(gives=lambda codes, scale, w: ((w.round() / scale).clamp(-127, 127).to(torch.int8), scale))
    ),
    "you gave the weight back, codes times scale: give the codes": (
        _wrong(gives=lambda codes, scale, w: (codes * scale, scale))
    ),
    "you did not round: codes are whole numbers": _wrong(whole=lambda x: x, gives=lambda c, scale, w: (c, scale)),
    "you lost the signs: a code is negative where the weight is": (
        _wrong(gives=lambda codes, scale, w: (codes.abs().to(torch.int8), scale))
    ),
    "you added 128 to the codes: int8 holds negative numbers": (
        _wrong(gives=lambda codes, scale, w: ((codes + 128).to(torch.uint8), scale))
    ),
    "you gave the scale first: codes come first": _wrong(gives=lambda codes, scale, w: (scale, codes.to(torch.int8))),
    "you took the mean size of a row: with the largest, nothing is clipped": (
        _wrong(lambda w: w.abs().mean(1, keepdim=True))
    ),
    "you took the smallest size of a row: take the largest": _wrong(lambda w: w.abs().amin(1, keepdim=True)),
    "you took a row's standard deviation: take its largest size": _wrong(lambda w: w.std(1, keepdim=True)),
    "you took a row's length, the root of the sum of its squares: take its largest size": (
        _wrong(lambda w: w.norm(dim=1, keepdim=True))
    ),
    "you took the distance from a row's smallest number to its largest: here 0 stays 0, and the scale is the largest "
    "size / 127": _wrong(lambda w: w.amax(1, keepdim=True) - w.amin(1, keepdim=True)),
    "you moved the zero point: here the code of 0 is 0, and the scale is the largest size / 127": _zero_point,
}
