"""Lesson 14, exercise 2: two codes in a byte."""

from __future__ import annotations

import torch

from llama_lessons.checks.quantization import check_pack
from tests.answers.bank import Bank

bank = Bank(check_pack)


@bank.right
def by_multiplying(codes):
    shifted = codes.int() + 8
    half = shifted.shape[1] // 2
    return (shifted[:, :half] + 16 * shifted[:, half:]).to(torch.uint8)


@bank.right
def by_exclusive_or(codes):
    low, high = (codes + 8).to(torch.uint8).view(len(codes), 2, -1).unbind(1)
    return torch.bitwise_xor(torch.bitwise_left_shift(high, 4), low)


def pack(codes, first=slice(None), second=slice(None), offset=8, bits=4):
    """The lesson's solution, with a reader's usual mistakes to choose from."""
    low, high = (codes + offset).to(torch.uint8).chunk(2, dim=1)
    return low[:, first] | (high[:, second] << bits)


def neighbours(codes):
    shifted = (codes + 8).to(torch.uint8)
    return shifted[:, 0::2] | (shifted[:, 1::2] << 4)


def high_first(codes):
    low, high = (codes + 8).to(torch.uint8).chunk(2, dim=1)
    return high | (low << 4)


def twos_complement(codes):
    low, high = (codes & 15).to(torch.uint8).chunk(2, dim=1)
    return low | (high << 4)


for says, answer in {
    "you paired neighbours": neighbours,
    "you swapped the halves": high_first,
    "kept the lowest four bits of each code": twos_complement,
    "you added 7": lambda codes: pack(codes, offset=7),
    "by 3 bits": lambda codes: pack(codes, bits=3),
    "by 5 bits": lambda codes: pack(codes, bits=5),
    "you multiplied the second code by 8": lambda codes: (
        (codes.int() + 8).chunk(2, 1)[0] + 8 * (codes.int() + 8).chunk(2, 1)[1]
    ).to(torch.uint8),
    "you multiplied the second code by 10": lambda codes: (
        (codes.int() + 8).chunk(2, 1)[0] + 10 * (codes.int() + 8).chunk(2, 1)[1]
    ).to(torch.uint8),
    "you multiplied the second code by 15": lambda codes: (
        (codes.int() + 8).chunk(2, 1)[0] + 15 * (codes.int() + 8).chunk(2, 1)[1]
    ).to(torch.uint8),
    "did not move the second": lambda codes: sum((codes + 8).to(torch.uint8).chunk(2, dim=1)),
    "the second half of each row is missing": lambda codes: (codes + 8).to(torch.uint8).chunk(2, dim=1)[0],
    "the second half of each row alone": lambda codes: (codes + 8).to(torch.uint8).chunk(2, dim=1)[1] << 4,
    "you did not pack": lambda codes: (codes + 8).to(torch.uint8),
    "joined the halves with `&`": lambda codes: (lambda low, high: low & (high << 4))(
        *(codes + 8).to(torch.uint8).chunk(2, dim=1)
    ),
    "the second half around": lambda codes: pack(codes, second=list(range(codes.shape[1] // 2))[::-1]),
    "Its type is torch.int32": lambda codes: pack(codes).int(),
}.items():
    bank.wrong(says)(answer)


@bank.wrong()
def offset_nine(codes):
    return pack(codes.int(), offset=9)


@bank.wrong()
def sorted_first(codes):
    return pack(codes.sort(dim=1).values)
