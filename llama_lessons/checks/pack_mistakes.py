"""Wrong ways to put two codes into a byte, lesson 14, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _halves(codes: Tensor) -> tuple[Tensor, Tensor]:
    return codes.chunk(2, dim=1)


def _neighbours(codes: Tensor) -> tuple[Tensor, Tensor]:
    return codes[:, ::2], codes[:, 1::2]


def _wrong(
    pairs: Callable = _halves,
    first: Callable = lambda code: code + 8,
    second: Callable = lambda code: code + 8,
    join: Callable = lambda low, high: low + 16 * high,
) -> Callable:
    """The answer with some of its steps done otherwise, in wide numbers; what is over a byte falls away."""

    def wrong(codes: Tensor) -> Tensor:
        one, other = pairs(codes.int())
        return (join(first(one), second(other)) & 255).to(torch.uint8)

    return wrong


def _shifted(by: int) -> Callable:
    return _wrong(join=lambda low, high: low | (high << by))


PACK_MISTAKES = {
    "you paired neighbours: code k shares its byte with code k + C/2": _wrong(_neighbours),
    "you paired neighbours, and swapped them: code k, in the lower bits, shares its byte with code k + C/2": (
        _wrong(lambda codes: _neighbours(codes)[::-1])
    ),
    "you swapped the halves: the first half of a row goes into the lower four bits": (
        _wrong(lambda codes: _halves(codes)[::-1])
    ),
    "you turned the second half around: code k shares its byte with code k + C/2": (
        _wrong(lambda codes: (codes.chunk(2, 1)[0], codes.chunk(2, 1)[1].flip(1)))
    ),
    "you did not add 8, and kept the lowest four bits of each code: add 8 to both": (
        _wrong(first=lambda c: c & 15, second=lambda c: c & 15)
    ),
    "you did not add 8: a negative code has ones in all its upper bits, and they run into the other half": (
        _wrong(first=lambda c: c, second=lambda c: c, join=lambda low, high: low | (high << 4))
    ),
    "you did not add 8 to either code: add it before you put them together": (
        _wrong(first=lambda c: c, second=lambda c: c)
    ),
    "you added 8 to the first code of a byte only: add it to both": _wrong(second=lambda c: c & 15),
    "you added 8 to the second code of a byte only: add it to both": _wrong(first=lambda c: c & 15),
    "you added 7: it is 8": _wrong(first=lambda c: c + 7, second=lambda c: c + 7),
    "you took the sizes and lost the signs: add 8 to each code": (
        _wrong(first=lambda c: c.abs(), second=lambda c: c.abs())
    ),
    "you moved the second code by 3 bits: move it by 4": _shifted(3),
    "you moved the second code by 2 bits: move it by 4": _shifted(2),
    "you moved the second code by 5 bits: move it by 4": _shifted(5),
    "you multiplied the second code by 15: four bits further up is 16 times as much": (
        _wrong(join=lambda low, high: low + 15 * high)
    ),
    "you multiplied the second code by 4: four bits further up is 16 times as much": (
        _wrong(join=lambda low, high: low + 4 * high)
    ),
    "you multiplied the second code by 8: four bits further up is 16 times as much": (
        _wrong(join=lambda low, high: low + 8 * high)
    ),
    "you multiplied the second code by 10: four bits further up is 16 times as much": (
        _wrong(join=lambda low, high: low + 10 * high)
    ),
    "you added the two codes and did not move the second: move it four bits up": (
        _wrong(join=lambda low, high: low + high)
    ),
    "the second half of each row is missing: it goes into the upper four bits (moved up by 8, it leaves the byte)": (
        _wrong(join=lambda low, high: low)
    ),
    "you kept the second half of each row alone: the first goes into the lower four bits": (
        _wrong(join=lambda low, high: 16 * high)
    ),
    "you put the first half of each row into both halves of the byte": _wrong(join=lambda low, high: 17 * low),
    "you put the second half of each row into both halves of the byte": _wrong(join=lambda low, high: 17 * high),
    "you joined the halves with `&`, which keeps what both have: use `|`": _wrong(
        join=lambda low, high: low & (high << 4)
    ),
    "you did not pack: two codes share a byte": lambda codes: (codes + 8).to(torch.uint8),
    "you packed rows together: the two codes of a byte are from one row": (
        lambda codes: (lambda c, n: (c[:n] + 16 * c[n : 2 * n]).to(torch.uint8))(codes.int() + 8, len(codes) // 2)
    ),
    "you added 8 to the bytes: add it to each code, before": (
        _wrong(first=lambda c: c & 15, second=lambda c: c & 15, join=lambda low, high: (low | (high << 4)) + 8)
    ),
}
