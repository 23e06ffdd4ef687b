"""Lesson 03, exercise 1: the angles."""

from __future__ import annotations

import math

import torch

from llama_lessons.checks.rope import check_angles
from tests.answers.bank import Bank

bank = Bank(check_angles)


def channels(head_dim):
    return torch.arange(0, head_dim, 2)


def right(positions, head_dim, theta):
    return positions.float()[:, None] * theta ** (-channels(head_dim) / head_dim)


@bank.right
def in_double_precision(positions, head_dim, theta):
    return torch.outer(positions.double(), theta ** (-channels(head_dim).double() / head_dim)).to(torch.float32)


@bank.right
def by_logarithms_and_a_loop(positions, head_dim, theta):
    columns = [positions / math.exp(2 * k / head_dim * math.log(theta)) for k in range(head_dim // 2)]
    return torch.stack(columns, dim=1)


@bank.wrong("one speed")
def forgets_the_pair(positions, head_dim, theta):
    return positions[:, None].float().repeat(1, head_dim // 2)


@bank.wrong("counted in bfloat16")
def counts_in_bfloat16(positions, head_dim, theta):
    return positions.bfloat16()[:, None] * theta ** (-channels(head_dim) / head_dim)


@bank.wrong("exponent is doubled")
def doubles_channels(positions, head_dim, theta):
    return torch.outer(positions.float(), theta ** (-2 * channels(head_dim) / head_dim))


@bank.wrong("not divided by head_dim: it is -2 k / head_dim, and here it was -k")
def bare_pairs(positions, head_dim, theta):
    return positions[:, None] / theta ** torch.arange(head_dim // 2).float()


@bank.wrong("divided with //")
def whole_exponents(positions, head_dim, theta):
    return torch.tensor([[p * theta ** (-2 * k // head_dim) for k in range(head_dim // 2)] for p in positions.tolist()])


@bank.wrong("pairs from 1")
def pairs_from_one(positions, head_dim, theta):
    return positions[:, None] * theta ** (-2 * torch.arange(1, head_dim // 2 + 1) / head_dim)


@bank.wrong("minus sign is missing")
def divides_by_the_speed(positions, head_dim, theta):
    return positions[:, None] / theta ** (-channels(head_dim) / head_dim)


@bank.wrong("as linspace does")
def evenly_spaced_to_the_end(positions, head_dim, theta):
    return positions[:, None] * theta ** -torch.linspace(0, 1, head_dim // 2)


@bank.wrong("fixed at 10 000")
def ten_thousand(positions, head_dim, theta):
    return right(positions, head_dim, 10_000)


@bank.wrong("theta is left out")
def powers_of_e(positions, head_dim, theta):
    return positions[:, None] * (-channels(head_dim) / head_dim).exp()


@bank.wrong("counted the tokens anew")
def counts_tokens(positions, head_dim, theta):
    return right(torch.arange(positions.shape[0]), head_dim, theta)


@bank.wrong("counted from the first position")
def from_the_first(positions, head_dim, theta):
    return right(positions - positions[:1], head_dim, theta)


@bank.wrong("begin again at 4096")
def wraps(positions, head_dim, theta):
    return right(positions % 4096, head_dim, theta)


@bank.wrong("these are degrees")
def degrees(positions, head_dim, theta):
    return right(positions, head_dim, theta).rad2deg()


@bank.wrong("give the angle itself, its cosine")
def cosines(positions, head_dim, theta):
    return right(positions, head_dim, theta).cos()


@bank.wrong("each angle is there twice, end to end")
def both_halves(positions, head_dim, theta):
    return torch.cat((right(positions, head_dim, theta),) * 2, dim=-1)


@bank.wrong("rows and columns are exchanged")
def on_its_side(positions, head_dim, theta):
    return right(positions, head_dim, theta).mT


@bank.wrong("Its type is torch.float64 and should be torch.float32")
def stays_double(positions, head_dim, theta):
    return right(positions.double(), head_dim, theta).double()


@bank.wrong("left over from an earlier call")
def remembers_the_speeds(positions, head_dim, theta, speeds={}):  # noqa: B006
    if len(speeds.get("last", ())) != head_dim // 2:
        speeds["last"] = theta ** (-channels(head_dim) / head_dim)
    return positions[:, None] * speeds["last"]


@bank.wrong()
def a_slow_first_pair(positions, head_dim, theta):
    return right(positions, head_dim, theta) * 0.9
