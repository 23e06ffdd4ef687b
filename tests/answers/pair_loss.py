"""Lesson 10, exercise 1: the reward model's loss."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid, softplus

from llama_lessons.checks.rlhf import check_pair_loss
from tests.answers.bank import Bank

bank = Bank(check_pair_loss)


@bank.right
def as_the_formula_stands(chosen, rejected, margin):
    return -logsigmoid(chosen - rejected - margin).mean()


@bank.right
def by_softplus(chosen, rejected, margin):
    return softplus(rejected + margin - chosen).sum() / chosen.shape[0]


@bank.right
def as_a_classification(chosen, rejected, margin):
    lead = chosen - margin - rejected
    return binary_cross_entropy_with_logits(lead, torch.ones_like(lead))


@bank.right
def by_a_softmax_of_two(chosen, rejected, margin):
    two = torch.stack([chosen - margin, rejected], dim=-1)
    return -two.log_softmax(-1)[:, 0].mean()


@bank.right
def in_a_loop(chosen, rejected, margin):
    total = torch.tensor(0.0)
    for c, r, m in zip(chosen, rejected, margin, strict=True):
        total = total + torch.logaddexp(torch.tensor(0.0), r + m - c)
    return total / len(chosen)


def loss(lead, outer=lambda x: -logsigmoid(x)):
    return lambda chosen, rejected, margin: outer(lead(chosen, rejected, margin)).mean()


for says, answer in {
    "you subtracted the wrong way round: the better": loss(lambda c, r, m: r - c - m),
    "the sign of all that stands in the sigmoid": loss(lambda c, r, m: -(c - r - m)),
    "you added the margin": loss(lambda c, r, m: c - r + m),
    "you left out the margin": loss(lambda c, r, m: c - r),
    "the minus in front is missing": loss(lambda c, r, m: c - r - m, logsigmoid),
    "the logarithm is missing": loss(lambda c, r, m: c - r - m, lambda x: -torch.sigmoid(x)),
    "you gave the probability that": loss(lambda c, r, m: c - r - m, lambda x: 1 / (1 + torch.exp(-x))),
    "you gave one minus the probability": loss(lambda c, r, m: c - r - m, lambda x: torch.sigmoid(-x)),
    "got infinity": loss(lambda c, r, m: c - r - m, lambda x: -torch.log(torch.sigmoid(x))),
    "a hinge": loss(lambda c, r, m: c - r - m, lambda x: torch.relu(-x)),
    "behind the logarithm": lambda c, r, m: -(logsigmoid(c - r) + m).mean(),
    "you put the margin on behind": lambda c, r, m: -(logsigmoid(c - r) - m).mean(),
    "you gave the sum over the pairs": lambda c, r, m: softplus(r + m - c).sum(),
    "you gave a loss for each pair": lambda c, r, m: -logsigmoid(c - r - m),
    "you took the mean of the leads first": lambda c, r, m: -logsigmoid(c.mean() - r.mean() - m.mean()),
    "you judged each score by itself, without": lambda c, r, m: (softplus(-c) + softplus(r)).mean(),
    "you multiplied by the margin": lambda c, r, m: -logsigmoid(m * (c - r)).mean(),
    "you took the lead without its sign": lambda c, r, m: -logsigmoid(torch.abs(c - r) - m).mean(),
    "Its shape is": lambda c, r, m: -logsigmoid(c - r - m).mean(0, keepdim=True),
    "should return a Tensor": lambda c, r, m: float(-logsigmoid(c - r - m).mean()),
}.items():
    bank.wrong(says)(answer)


bank.wrong("the sign of all that stands")(loss(lambda c, r, m: c - r - m, softplus))


@bank.wrong("you took a logarithm to base 2")
def in_bits(chosen, rejected, margin):
    return -logsigmoid(chosen - rejected - margin).mean() / math.log(2)


@bank.wrong("changed the arguments")
def in_place(chosen, rejected, margin):
    return -logsigmoid(chosen.sub_(rejected).sub_(margin)).mean()


@bank.wrong()
def half_the_margin(chosen, rejected, margin):
    return -logsigmoid(chosen - rejected - margin / 2).mean()


@bank.wrong()
def no_more_than_a_lead_of_one(chosen, rejected, margin):
    return -logsigmoid((chosen - rejected).clamp(-1, 1) - margin).mean()
