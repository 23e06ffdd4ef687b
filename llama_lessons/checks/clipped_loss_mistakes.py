"""Wrong answers to the fourth exercise of lesson 10, PPO's loss, each under the words that a reader is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _of(
    ratio: Callable = lambda new, old: (new - old).exp(),  # (N,)
    cut: Callable = lambda ratio, clip: ratio.clamp(1 - clip, 1 + clip),
    choose: Callable = torch.minimum,
    give: Callable = lambda gain: -gain.mean(),
) -> Callable:
    """A loss with its own ratio, its own cut, its own choice of the two and its own mean."""

    def loss(new: Tensor, old: Tensor, advantages: Tensor, clip: float) -> Tensor:
        moved = ratio(new, old)
        return give(choose(moved * advantages, cut(moved, clip) * advantages))

    return loss


def _smaller_ratio(new: Tensor, old: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """The smaller of the two ratios, before the advantage comes in: one number."""
    ratio = (new - old).exp()
    return -(torch.minimum(ratio, ratio.clamp(1 - clip, 1 + clip)) * advantages).mean()


def _means_first(new: Tensor, old: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """The smaller of the two means: one number."""
    ratio = (new - old).exp()
    return -torch.minimum((ratio * advantages).mean(), (ratio.clamp(1 - clip, 1 + clip) * advantages).mean())


def _whitened(new: Tensor, old: Tensor, advantages: Tensor, clip: float) -> Tensor:
    return _of()(new, old, (advantages - advantages.mean()) / advantages.std(), clip)


CLIPPED_LOSS_MISTAKES = {
    "you took the difference of the log-probabilities for the ratio: the ratio is e to that difference": (
        _of(lambda n, o: n - o)
    ),
    "you divided the log-probabilities: the ratio is of probabilities, e to the difference of the logarithms": (
        _of(lambda n, o: n / o)
    ),
    "you took the ratio upside down, old over new": _of(lambda n, o: (o - n).exp()),
    "you took the probability for the ratio: divide it by the old one, which is e to the difference": (
        _of(lambda n, o: n.exp())
    ),
    "you took 1 + the difference for the ratio: that is near it, but the ratio is e to the difference": (
        _of(lambda n, o: 1 + n - o)
    ),
    "you took the difference of the probabilities for the ratio: divide them": _of(lambda n, o: n.exp() - o.exp()),
    "you gave what is to grow: a loss is what is to fall, minus that": _of(give=lambda gain: gain.mean()),
    "you took the larger of the two: the objective is the smaller, of the *losses* it would be the larger": (
        _of(choose=torch.maximum)
    ),
    "you took the larger of the two, and gave what is to grow": (
        _of(choose=torch.maximum, give=lambda gain: gain.mean())
    ),
    "you used the clipped ratio alone: then a token that moved the wrong way is never called back. Take the smaller of "
    "the two": _of(choose=lambda plain, cut: cut),
    "nothing was clipped: take the smaller of the plain and the clipped product": _of(choose=lambda plain, cut: plain),
    "you clipped around 0: the ratio is 1 where nothing has moved, so clip to 1 - clip ... 1 + clip": (
        _of(cut=lambda ratio, clip: ratio.clamp(-clip, clip))
    ),
    "you clipped to clip ... 1 + clip: below it is 1 - clip": _of(cut=lambda ratio, clip: ratio.clamp(clip, 1 + clip)),
    "you clipped above only: below it is 1 - clip": _of(cut=lambda ratio, clip: ratio.clamp(max=1 + clip)),
    "you clipped below only: above it is 1 + clip": _of(cut=lambda ratio, clip: ratio.clamp(min=1 - clip)),
    "you clipped to 1 / (1 + clip) ... 1 + clip: below it is 1 - clip": (
        _of(cut=lambda ratio, clip: ratio.clamp(1 / (1 + clip), 1 + clip))
    ),
    "you clipped the logarithm of the ratio: clip the ratio, to 1 - clip ... 1 + clip": (
        _of(cut=lambda ratio, clip: ratio.log().clamp(-clip, clip).exp())
    ),
    "you clipped to 0.8 ... 1.2, whatever clip is": _of(cut=lambda ratio, clip: ratio.clamp(0.8, 1.2)),
    "you took the smaller ratio before the advantage came in: where that is below 0, the order turns round. Multiply "
    "first": _smaller_ratio,
    "you took the mean before the smaller: choose for each token, then take the mean": _means_first,
    "you clipped the product: clip the ratio, then multiply": (
        lambda n, o, a, clip: -torch.minimum((r := (n - o).exp()) * a, (r * a).clamp(1 - clip, 1 + clip)).mean()
    ),
    "you took the advantage without its sign: below 0 it makes a token less likely": (
        lambda n, o, a, clip: _of()(n, o, a.abs(), clip)
    ),
    "you left out the advantages": lambda n, o, a, clip: _of()(n, o, torch.ones_like(a), clip),
    "you took log-probability times advantage: that is the policy gradient without a ratio": (
        lambda n, o, a, clip: -(n * a).mean()
    ),
    "you whitened the advantages: they come as they are to be used": _whitened,
    "you gave the sum over the tokens: give the mean": _of(give=lambda gain: -gain.sum()),
    "you gave a loss for each token: give their mean, one number": _of(give=torch.neg),
}
