"""Wrong steps of AdamW, lesson 06, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

BETAS, EPS = (0.9, 0.95), 1e-8


class _Step(NamedTuple):
    """What the new weight is made of: tensors of the same shape, and numbers; first and second are 1 - beta**step."""

    weight: Tensor
    gradient: Tensor
    old_mean: Tensor
    old_square: Tensor
    mean: Tensor
    square: Tensor
    first: float
    second: float
    step: int
    rate: float
    decay: float


def _root(part: _Step) -> Tensor:
    return (part.square / part.second).sqrt() + EPS


def _shrunk(part: _Step) -> Tensor:
    return part.weight * (1 - part.rate * part.decay)


def _move(part: _Step) -> Tensor:
    return part.rate * (part.mean / part.first) / _root(part)


def _right(part: _Step) -> Tensor:
    return _shrunk(part) - _move(part)


def _adamw(
    change: Callable[[_Step], Tensor] = _right,
    betas: tuple[float, float] = BETAS,
    squared: Callable[[_Step], Tensor] = lambda part: part.gradient.square(),
    shares: tuple[float, float] | None = None,
    power: Callable[[float, int], float] = lambda beta, step: beta**step,
    gives: Callable[[Tensor, _Step], tuple] = lambda weight, part: (weight, part.mean, part.square),
) -> Callable:
    """A wrong step: in the new weight, in the means or in their corrections, or in what is given back."""

    def wrong(weight, gradient, mean, square, step, rate, decay):
        first, second = (1 - power(beta, step) for beta in betas)
        takes = shares or (1 - betas[0], 1 - betas[1])
        new_mean = betas[0] * mean + takes[0] * gradient
        part = _Step(weight, gradient, mean, square, new_mean, square, first, second, step, rate, decay)
        part = part._replace(square=betas[1] * square + takes[1] * squared(part))
        return gives(change(part), part)

    return wrong


def _with(**changed: Callable) -> Callable:
    """A step whose new weight is made of other parts, each a function of the right ones."""
    return _adamw(lambda part: _right(part._replace(**{name: made(part) for name, made in changed.items()})))


def _moved(move: Callable) -> Callable:
    """A step whose weight shrinks rightly and moves by `move(part)`."""
    return _adamw(lambda part: _shrunk(part) - move(part))


def _decayed(change: Callable) -> Callable:
    """A step that moves rightly and decays by `change(part)`."""
    return _adamw(lambda part: change(part) - _move(part))


def _l2(weight, gradient, mean, square, step, rate, decay):
    return _adamw()(weight, gradient + decay * weight, mean, square, step, rate, 0)


def _forgets_the_past(weight, gradient, mean, square, step, rate, decay):
    return _adamw()(weight, gradient, 0 * mean, 0 * square, step, rate, decay)


ADAMW_MISTAKES = {
    "you gave the corrected means back: the next step would correct them again; correct them for the move alone": (
        _adamw(gives=lambda weight, part: (weight, part.mean / part.first, part.square / part.second))
    ),
    "you gave the old means back: the next step needs the new ones": (
        _adamw(gives=lambda weight, part: (weight, part.old_mean, part.old_square))
    ),
    "you gave the means in the wrong order: weight, mean, square": (
        _adamw(gives=lambda weight, part: (weight, part.square, part.mean))
    ),
    "you gave the weight alone: give three, with the new mean and square": _adamw(gives=lambda weight, part: weight),
    "the means are not corrected: they began at 0, so early on both are too small; divide by 1 - beta**step": (
        _with(first=lambda part: 1, second=lambda part: 1)
    ),
    "only the mean is corrected: the mean of the squares began at 0 as well": _with(second=lambda part: 1),
    "only the mean of the squares is corrected: the mean of the gradients began at 0 as well": (
        _with(first=lambda part: 1)
    ),
    "the means are multiplied by the correction, 1 - beta**step: divide by it": (
        _with(first=lambda part: 1 / part.first, second=lambda part: 1 / part.second)
    ),
    "the means are divided by 1 - beta: it is 1 - beta**step": _adamw(power=lambda beta, step: beta),
    "the corrections take beta * step, times the step: it is a power, beta ** step": (
        _adamw(power=lambda beta, step: beta * step)
    ),
    "the corrections take step - 1: step is counted from 1, so take beta**step": (
        _adamw(power=lambda beta, step: beta ** (step - 1))
    ),
    "the two corrections are exchanged: each mean has that of its own beta": (
        _with(first=lambda part: part.second, second=lambda part: part.first)
    ),
    "the squares are corrected after the root: divide the mean of the squares by 1 - 0.95**step, then take the root": (
        _moved(lambda part: part.rate * (part.mean / part.first) / (part.square.sqrt() / part.second + EPS))
    ),
    "the decay went into the gradient, and from there into both means: that is Adam with an L2 penalty; "
    "AdamW shrinks the weight itself": _l2,
    "the decay went into the corrected mean, and is divided by the root: AdamW shrinks the weight itself": _adamw(
        lambda part: part.weight - part.rate * (part.mean / part.first + part.decay * part.weight) / _root(part)
    ),
    "there is no weight decay": _decayed(lambda part: part.weight),
    "the decay is not multiplied by the rate: the weight would shrink by a tenth at every step": (
        _decayed(lambda part: part.weight * (1 - part.decay))
    ),
    "the decay is not a share of the weight itself: subtract rate * decay * weight": (
        _decayed(lambda part: part.weight - part.rate * part.decay)
    ),
    "the weight is shrunk after the move: shrink the old weight, then subtract": (
        _adamw(lambda part: (part.weight - _move(part)) * (1 - part.rate * part.decay))
    ),
    "the weights grow: decay must make them smaller": _decayed(lambda part: part.weight * (1 + part.rate * part.decay)),
    "you went uphill: the step goes against the gradient": _adamw(lambda part: _shrunk(part) + _move(part)),
    "the rate is missing: the move is rate * mean / root": _moved(lambda part: _move(part) / part.rate),
    "the root is missing: divide by the root of the mean of the squares": (
        _moved(lambda part: part.rate * (part.mean / part.first) / (part.square / part.second + EPS))
    ),
    "the division by the root is missing: that is plain momentum": (
        _moved(lambda part: part.rate * (part.mean / part.first))
    ),
    "eps stands under the root: it is added after it, and so is far smaller": (
        _moved(lambda part: part.rate * (part.mean / part.first) / (part.square / part.second + EPS).sqrt())
    ),
    "there is no eps: where a gradient was 0 all along, 0 is divided by 0": (
        _moved(lambda part: part.rate * (part.mean / part.first) / (part.square / part.second).sqrt())
    ),
    **{
        f"eps is {other}, which is too large: it is 1e-8": _moved(
            lambda part, other=other: part.rate * (part.mean / part.first) / (_root(part) - EPS + other)
        )
        for other in (1e-5, 1e-6)
    },
    "eps is added before the correction: correct the squares, take the root, then add eps": (
        _moved(lambda part: part.rate * (part.mean / part.first) / ((part.square.sqrt() + EPS) / part.second**0.5))
    ),
    "the step takes only the sign of the mean: divide it by the root": (
        _moved(lambda part: part.rate * part.mean.sign())
    ),
    "the step divides the gradient instead of its mean": (_moved(lambda part: part.rate * part.gradient / _root(part))),
    "the step goes by the old means: make the new means first": (
        _with(mean=lambda part: part.old_mean, square=lambda part: part.old_square)
    ),
    "the step goes by the old mean, the one before it was updated: make the new mean first": (
        _with(mean=lambda part: part.old_mean)
    ),
    "the second mean is of the gradients' sizes, not of their squares": _adamw(
        squared=lambda part: part.gradient.abs()
    ),
    "the second mean is of the square of the mean: it takes the squares of the new gradient": (
        _adamw(squared=lambda part: part.mean.square())
    ),
    "the second mean has the beta of PyTorch's default, 0.999: Llama 2 took 0.95": _adamw(betas=(0.9, 0.999)),
    "the second mean has the beta of the first, 0.9: Llama 2 took 0.95": _adamw(betas=(0.9, 0.9)),
    "the two betas are exchanged": _adamw(betas=BETAS[::-1]),
    "the means take the whole of the new gradient: they should take the share 1 - beta": _adamw(shares=(1, 1)),
    "the new gradient has the share beta and the old mean 1 - beta: it is the other way round": (
        _adamw(betas=(1 - BETAS[0], 1 - BETAS[1]), power=lambda beta, step: (1 - beta) ** step)
    ),
    "the new gradient has the share beta and the old mean 1 - beta, also in the corrections: it is the other way "
    "round": _adamw(betas=(1 - BETAS[0], 1 - BETAS[1])),
    "the old means are left out: keep the share beta of them": _forgets_the_past,
}
