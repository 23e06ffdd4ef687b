"""Lesson 14, exercise 1: int8, a scale for each row."""

from __future__ import annotations

import torch

from llama_lessons.checks.quantization import check_int8
from tests.answers.bank import Bank

bank = Bank(check_int8)


@bank.right
def row_by_row(weight):
    codes, scales = [], []
    for row in weight:
        scale = max(row.max().item(), -row.min().item()) / 127
        codes.append(torch.round(row / scale))
        scales.append([scale])
    return torch.stack(codes).to(torch.int8), torch.tensor(scales)


@bank.right
def the_range_first(weight):
    scale = weight.abs().max(dim=-1).values[:, None] / 127
    return torch.clip(torch.round(weight * (1 / scale)), -128, 127).char(), scale


def int8(weight, largest=lambda w: w.abs().amax(1, keepdim=True), most=127, whole=torch.round):
    """The lesson's solution, with a reader's usual mistakes to choose from."""
    scale = largest(weight) / most
    return whole(weight / scale).clamp(-127, 127).to(torch.int8), scale


for says, answer in {
    "a scale for each column": lambda w: int8(w, lambda w: w.abs().max(0, keepdim=True).values),
    "one scale for the whole weight": lambda w: int8(w, lambda w: torch.full((len(w), 1), w.abs().max().item())),
    "you cut the decimals off": lambda w: int8(w, whole=lambda x: x),
    "you rounded down, always": lambda w: int8(w, whole=torch.floor),
    "you forgot abs": lambda w: int8(w, lambda w: w.max(1, keepdim=True).values),
    "you divided by 128 and clipped": lambda w: int8(w, most=128),
    "you divided by 255": lambda w: int8(w, most=2**8 - 1),
    "you divided by 7": lambda w: int8(w, most=7),
    "you forgot / 127": lambda w: int8(w, most=1),
    "the scale lacks / 127": lambda w: (int8(w)[0], w.abs().amax(1, keepdim=True)),
    "upside down": lambda w: (int8(w)[0], 127 / w.abs().amax(1, keepdim=True)),
    "you gave the weight back": lambda w: (int8(w)[0] * int8(w)[1], int8(w)[1]),
    "you gave the scale first": lambda w: int8(w)[::-1],
    "smallest number to its largest": lambda w: int8(
        w, lambda w: w.max(1, keepdim=True).values - w.min(1, keepdim=True).values
    ),
    "you took the mean size": lambda w: int8(w, lambda w: w.abs().mean(1, keepdim=True)),
    "you lost the signs": lambda w: int8(w.abs()),
    "In part [1] of the result: its shape is": lambda w: (
        int8(w)[0],
        w.abs().amax(1) / 127,
    ),
    "In part [0] of the result: its type is torch.int32": lambda w: (int8(w)[0].int(), int8(w)[1]),
}.items():
    bank.wrong(says)(answer)


@bank.wrong()
def the_median(weight):
    return int8(weight, lambda w: w.abs().median(1, keepdim=True).values)


@bank.wrong()
def of_the_square_roots(weight):
    codes, scale = int8(weight.abs().sqrt())
    return codes * weight.sign().to(torch.int8), scale
