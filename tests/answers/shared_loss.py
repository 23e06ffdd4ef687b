"""Lesson 13, exercise 4: a loss whose logits no rank has all of."""

from __future__ import annotations

import torch

from llama_lessons.checks.parallel import check_shared_loss
from tests.answers.bank import Bank

bank = Bank(check_shared_loss)


@bank.right
def rescaled(tops, sums, said):
    top = tops.max(dim=0).values
    return torch.log((sums * torch.exp(tops - top)).sum(dim=0)) + top - said.sum(dim=0)


@bank.right
def in_turns(tops, sums, said):
    top, total = tops[0], sums[0]
    for other, more in zip(tops[1:], sums[1:], strict=True):
        new = torch.maximum(top, other)
        top, total = new, total * (top - new).exp() + more * (other - new).exp()
    return total.log() + top - said.sum(0)


@bank.right
def by_logsumexp(tops, sums, said):
    return torch.logsumexp(tops + sums.log(), 0) - said.sum(0)


def loss(tops, sums, said, factor=None, add=None, log=torch.log, target=None):
    """An answer with a reader's own steps."""
    top = tops.amax(0)
    factor = torch.exp(tops - top) if factor is None else factor(tops, top)
    return (
        log((sums * factor).sum(0))
        + (top if add is None else add(tops))
        - (said.sum(0) if target is None else target(said))
    )


def with_(**steps):
    return lambda tops, sums, said: loss(tops, sums, said, **steps)


for says, answer in {
    "the largest of all tokens together": lambda tops, sums, said: (
        ((tops - tops.max()).exp() * sums).sum(0).log() + tops.max() - said.sum(0)
    ),
    "all ranks' largest": with_(add=lambda tops: tops.sum(0)),
    "forgot sums": lambda tops, sums, said: tops.logsumexp(0) - said.sum(0),
    "you added the sums as they are: each": with_(factor=lambda tops, top: 1),
    "you added the sums as they are, and each": with_(factor=lambda tops, top: 1, add=lambda tops: tops.sum(0)),
    "difference the wrong way round": with_(factor=lambda tops, top: (top - tops).exp()),
    "forgot to add the largest": with_(add=lambda tops: 0),
    "subtracted the largest logit": with_(add=lambda tops: -tops.amax(0)),
    "the mean of the ranks' largest": with_(add=lambda tops: tops.mean(0)),
    "that is inf for large logits": with_(factor=lambda tops, top: tops.exp(), add=lambda tops: 0),
    "forgot the logarithm": with_(log=lambda x: x),
    "base 2": with_(log=torch.log2),
    "added up the ranks' own log-sum-exps": lambda tops, sums, said: (tops + sums.log()).sum(0) - said.sum(0),
    "forgot the target's logit": with_(target=lambda said: 0),
    "added the target's logit": with_(target=lambda said: -said.sum(0)),
    "the mean of said": with_(target=lambda said: said.mean(0)),
    "the largest of said": with_(target=lambda said: said.amax(0)),
    "the mean over the tokens": lambda tops, sums, said: rescaled(tops, sums, said).mean(),
    "the sum over the tokens": lambda tops, sums, said: rescaled(tops, sums, said).sum(),
    "minus the loss": lambda tops, sums, said: -rescaled(tops, sums, said),
    "each rank would say alone": lambda tops, sums, said: tops + sums.log() - said,
}.items():
    bank.wrong(says)(answer)


@bank.wrong()
def halved(tops, sums, said):
    return rescaled(tops, sums, said) / 2
