"""Wrong losses from shared logits, lesson 13, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _total(tops: Tensor, sums: Tensor) -> Tensor:
    """Sum of all exponentials relative to the largest logit of all, (N,)."""
    return (sums * (tops - tops.amax(0)).exp()).sum(0)


def _loss(
    total: Callable = _total,  # (tops, sums) -> (N,)
    top: Callable = lambda tops: tops.amax(0),
    said: Callable = lambda said: said.sum(0),
    log: Callable = torch.log,
) -> Callable:
    """The answer with some of its parts computed otherwise."""
    return lambda tops, sums, own: log(total(tops, sums)) + top(tops) - said(own)


def _then(change: Callable) -> Callable:
    """What `change(losses)` makes of the right losses."""
    return lambda tops, sums, said: change(_loss()(tops, sums, said))


SHARED_LOSS_MISTAKES = {
    "you added the sums as they are: each is relative to its own rank's largest logit; bring them to one first": (
        _loss(lambda tops, sums: sums.sum(0))
    ),
    "you added the sums as they are, and each rank's largest logit: one largest for all, and the sums brought to it": (
        _loss(lambda tops, sums: sums.sum(0), lambda tops: tops.sum(0))
    ),
    "you took the difference the wrong way round: multiply by exp(the rank's largest - the largest of all)": (
        _loss(lambda tops, sums: (sums * (tops.amax(0) - tops).exp()).sum(0))
    ),
    "you divided by exp(the rank's largest) where you multiply": (
        _loss(lambda tops, sums: (sums * (-tops - tops.amax(0)).exp()).sum(0))
    ),
    "you forgot to add the largest logit back": _loss(top=lambda tops: 0),
    "you subtracted the largest logit: add it back": _loss(top=lambda tops: -tops.amax(0)),
    "you added the mean of the ranks' largest: add the largest of all": _loss(top=lambda tops: tops.mean(0)),
    "you added the smallest of the ranks' largest: add the largest of all": _loss(top=lambda tops: tops.amin(0)),
    "you added the first rank's largest: add the largest of all": _loss(top=lambda tops: tops[0]),
    "you took the largest of all tokens together: each token has its own, and another's may be far above": (
        lambda tops, sums, said: (sums * (tops - tops.max()).exp()).sum(0).log() + tops.max() - said.sum(0)
    ),
    "you added all ranks' largest: add the largest of all": _loss(top=lambda tops: tops.sum(0)),
    "you added the last rank's largest: add the largest of all": _loss(top=lambda tops: tops[-1]),
    "you forgot sums: each rank's exponentials add up to more than that of its largest": (
        lambda tops, sums, said: (tops - tops.amax(0)).exp().sum(0).log() + tops.amax(0) - said.sum(0)
    ),
    "you multiplied by exp(the rank's largest) without the largest of all: that is inf for large logits": (
        lambda tops, sums, said: (sums * tops.exp()).sum(0).log() - said.sum(0)
    ),
    "you multiplied by exp(the rank's largest), and added the largest back, which nothing had taken away": (
        _loss(lambda tops, sums: (sums * tops.exp()).sum(0))
    ),
    "you forgot the logarithm": _loss(log=lambda total: total),
    "you took a logarithm of base 2: losses are in nats": _loss(log=torch.log2),
    "you took a logarithm of base 10: losses are in nats": _loss(log=torch.log10),
    "you added up the ranks' own log-sum-exps: add up the exponentials, then take one logarithm": (
        lambda tops, sums, said: (sums.log() + tops).sum(0) - said.sum(0)
    ),
    "you took the largest of the ranks' own log-sum-exps: add up the exponentials of all": (
        lambda tops, sums, said: (sums.log() + tops).amax(0) - said.sum(0)
    ),
    "you took the mean of the exponentials' sums: add them up": (
        _loss(lambda tops, sums: (sums * (tops - tops.amax(0)).exp()).mean(0))
    ),
    "you took the first rank's sum alone": _loss(lambda tops, sums: (sums * (tops - tops.amax(0)).exp())[0]),
    "you forgot the target's logit": _loss(said=lambda said: 0),
    "you added the target's logit: subtract it": _loss(said=lambda said: -said.sum(0)),
    "you took the mean of said over the ranks: one of them has the target, the others say 0; add up": (
        _loss(said=lambda said: said.mean(0))
    ),
    "you took the largest of said: a target's logit may be below the 0 of the other ranks; add up": (
        _loss(said=lambda said: said.amax(0))
    ),
    "you took the last rank's target alone": _loss(said=lambda said: said[-1]),
    "you gave minus the loss: it is never negative": _then(lambda losses: -losses),
    "you gave the sum over the tokens: give each token's": _then(lambda losses: losses.sum()),
    "you gave the mean over the tokens: give each token's": _then(lambda losses: losses.mean()),
    "you gave probabilities: the loss is minus their logarithm": _then(lambda losses: (-losses).exp()),
    "you gave what each rank would say alone: combine the ranks": (lambda tops, sums, said: sums.log() + tops - said),
}
