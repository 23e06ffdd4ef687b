"""Wrong answers to the first two exercises of lesson 07, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _only(logits: Tensor, k: int) -> Tensor:
    """Scores (B, V), -inf where they are not among the k highest of their row."""
    if k < 1:
        return torch.full_like(logits, -torch.inf)
    return logits.masked_fill(logits < logits.topk(min(k, logits.shape[-1])).values[:, -1:], -torch.inf)


def _probs(change: Callable) -> Callable:
    """Probabilities of scores that were changed and cut in another way: change(logits, temperature, k) -> scores."""
    return lambda logits, temperature, top_k: change(logits, temperature, top_k).softmax(-1)


def _right(logits: Tensor, temperature: float, top_k: int) -> Tensor:
    return _only(logits / temperature, top_k).softmax(-1)


def _one_bar(logits: Tensor, temperature: float, top_k: int) -> Tensor:
    """Every row cut at one score, here the first row's k-th."""
    scores = logits / temperature
    return scores.masked_fill(scores < scores[0].topk(top_k).values[-1], -torch.inf)


def _cut_later(logits: Tensor, temperature: float, top_k: int) -> Tensor:
    """Cut after the softmax: what is left does not sum to 1."""
    probs = (logits / temperature).softmax(-1)
    return probs.where(_only(probs, top_k).isfinite(), 0)


PROBS_MISTAKES = {
    "you multiplied by the temperature: divide the scores by it, so that a low one sharpens": (
        _probs(lambda logits, t, k: _only(logits * t, k))
    ),
    "the temperature has no effect: you left it out, or divided probabilities by it and normalised again, which "
    "takes it out. Divide the scores, before the softmax": _probs(lambda logits, t, k: _only(logits, k)),
    "you divided the probabilities by the temperature: they do not sum to 1 any more. Divide the scores, before "
    "the softmax": lambda logits, t, k: _only(logits, k).softmax(-1) / t,
    "you put probabilities through the softmax once more, in place of scores": (
        _probs(lambda logits, t, k: _only(logits.softmax(-1) / t, k))
    ),
    "you left out top_k: all tokens but the k likeliest get probability 0": _probs(lambda logits, t, k: logits / t),
    "your top_k is off by one and keeps k + 1 tokens": _probs(lambda logits, t, k: _only(logits / t, k + 1)),
    "your top_k is off by one and keeps k - 1 tokens": _probs(lambda logits, t, k: _only(logits / t, k - 1)),
    "you kept the k least likely tokens": _probs(lambda logits, t, k: -_only(-logits / t, k)),
    "you set the scores of the others to 0: e to the 0 is 1, so they stay. Set them to minus infinity": (
        _probs(lambda logits, t, k: (logits / t).where(_only(logits, k).isfinite(), 0))
    ),
    "you cut after the softmax and did not normalise again: a row must sum to 1": _cut_later,
    "you cut every row at the same score: each row has its own k-th (keep its dimension: values[:, -1:])": _probs(
        _one_bar
    ),
    "you took the softmax down the columns: the probabilities of one row must sum to 1 (dim=-1)": (
        lambda logits, t, k: _only(logits / t, k).softmax(0)
    ),
    "you gave the scores: the softmax is missing": lambda logits, t, k: _only(logits / t, k),
    "you gave logarithms of probabilities": lambda logits, t, k: _only(logits / t, k).log_softmax(-1),
    "you gave the probabilities in the order of likelihood: each must stay in its token's place": (
        lambda logits, t, k: _right(logits, t, k).sort(-1, descending=True).values
    ),
}


def _nucleus(
    keep: Callable = lambda sums, probs, top_p: sums - probs <= top_p,  # (V,) sorted: which of them stay
    descending: bool = True,
    back: Callable = lambda kept, order: torch.zeros_like(kept).scatter(0, order, kept),
    scale: Callable = lambda kept, top_p: kept / kept.sum(),
) -> Callable:
    """A top-p that keeps, sorts, puts back and normalises in its own way."""

    def cut(probs: Tensor, top_p: float) -> Tensor:
        values, order = probs.sort(descending=descending)
        kept = values.where(keep(values.cumsum(0), values, top_p), 0)
        return scale(back(kept, order), top_p)

    return cut


def _crossing_dropped(sums: Tensor, probs: Tensor, top_p: float) -> Tensor:
    return sums <= top_p


def _one_further(sums: Tensor, probs: Tensor, top_p: float) -> Tensor:
    """Which stay if the token behind the one that crosses is kept too, (V,)."""
    right = sums - probs <= top_p
    return torch.cat([right[:1], right[:-1]])


def _masked(keep: Callable) -> Callable:
    """A cut that decides for every token by itself: keep(probs, top_p)."""

    def cut(probs: Tensor, top_p: float) -> Tensor:
        kept = probs.where(keep(probs, top_p), 0)
        return kept / kept.sum()

    return cut


TOP_P_MISTAKES = {
    "you dropped the token with which the sum crosses top_p: a token stays if the sum of those *before* it is at "
    "most top_p. And the likeliest must always stay": _nucleus(_crossing_dropped),
    "you dropped the token with which the sum crosses top_p, except where nothing was left: a token stays if the sum "
    "of those *before* it is at most top_p": (
        _nucleus(lambda sums, probs, p: _crossing_dropped(sums, probs, p) | (sums == probs))
    ),
    "you sorted ascending: begin with the likeliest": _nucleus(descending=False),
    "you did not sort: the sum runs over the likeliest first, not in the order of the vocabulary": (
        _masked(lambda probs, p: probs.cumsum(0) - probs <= p)
    ),
    "you forgot to normalise: what is left must sum to 1": _nucleus(scale=lambda kept, p: kept),
    "you divided by top_p: what is left sums to more than that. Divide by its own sum": (
        _nucleus(scale=lambda kept, p: kept / p)
    ),
    "you took the softmax of what was left: it is for scores. Divide probabilities by their sum": (
        _nucleus(scale=lambda kept, p: kept.softmax(0))
    ),
    "you gave the probabilities in the order of likelihood: put each back into its token's place": (
        _nucleus(back=lambda kept, order: kept)
    ),
    "you put them back the wrong way: `order` says where each came from, so write to result[order]; "
    "reading kept[order] shuffles once more": _nucleus(back=lambda kept, order: kept[order]),
    "you kept a token too few where the sum before it is exactly top_p: Meta keeps it": (
        _nucleus(lambda sums, probs, p: sums - probs < p)
    ),
    "you kept a token too many, the one after the sum was crossed": _nucleus(_one_further),
    "you compared each probability with top_p by itself: it is their sum that counts": _masked(
        lambda probs, p: probs >= min(p, probs.max())
    ),
    "you compared each probability with 1 - top_p by itself: it is their sum that counts": _masked(
        lambda probs, p: probs >= min(1 - p, probs.max())
    ),
    "you kept what has at least top_p times the likeliest's probability: that is another rule, like min-p": _masked(
        lambda probs, p: probs >= p * probs.max()
    ),
    "you kept the tail and cut off the nucleus": _nucleus(lambda sums, probs, p: sums - probs > p),
    "nothing was cut": lambda probs, top_p: probs,
}
