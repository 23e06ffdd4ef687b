"""Wrong RMSNorms of lesson 05, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Length = Callable[[Tensor, float], Tensor]  # x in float32 and eps, to what x is divided by


def _mean_square(x: Tensor) -> Tensor:
    return x.float().square().mean(-1, keepdim=True)


def _root(x: Tensor, eps: float) -> Tensor:
    return (_mean_square(x) + eps).sqrt()


def _norm(length: Length = _root, weigh: Callable = torch.mul, centre: Callable = lambda x: 0) -> Callable:
    """An RMSNorm that divides by what `length(x, eps)` makes of x in float32, once `centre(x)` is subtracted."""

    def norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
        wide = x.float() - centre(x.float())
        return weigh((wide / length(wide, eps)).type_as(x), weight)

    return norm


_right = _norm()


def _mean(x: Tensor) -> Tensor:
    return x.mean(-1, keepdim=True)


def _deviation(correction: int) -> Callable:
    return lambda x: x.std(-1, keepdim=True, correction=correction)


def _per_row(sum_of: Callable) -> Length:
    """The length of each row, by a sum over its numbers and its number of channels."""
    return lambda x, eps: sum_of(x, x.shape[-1], eps)


def _scaled_before(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    x = x * weight
    return (x.float() / _root(x, eps)).type_as(x)


def _in_the_type_of_x(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * weight


def _weighed_in_float32(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x.float() / _root(x, eps) * weight


def _sum_of_squares(x: Tensor) -> Tensor:
    return x.square().sum(-1, keepdim=True)


NORM_MISTAKES = {
    "you subtracted the mean first: that is LayerNorm; RMSNorm only divides": _norm(centre=_mean),
    "you subtracted the mean first, and added eps outside the root: that is LayerNorm; RMSNorm only divides": (
        _norm(lambda x, eps: _mean_square(x).sqrt() + eps, centre=_mean)
    ),
    "you subtracted the mean first, and divided by torch's standard deviation: that is LayerNorm; RMSNorm only "
    "divides": _norm(lambda x, eps: _deviation(1)(x) + eps, centre=_mean),
    "you subtracted the mean, but divided rightly: RMSNorm only divides": (
        lambda x, weight, eps: ((x.float() - _mean(x.float())) / _root(x, eps)).type_as(x) * weight
    ),
    "you divided by the standard deviation: it measures from the mean, RMSNorm from zero": (
        _norm(lambda x, eps: (_deviation(0)(x).square() + eps).sqrt())
    ),
    "you divided by the standard deviation plus eps: it measures from the mean, RMSNorm from zero": (
        _norm(lambda x, eps: _deviation(0)(x) + eps)
    ),
    "you divided by torch's standard deviation: it measures from the mean, and divides by C - 1 besides": (
        _norm(lambda x, eps: (_deviation(1)(x).square() + eps).sqrt())
    ),
    "you divided by torch's standard deviation plus eps: it measures from the mean, and divides by C - 1 besides": (
        _norm(lambda x, eps: _deviation(1)(x) + eps)
    ),
    "you added eps outside the root: it belongs to the mean square, inside": (
        _norm(lambda x, eps: _mean_square(x).sqrt() + eps)
    ),
    "you added the root of eps outside: eps belongs to the mean square, inside the root": (
        _norm(lambda x, eps: _mean_square(x).sqrt() + eps**0.5)
    ),
    "you used eps as a least length: it is added to the mean square, inside the root": (
        _norm(lambda x, eps: _mean_square(x).sqrt().clamp(min=eps))
    ),
    "you used eps as a least mean square: it is added to it": (
        _norm(lambda x, eps: _mean_square(x).clamp(min=eps).sqrt())
    ),
    "you forgot eps: a vector of zeros becomes nan": _norm(lambda x, eps: _mean_square(x).sqrt()),
    "you subtracted eps: it is added to the mean square": _norm(lambda x, eps: (_mean_square(x) - eps).sqrt()),
    "you added eps to x, before the squares: it is added to their mean": (
        _norm(lambda x, eps: (x + eps).square().mean(-1, keepdim=True).sqrt())
    ),
    "you added eps to the sum of the squares: it is added to their mean": (
        _norm(_per_row(lambda x, n, eps: ((_sum_of_squares(x) + eps) / n).sqrt()))
    ),
    **{
        f"you used {other} whatever is given: take eps, it differs from model to model": (
            _norm(lambda x, eps, other=float(other): (_mean_square(x) + other).sqrt())
        )
        for other in ("1e-5", "1e-6", "1e-8")
    },
    "you forgot the root: divide by the root of the mean square": _norm(lambda x, eps: _mean_square(x) + eps),
    "you multiplied with the root mean square: divide by it": _norm(lambda x, eps: 1 / _root(x, eps)),
    "you applied the weight before the norm: first scale x to length 1, then each channel by its weight": (
        _scaled_before
    ),
    "you forgot the weight: multiply each channel with its own at the end": _norm(weigh=lambda y, weight: y),
    "you added the weight: multiply with it": _norm(weigh=torch.add),
    "you divided by the weight: multiply with it": _norm(weigh=torch.div),
    "you applied the weight twice": _norm(weigh=lambda y, weight: y * weight * weight),
    "you took the weight of the first channel for all: each channel has its own": (
        _norm(weigh=lambda y, weight: y * weight[0])
    ),
    "you took the mean of the weights for all channels: each channel has its own": (
        _norm(weigh=lambda y, weight: y * weight.mean())
    ),
    "you scaled by 1 + weight, as Gemma does: a Llama's weight is the factor itself": (
        _norm(weigh=lambda y, weight: y * (1 + weight))
    ),
    "you added x to the result: that is the block's business": lambda x, weight, eps: x + _right(x, weight, eps),
    "you took the mean over the tokens: each token's vector has a length of its own, over the last axis": (
        _norm(lambda x, eps: (x.square().mean(-2, keepdim=True) + eps).sqrt())
    ),
    "you took the mean over the first axis: each token's vector has a length of its own, over the last axis, not "
    "axis 0": _norm(lambda x, eps: (x.square().mean(0, keepdim=True) + eps).sqrt()),
    "you took the mean over axis 1, which is the last axis of two, not of three: say dim=-1": (
        _norm(lambda x, eps: (x.square().mean(1, keepdim=True) + eps).sqrt())
    ),
    "you took the mean over all numbers: each token's vector has a length of its own, over the last axis": (
        _norm(lambda x, eps: (x.square().mean() + eps).sqrt())
    ),
    "you forgot keepdim=True: without it the lengths of the rows are laid along the channels": (
        _norm(lambda x, eps: (x.square().mean(-1) + eps).sqrt())
    ),
    "you took the sum of the squares: RMSNorm takes their mean": (
        _norm(lambda x, eps: (_sum_of_squares(x) + eps).sqrt())
    ),
    "you took the sum of the squares, as a vector's length does: RMSNorm takes their mean, and adds eps to it": (
        _norm(lambda x, eps: _sum_of_squares(x).sqrt() + eps)
    ),
    "you took the sum of the squares and no eps: RMSNorm takes their mean, and adds eps to it": (
        _norm(lambda x, eps: _sum_of_squares(x).sqrt())
    ),
    "you divided the root by C: the mean is inside the root, so divide by the root of C": (
        _norm(_per_row(lambda x, n, eps: (_sum_of_squares(x) + eps).sqrt() / n))
    ),
    "you divided the sum of the squares by C - 1: the mean is over C, not C - 1": (
        _norm(_per_row(lambda x, n, eps: (_sum_of_squares(x) / max(n - 1, 1) + eps).sqrt()))
    ),
    "you took the square of the mean: square first, then take the mean": (
        _norm(lambda x, eps: (_mean(x).square() + eps).sqrt())
    ),
    "you took the mean of the sizes: square them, and take the root afterwards": (
        _norm(lambda x, eps: _mean(x.abs()) + eps)
    ),
    "you took the mean of the numbers: square them first, and take the root afterwards": (
        _norm(lambda x, eps: (_mean(x) + eps).sqrt())
    ),
    "you divided by the largest number: divide by the root of the mean square": (
        _norm(lambda x, eps: x.abs().amax(-1, keepdim=True) + eps)
    ),
    "you squared in float16: 300 * 300 is beyond its largest number, 65504, so square in float32": _in_the_type_of_x,
    "you did not go back to the type of x before you applied the weight: use type_as": _weighed_in_float32,
}
