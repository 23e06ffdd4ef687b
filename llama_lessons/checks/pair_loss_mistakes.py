"""Wrong answers to the first exercise of lesson 10, a reward model's loss, each under the words that a reader is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def _of(lead: Callable, term: Callable = lambda lead: -logsigmoid(lead)) -> Callable:
    """A wrong loss: the mean of `term` of `lead(chosen, rejected, margin)`, all of shape (B,)."""
    return lambda chosen, rejected, margin: term(lead(chosen, rejected, margin)).mean()


def _lead(chosen: Tensor, rejected: Tensor, margin: Tensor) -> Tensor:
    """By how much the better answer leads beyond its margin, (B,)."""
    return chosen - rejected - margin


PAIR_LOSS_MISTAKES = {
    "you subtracted the wrong way round: the better answer's score comes first, chosen - rejected": (
        _of(lambda c, r, m: r - c - m)
    ),
    "the sign of all that stands in the sigmoid is wrong: -log sigmoid(x) is softplus(-x), and x is chosen - "
    "rejected - margin": _of(lambda c, r, m: r - c + m),
    "you added the margin: that asks for less of a lead. Subtract it, chosen - rejected - margin": (
        _of(lambda c, r, m: c - r + m)
    ),
    "you left out the margin: it is chosen - rejected - margin": _of(lambda c, r, m: c - r),
    "you left out the rejected answer: the loss is about the lead of one score over the other": _of(
        lambda c, r, m: c - m
    ),
    "you took the margin off twice": _of(lambda c, r, m: c - r - 2 * m),
    "you took the margin off behind the logarithm: it belongs inside the sigmoid": (
        lambda c, r, m: (-logsigmoid(c - r) - m).mean()
    ),
    "you put the margin on behind the logarithm: it belongs inside the sigmoid": (
        lambda c, r, m: (-logsigmoid(c - r) + m).mean()
    ),
    "you multiplied by the margin: subtract it": _of(lambda c, r, m: (c - r) * m),
    "you took the lead without its sign: a lead of the worse answer must cost most": (
        _of(lambda c, r, m: (c - r).abs() - m)
    ),
    "the minus in front is missing: a loss falls where the log-probability rises": _of(_lead, logsigmoid),
    "the logarithm is missing: the loss is minus the log of the sigmoid": _of(_lead, lambda x: -x.sigmoid()),
    "you gave the probability that the better answer wins: the loss is minus its logarithm": _of(_lead, torch.sigmoid),
    "you gave one minus the probability: the loss is minus its logarithm": _of(_lead, lambda x: 1 - x.sigmoid()),
    "you took the logarithm of a sigmoid that has rounded to 0, and got infinity: logsigmoid does both at once": (
        _of(_lead, lambda x: -x.sigmoid().log())
    ),
    "you added a small number before the logarithm: then a pair that is far wrong costs no more than one that is less "
    "so. logsigmoid does both at once": _of(_lead, lambda x: -(x.sigmoid() + 1e-8).log()),
    "you took a logarithm to base 2: nats have base e": _of(_lead, lambda x: -logsigmoid(x) / math.log(2)),
    "you took a logarithm to base 10: nats have base e": _of(_lead, lambda x: -logsigmoid(x) / math.log(10)),
    "you took a hinge, which is 0 beyond the margin: the paper's loss is minus the log of a sigmoid": (
        _of(_lead, lambda x: (-x).clamp(min=0))
    ),
    "you took e to the minus lead: the loss is minus the log of a sigmoid": _of(_lead, lambda x: (-x).exp()),
    "you squared the lead: the loss is minus the log of a sigmoid": _of(_lead, torch.square),
    "you gave minus the lead: the sigmoid and its logarithm are missing": _of(_lead, torch.neg),
    "you judged each score by itself: only their difference counts": (
        lambda c, r, m: -(logsigmoid(c - m) + logsigmoid(-r)).mean()
    ),
    "you judged each score by itself, without the margin: only their difference counts": (
        lambda c, r, m: -(logsigmoid(c) + logsigmoid(-r)).mean()
    ),
    "you took the mean of the leads first: the loss is of each pair, then the mean": (
        lambda c, r, m: -logsigmoid(_lead(c, r, m).mean())
    ),
    "you gave the sum over the pairs: give the mean": lambda c, r, m: -logsigmoid(_lead(c, r, m)).sum(),
    "you gave a loss for each pair: give their mean, one number": lambda c, r, m: -logsigmoid(_lead(c, r, m)),
}
