"""Wrong answers to the second half of lesson 06, AdamW and clipping, each under the words that a reader is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

BETAS, EPS = (0.9, 0.95), 1e-8


def _adamw(
    change: Callable[..., Tensor],
    betas: tuple[float, float] = BETAS,
    squared: Callable[[Tensor], Tensor] = torch.square,
    l2: bool = False,
    blend: tuple[bool, bool] = (True, True),
) -> Callable:
    """A wrong step: `change` makes the new weight of the old one, the means and their corrections; or the means differ.

    Args:
        change: takes weight, mean, square, first, second (the corrections by which the means are divided), rate, decay.
        betas: of the two means.
        squared: what the second mean is made of.
        l2: whether the decay is added to the gradient.
        blend: whether each mean takes only its share (1 - beta) of what is new.
    """

    def wrong(weight, gradient, mean, square, step, rate, decay):
        if l2:
            gradient = gradient + decay * weight
        shares = [1 - beta if blended else 1 for beta, blended in zip(betas, blend, strict=True)]
        mean = betas[0] * mean + shares[0] * gradient
        square = betas[1] * square + shares[1] * squared(gradient)
        first, second = 1 - betas[0] ** step, 1 - betas[1] ** step
        return change(weight, mean, square, first, second, rate, decay), mean, square

    return wrong


def _right(weight, mean, square, first, second, rate, decay):
    return weight * (1 - rate * decay) - rate * (mean / first) / ((square / second).sqrt() + EPS)


def _newest_only(weight, gradient, mean, square, step, rate, decay):
    _, mean, square = _adamw(_right)(weight, gradient, mean, square, step, rate, decay)
    second = 1 - BETAS[1] ** step
    return weight * (1 - rate * decay) - rate * gradient / ((square / second).sqrt() + EPS), mean, square


def _corrected_given_back(weight, gradient, mean, square, step, rate, decay):
    weight, mean, square = _adamw(_right)(weight, gradient, mean, square, step, rate, decay)
    return weight, mean / (1 - BETAS[0] ** step), square / (1 - BETAS[1] ** step)


ADAMW_MISTAKES = {
    "you gave the corrected means back: the next step would correct them again; correct them for the move alone": (
        _corrected_given_back
    ),
    "the means are not corrected: they began at 0, so early on both are too small; divide by 1 - beta**step": (
        _adamw(lambda w, m, s, c1, c2, rate, decay: _right(w, m, s, 1, 1, rate, decay))
    ),
    "only the mean is corrected: the mean of the squares began at 0 as well": (
        _adamw(lambda w, m, s, c1, c2, rate, decay: _right(w, m, s, c1, 1, rate, decay))
    ),
    "only the mean of the squares is corrected: the mean of the gradients began at 0 as well": (
        _adamw(lambda w, m, s, c1, c2, rate, decay: _right(w, m, s, 1, c2, rate, decay))
    ),
    "the decay went into the gradient, and from there into both means: that is Adam with an L2 penalty; "
    "AdamW shrinks the weight itself": (
        _adamw(lambda w, m, s, c1, c2, rate, decay: _right(w, m, s, c1, c2, rate, 0), l2=True)
    ),
    "there is no weight decay": _adamw(lambda w, m, s, c1, c2, rate, decay: _right(w, m, s, c1, c2, rate, 0)),
    "the decay is not multiplied by the rate: the weight would shrink by a tenth at every step": (
        _adamw(lambda w, m, s, c1, c2, rate, decay: _right(w, m, s, c1, c2, rate, 0) - decay * w)
    ),
    "the weights grow: decay must make them smaller": (
        _adamw(lambda w, m, s, c1, c2, rate, decay: _right(w, m, s, c1, c2, rate, -decay))
    ),
    "you went uphill: the step goes against the gradient": (
        _adamw(lambda w, m, s, c1, c2, rate, decay: w * (1 - rate * decay) + (w - _right(w, m, s, c1, c2, rate, 0)))
    ),
    "the root is missing: divide by the root of the mean of the squares": (
        _adamw(lambda w, m, s, c1, c2, rate, decay: w * (1 - rate * decay) - rate * (m / c1) / (s / c2 + EPS))
    ),
    "eps stands under the root: it is added after it, and so is far smaller": (
        _adamw(lambda w, m, s, c1, c2, rate, decay: w * (1 - rate * decay) - rate * (m / c1) / (s / c2 + EPS).sqrt())
    ),
    "the step divides the gradient instead of its mean": _newest_only,
    "the second mean is of the gradients' sizes, not of their squares": _adamw(_right, squared=torch.abs),
    "the second mean has the beta of PyTorch's default, 0.999: Llama 2 took 0.95": _adamw(_right, betas=(0.9, 0.999)),
    "the two betas are exchanged": _adamw(_right, betas=BETAS[::-1]),
    "the means take the whole of the new gradient: they should take the share 1 - beta": (
        _adamw(_right, blend=(False, False))
    ),
    "the new gradient has the share beta and the old mean 1 - beta: it is the other way round": (
        _adamw(_right, betas=(1 - BETAS[0], 1 - BETAS[1]))
    ),
}


def _norm(gradients: list[Tensor]) -> Tensor:
    return torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()


def _scaled(factor: Callable) -> Callable:
    """A wrong clipping: every gradient times `factor(gradients, limit)`."""
    return lambda gradients, limit: [gradient * factor(gradients, limit) for gradient in gradients]


CLIP_MISTAKES = {
    "each tensor is clipped by itself: one factor for all keeps the direction of the step": (
        lambda gradients, limit: [gradient * min(1, limit / float(gradient.norm())) for gradient in gradients]
    ),
    "gradients below the limit are blown up to it: the factor is never more than 1": (
        _scaled(lambda gradients, limit: limit / _norm(gradients))
    ),
    "each number is cut off by itself: that bends the step; scale all by one factor": (
        lambda gradients, limit: [gradient.clamp(-limit, limit) for gradient in gradients]
    ),
    "you added up the norms of the tensors: add up all squares, then take one root": (
        _scaled(lambda gradients, limit: min(1, limit / sum(float(gradient.norm()) for gradient in gradients)))
    ),
    "you took the largest of the tensors' norms: the norm is that of all numbers together": (
        _scaled(lambda gradients, limit: min(1, limit / max(float(gradient.norm()) for gradient in gradients)))
    ),
    "you took the largest number for the norm": (
        _scaled(lambda gradients, limit: min(1, limit / max(float(gradient.abs().max()) for gradient in gradients)))
    ),
    "you forgot the root: the norm is the root of the sum of the squares": (
        _scaled(lambda gradients, limit: min(1, limit / float(_norm(gradients)) ** 2))
    ),
    "the norm becomes 1, whatever the limit is": _scaled(lambda gradients, limit: min(1, 1 / float(_norm(gradients)))),
    "you divide by the norm only where it is above the limit, and forget the limit": (
        _scaled(lambda gradients, limit: 1 / _norm(gradients) if _norm(gradients) > limit else 1)
    ),
    "nothing is clipped": _scaled(lambda gradients, limit: 1),
    "gradients above the limit are left out: a step that is too large is made shorter, not skipped": (
        _scaled(lambda gradients, limit: 0 if _norm(gradients) > limit else 1)
    ),
}
