"""Wrong answers to the second exercise of lesson 07, top-p, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _put_back(kept: Tensor, order: Tensor) -> Tensor:
    return torch.zeros_like(kept).scatter(0, order, kept)


def _nucleus(
    keep: Callable = lambda sums, probs, top_p: sums - probs <= top_p,  # (V,) sorted: which of them stay
    descending: bool = True,
    back: Callable = _put_back,
    scale: Callable = lambda kept, top_p: kept / kept.sum(),
) -> Callable:
    """A top-p that keeps, sorts, puts back and normalises in its own way."""

    def cut(probs: Tensor, top_p: float) -> Tensor:
        values, order = probs.sort(descending=descending)
        kept = values.where(keep(values.cumsum(0), values, top_p), 0)
        return scale(back(kept, order), top_p)

    return cut


_right = _nucleus()


def _crossing_dropped(sums: Tensor, probs: Tensor, top_p: float) -> Tensor:
    return sums <= top_p


def _one_further(sums: Tensor, probs: Tensor, top_p: float) -> Tensor:
    """Which stay if the token behind the one that crosses is kept too, (V,)."""
    right = sums - probs <= top_p
    return torch.cat([right[:1], right[:-1]])


def _first(number: Callable) -> Callable:
    """Keeps so many of the likeliest."""
    return lambda sums, probs, top_p: torch.arange(len(probs)) < number(sums, probs, top_p)


def _shared_out(kept: Tensor, top_p: float) -> Tensor:
    """What was cut, given in equal parts to what stays."""
    return torch.where(kept > 0, kept + (1 - kept.sum()) / (kept > 0).sum(), kept)


def _masked(keep: Callable) -> Callable:
    """A cut that decides for every token by itself: keep(probs, top_p)."""

    def cut(probs: Tensor, top_p: float) -> Tensor:
        kept = probs.where(keep(probs, top_p), 0)
        return kept / kept.sum()

    return cut


def _only_what_stays(probs: Tensor, top_p: float) -> Tensor:
    values = _right(probs, top_p).sort(descending=True).values
    return values[values > 0]


def _over_itself(sums: Tensor, probs: Tensor, top_p: float) -> Tensor:
    """A shift by one, written over what it reads: all but the first take what the first says."""
    return (sums[0] <= top_p) | (torch.arange(len(sums)) == 0)


TOP_P_MISTAKES = {
    "you dropped the token with which the sum crosses top_p: a token stays if the sum of those *before* it is at "
    "most top_p. And the likeliest must always stay": _nucleus(_crossing_dropped),
    "you dropped the token with which the sum crosses top_p, except where nothing was left: a token stays if the sum "
    "of those *before* it is at most top_p": (
        _nucleus(lambda sums, probs, p: _crossing_dropped(sums, probs, p) | (sums == probs))
    ),
    "you dropped the token with which the sum crosses or meets top_p: a token stays if the sum of those *before* it is "
    "at most top_p": _nucleus(lambda sums, probs, p: sums < p),
    "you sorted ascending: begin with the likeliest": _nucleus(descending=False),
    "you sorted ascending, and dropped the token with which the sum crosses top_p: begin with the likeliest": (
        _nucleus(_crossing_dropped, descending=False)
    ),
    "you sorted ascending and cut off the first that sum to top_p: it is the last that sum to 1 - top_p": (
        _nucleus(lambda sums, probs, p: sums > p, descending=False)
    ),
    "you did not sort: the sum runs over the likeliest first, not in the order of the vocabulary": (
        _masked(lambda probs, p: probs.cumsum(0) - probs <= p)
    ),
    "you did not sort, and dropped the token with which the sum crosses top_p: the sum runs over the likeliest first": (
        _masked(lambda probs, p: probs.cumsum(0) <= p)
    ),
    "you applied the mask of the sorted probabilities to the unsorted ones: two orders; the mask belongs to the sorted "
    "places": _masked(lambda probs, p: (s := probs.sort(descending=True).values).cumsum(0) - s <= p),
    "you forgot to normalise: what is left must sum to 1": _nucleus(scale=lambda kept, p: kept),
    "you divided by top_p: what is left sums to more than that. Divide by its own sum": (
        _nucleus(scale=lambda kept, p: kept / p)
    ),
    "you divided by the number of tokens that stay: divide by the sum of what is left": (
        _nucleus(scale=lambda kept, p: kept / (kept > 0).sum())
    ),
    "you divided by the largest of what is left: divide by its sum": _nucleus(scale=lambda kept, p: kept / kept.max()),
    "you took the softmax of what was left: it is for scores. Divide probabilities by their sum": (
        _nucleus(scale=lambda kept, p: kept.softmax(0))
    ),
    "you took the softmax of what was left, the others at minus infinity: it is for scores. Divide probabilities by "
    "their sum": _nucleus(scale=lambda kept, p: kept.masked_fill(kept == 0, -torch.inf).softmax(0)),
    "you shared what was cut equally among what stays: it is shared in proportion, so divide by the sum": (
        _nucleus(scale=_shared_out)
    ),
    "you gave all that stay the same probability: divide each by their sum": (
        _nucleus(scale=lambda kept, p: (kept > 0) / (kept > 0).sum())
    ),
    "you gave what was cut to the likeliest: it is shared in proportion, so divide by the sum": _nucleus(
        scale=lambda kept, p: kept + (1 - kept.sum()) * (torch.arange(len(kept)) == kept.argmax())
    ),
    "you took the softmax first, before the cut: these are probabilities already, not scores": (
        lambda probs, p: _right(probs.softmax(0), p)
    ),
    "you gave logarithms of probabilities": lambda probs, p: _right(probs, p).log(),
    "you gave the probabilities in the order of likelihood: put each back into its token's place": (
        _nucleus(back=lambda kept, order: kept)
    ),
    "you gave only what stays, in the order of likelihood: give V probabilities, each in its token's place": (
        _only_what_stays
    ),
    "you put them back the wrong way: `order` says where each came from, so write to result[order]; "
    "reading kept[order] shuffles once more": _nucleus(back=lambda kept, order: kept[order]),
    "you put them back in reverse: `order` says where each came from, so write to result[order]": (
        _nucleus(back=lambda kept, order: _put_back(kept, order.flip(0)))
    ),
    "you kept a token too few where the sum before it is exactly top_p: Meta keeps it": (
        _nucleus(lambda sums, probs, p: sums - probs < p)
    ),
    "you kept a token too few where the sum before it is exactly top_p, though never none: Meta keeps it": (
        _nucleus(lambda sums, probs, p: (sums - probs < p) | (sums == probs))
    ),
    "you kept a token too many, the one after the sum was crossed": _nucleus(_one_further),
    "you kept only the likeliest: a token stays if the sum of those before it is at most top_p": (
        _nucleus(_first(lambda sums, probs, p: 1))
    ),
    "you kept the share top_p of the tokens, by their number: it is the sum of their probabilities that counts": (
        _nucleus(_first(lambda sums, probs, p: int(p * len(probs))))
    ),
    "your shift writes over itself: keep[1:] = keep[:-1], on one memory and token by token, copies the first one on; "
    "shift a copy (clone)": _nucleus(_over_itself),
    "you compared each probability with top_p by itself: it is their sum that counts": _masked(
        lambda probs, p: probs >= p
    ),
    "you compared each probability with top_p by itself, and kept the likeliest: it is their sum that counts": _masked(
        lambda probs, p: probs >= min(p, probs.max())
    ),
    "you cut off what is likelier than top_p by itself: it is the sum that counts": _masked(
        lambda probs, p: probs <= p
    ),
    "you compared each probability with 1 - top_p by itself: it is their sum that counts": _masked(
        lambda probs, p: probs >= 1 - p
    ),
    "you compared each probability with 1 - top_p by itself, and kept the likeliest: it is their sum that counts": (
        _masked(lambda probs, p: probs >= min(1 - p, probs.max()))
    ),
    "you kept what has at least top_p times the likeliest's probability: that is another rule, like min-p": _masked(
        lambda probs, p: probs >= p * probs.max()
    ),
    "you compared the sum with 1 - top_p: a token stays if the sum of those before it is at most top_p": (
        _nucleus(lambda sums, probs, p: sums - probs <= 1 - p)
    ),
    "you kept the tail, where the sum before is above 1 - top_p: keep where it is at most top_p": (
        _nucleus(lambda sums, probs, p: sums - probs > 1 - p)
    ),
    "you kept the tail and cut off the nucleus": _nucleus(lambda sums, probs, p: sums - probs > p),
    "you kept the tail and the token with which the sum crosses, and cut off the nucleus": (
        _nucleus(lambda sums, probs, p: sums > p)
    ),
    "nothing was cut": lambda probs, top_p: probs,
}
