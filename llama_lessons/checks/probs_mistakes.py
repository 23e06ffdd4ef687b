"""Wrong answers to the first exercise of lesson 07, temperature and top-k, each under the words that a reader is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _kept(logits: Tensor, k: int) -> Tensor:
    """Which scores (B, V) are among the k highest of their row."""
    if k < 1:
        return torch.zeros_like(logits, dtype=torch.bool)
    return logits >= logits.topk(min(k, logits.shape[-1])).values[:, -1:]


def _only(logits: Tensor, k: int, others: float = -torch.inf) -> Tensor:
    """Scores (B, V), and another number where they are not among the k highest of their row."""
    return logits.where(_kept(logits, k), others)


def _probs(change: Callable) -> Callable:
    """Probabilities of scores that were changed and cut in another way: change(logits, temperature, k) -> scores."""
    return lambda logits, temperature, top_k: change(logits, temperature, top_k).softmax(-1)


def _right(logits: Tensor, temperature: float, top_k: int) -> Tensor:
    return _only(logits / temperature, top_k).softmax(-1)


def _afterwards(change: Callable) -> Callable:
    """Right probabilities, changed at the end: change(probs, temperature, k)."""
    return lambda logits, temperature, top_k: change(_right(logits, temperature, top_k), temperature, top_k)


def _barred(bar: Callable) -> Callable:
    """Scores cut where they are below `bar(scores, k)`, of whatever shape."""

    def cut(logits: Tensor, temperature: float, top_k: int) -> Tensor:
        scores = logits / temperature
        return scores.masked_fill(scores < bar(scores, top_k), -torch.inf).softmax(-1)

    return cut


def _cut_later(scale: Callable) -> Callable:
    """Cut after the softmax, and normalised by `scale(probs)`."""

    def cut(logits: Tensor, temperature: float, top_k: int) -> Tensor:
        probs = (logits / temperature).softmax(-1)
        kept = _only(probs, top_k, 0.0)
        return kept / scale(kept)

    return cut


def _by_places(logits: Tensor, temperature: float, top_k: int) -> Tensor:
    """`argsort` once, as if it gave the rank of each token."""
    probs = (logits / temperature).softmax(-1)
    kept = probs * (probs.argsort(descending=True) < top_k)
    return kept / kept.sum(-1, keepdim=True)


def _to_the_first_rows_places(logits: Tensor, temperature: float, top_k: int) -> Tensor:
    values, places = (logits / temperature).topk(top_k)
    out = torch.zeros_like(logits)
    out[:, places[0]] = values.softmax(-1)
    return out


def _of_scores_that_overflow(logits: Tensor, temperature: float, top_k: int) -> Tensor:
    powers = (logits / temperature).exp() * _kept(logits, top_k)
    return powers / powers.sum(-1, keepdim=True)


PROBS_MISTAKES = {
    "you multiplied by the temperature: divide the scores by it, so that a low one sharpens": (
        _probs(lambda logits, t, k: _only(logits * t, k))
    ),
    "you divided by the root of the temperature: divide by the temperature itself": (
        _probs(lambda logits, t, k: _only(logits / t**0.5, k))
    ),
    "you divided by the square of the temperature: divide once": _probs(lambda logits, t, k: _only(logits / t**2, k)),
    "you divided by 1 + the temperature: divide by the temperature itself": (
        _probs(lambda logits, t, k: _only(logits / (1 + t), k))
    ),
    "the temperature has no effect: you left it out, or divided probabilities by it and normalised again, which "
    "takes it out. Divide the scores, before the softmax": _probs(lambda logits, t, k: _only(logits, k)),
    "you divided the probabilities by the temperature: they do not sum to 1 any more. Divide the scores, before "
    "the softmax": lambda logits, t, k: _only(logits, k).softmax(-1) / t,
    "you multiplied the probabilities by the temperature: divide the scores, before the softmax": (
        lambda logits, t, k: _only(logits, k).softmax(-1) * t
    ),
    "you put probabilities through the softmax once more, in place of scores": (
        _probs(lambda logits, t, k: _only(logits.softmax(-1) / t, k))
    ),
    "you put probabilities, already divided by the temperature, through the softmax once more: it is for scores": (
        _probs(lambda logits, t, k: _only((logits / t).softmax(-1), k))
    ),
    "you took the softmax once more at the end: probabilities are no scores": _afterwards(
        lambda p, t, k: p.softmax(-1)
    ),
    "you left out top_k: all tokens but the k likeliest get probability 0": _probs(lambda logits, t, k: logits / t),
    "your top_k is off by one and keeps k + 1 tokens": _probs(lambda logits, t, k: _only(logits / t, k + 1)),
    "your top_k is off by one and keeps k - 1 tokens": _probs(lambda logits, t, k: _only(logits / t, k - 1)),
    "your top_k is off by one and keeps k - 1 tokens, except where that would be none": (
        _probs(lambda logits, t, k: _only(logits / t, max(k - 1, 1)))
    ),
    "you kept only the likeliest token: keep k": _probs(lambda logits, t, k: _only(logits / t, 1)),
    "you kept the k least likely tokens": (
        _probs(lambda logits, t, k: (logits / t).where(_kept(-logits, k), -torch.inf))
    ),
    "you sorted ascending and cut at the k-th score from the bottom: sort descending": (
        _barred(lambda scores, k: scores.sort().values[:, k - 1 : k])
    ),
    "you dropped the k likeliest tokens: keep them, and drop the others": (
        _probs(lambda logits, t, k: (logits / t).masked_fill(_kept(logits, k), -torch.inf))
    ),
    "you set the scores of the others to 0: e to the 0 is 1, so they stay. Set them to minus infinity": (
        _probs(lambda logits, t, k: _only(logits / t, k, 0.0))
    ),
    **{
        f"you set the scores of the others to {low}: that is not low enough, they still count. Set them to minus "
        "infinity": _probs(lambda logits, t, k, low=low: _only(logits / t, k, low))
        for low in (-1.0, -10.0)
    },
    "you cut after the softmax and did not normalise again: a row must sum to 1": _cut_later(lambda kept: 1),
    "you cut after the softmax and divided all rows together by one sum: each row is divided by its own": (
        _cut_later(lambda kept: kept.sum())
    ),
    "you cut after the softmax and divided by the sums of the columns: each row is divided by its own sum": (
        _cut_later(lambda kept: kept.sum(0))
    ),
    "you cut after the softmax and divided by the largest probability: a row must sum to 1, so divide by its sum": (
        _cut_later(lambda kept: kept.amax(-1, keepdim=True))
    ),
    "you cut every row at the same score: each row has its own k-th (keep its dimension: values[:, -1:])": (
        _barred(lambda scores, k: scores[0].topk(k).values[-1])
    ),
    "you cut every row at the same score, the last row's: each row has its own k-th": (
        _barred(lambda scores, k: scores[-1].topk(k).values[-1])
    ),
    "you cut every row at the same score, the lowest k-th: each row has its own": (
        _barred(lambda scores, k: scores.topk(k).values.min())
    ),
    "you cut every row at the same score, the highest k-th: each row has its own": (
        _barred(lambda scores, k: scores.topk(k).values[:, -1].max())
    ),
    "you cut all rows together at their k-th score: each row has its own": (
        _barred(lambda scores, k: scores.flatten().topk(k).values[-1])
    ),
    "you took topk down the columns: it runs along each row (dim=-1)": (
        _barred(lambda scores, k: scores.topk(min(k, len(scores)), dim=0).values[-1:])
    ),
    "you took the softmax down the columns: the probabilities of one row must sum to 1 (dim=-1)": (
        lambda logits, t, k: _only(logits / t, k).softmax(0)
    ),
    "you took the softmax over everything, all rows together: the probabilities of one row must sum to 1 (dim=-1)": (
        lambda logits, t, k: _only(logits / t, k).flatten().softmax(0).view_as(logits)
    ),
    "you gave all kept tokens the same probability: the scores say how likely each is": (
        _probs(lambda logits, t, k: (0 * logits).where(_kept(logits, k), -torch.inf))
    ),
    "you gave the scores: the softmax is missing": lambda logits, t, k: _only(logits / t, k),
    "you gave logarithms of probabilities": lambda logits, t, k: _only(logits / t, k).log_softmax(-1),
    "you gave the probabilities in the order of likelihood: each must stay in its token's place": (
        _afterwards(lambda p, t, k: p.sort(-1, descending=True).values)
    ),
    "you gave the k probabilities in the order of likelihood: give V, each in its token's place": (
        _afterwards(lambda p, t, k: p.topk(k).values)
    ),
    "you put all rows back to the places of the first row: each row has places of its own (scatter, or gather)": (
        _to_the_first_rows_places
    ),
    "you took argsort for ranks: it gives the places in order; argsort of argsort gives the rank of each token": (
        _by_places
    ),
    "you divided scores by their sum: take e to the scores first, that is the softmax": (
        lambda logits, t, k: _only(logits / t, k, 0.0) / _only(logits / t, k, 0.0).sum(-1, keepdim=True)
    ),
    "you took e to the scores as they are, which overflows for large scores and gives nan: "
    "subtract the largest first, as softmax does": _of_scores_that_overflow,
    "you gave float64: the answer has the type of the logits": _afterwards(lambda p, t, k: p.double()),
    "a single row loses its axis: the shape is (B, V), also for one row": _afterwards(lambda p, t, k: p.squeeze(0)),
}
