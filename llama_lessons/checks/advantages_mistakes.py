"""Wrong answers to the third exercise of lesson 10, advantages, each under the words that a reader is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _after(values: Tensor) -> Tensor:
    """What the critic expects after each token, nothing after the last, (T,)."""
    return torch.cat([values[1:], values.new_zeros(1)])


def _deltas(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    """The surprise at each token, (T,)."""
    return rewards + gamma * _after(values) - values


def _of(
    deltas: Callable = _deltas,  # (rewards, values, gamma, lam) -> (T,)
    carry: Callable = lambda gamma, lam: gamma * lam,
    forward: bool = False,
) -> Callable:
    """Advantages summed up in one's own way."""

    def advantages(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
        own, total, found = deltas(rewards, values, gamma, lam), 0.0, torch.zeros_like(rewards)
        places = range(len(own)) if forward else reversed(range(len(own)))
        for place in places:
            total = own[place] + carry(gamma, lam) * total
            found[place] = total
        return found

    return advantages


_right = _of()


def _held(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    """Surprises with the last value once more behind the end, (T,)."""
    return rewards + gamma * torch.cat([values[1:], values[-1:]]) - values


def _back(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    """The right ones, the last token's first, (T,)."""
    return _right(rewards, values, gamma, lam).flip(0)


def _whitened(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    found = _right(rewards, values, gamma, lam)
    return (found - found.mean()) / found.std()


def _scaled_too(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    """The factor on all of it, (T,)."""
    total, found = 0.0, torch.zeros_like(rewards)
    for place in reversed(range(len(rewards))):
        total = gamma * lam * (_deltas(rewards, values, gamma, lam)[place] + total)
        found[place] = total
    return found


ADVANTAGES_MISTAKES = {
    "you took the last value once more for what comes after the end: there comes nothing, 0": _of(_held),
    "you took the first value for what comes after the end (torch.roll goes in a circle): there comes nothing, 0": (
        _of(lambda r, v, g, _: r + g * v.roll(-1) - v)
    ),
    "you left out what the critic expects next: delta is reward + gamma * next value - value": (
        _of(lambda r, v, g, _: r - v)
    ),
    "you left out what the critic expected: delta is reward + gamma * next value - value": (
        _of(lambda r, v, g, _: r + g * _after(v))
    ),
    "you left out the critic altogether: delta is reward + gamma * next value - value": _of(lambda r, v, g, _: r),
    "you left out the reward: delta is reward + gamma * next value - value": _of(lambda r, v, g, _: g * _after(v) - v),
    "you took the value before in place of the one after": (
        _of(lambda r, v, g, _: r + g * torch.cat([v.new_zeros(1), v[:-1]]) - v)
    ),
    "you swapped the two values: delta is reward + gamma * next value - value": (
        _of(lambda r, v, g, _: r + g * v - _after(v))
    ),
    "you took the signs of the two values the wrong way round: delta is reward + gamma * next value - value": (
        _of(lambda r, v, g, _: r + v - g * _after(v))
    ),
    "gamma is missing before the next value: delta is reward + gamma * next value - value": (
        _of(lambda r, v, g, _: r + _after(v) - v)
    ),
    "you took lam in place of gamma before the next value": _of(lambda r, v, _, lam: r + lam * _after(v) - v),
    "you scaled the next value with gamma * lam: lam belongs to the sum of the deltas alone": (
        _of(lambda r, v, g, lam: r + g * lam * _after(v) - v)
    ),
    "you scaled both values with gamma: only the next one is further away": (
        _of(lambda r, v, g, _: r + g * (_after(v) - v))
    ),
    "lam is missing: what is carried from token to token shrinks by gamma * lam": _of(carry=lambda g, lam: g),
    "gamma is missing where the deltas are summed: what is carried shrinks by gamma * lam": (
        _of(carry=lambda g, lam: lam)
    ),
    "nothing shrinks: what is carried from token to token shrinks by gamma * lam": _of(carry=lambda g, lam: 1.0),
    "gamma is missing twice: before the next value, and where the deltas are summed": (
        _of(lambda r, v, g, _: r + _after(v) - v, carry=lambda g, lam: lam)
    ),
    "you took 1 - lam: what is carried shrinks by gamma * lam": _of(carry=lambda g, lam: g * (1 - lam)),
    "you added gamma and lam: what is carried shrinks by their product": _of(carry=lambda g, lam: g + lam),
    "you gave the deltas alone: each token also gets the later ones, each gamma * lam weaker": (
        _of(carry=lambda g, lam: 0.0)
    ),
    "you shrank the token's own delta too: only what is carried shrinks": _scaled_too,
    "you summed from the first token on: a token is responsible for what comes after it, so begin at the last": (
        _of(forward=True)
    ),
    "you gave them in reverse: the first token's comes first": _back,
    "you subtracted what is carried: add it": _of(carry=lambda g, lam: -g * lam),
    "you gave the returns, advantages plus values: those are the critic's targets": (
        lambda r, v, g, lam: _right(r, v, g, lam) + v
    ),
    "you gave the advantages the other sign": lambda r, v, g, lam: -_right(r, v, g, lam),
    "you whitened them: that comes later, over the whole batch": _whitened,
    "you took the mean off: that comes later, over the whole batch": (
        lambda r, v, g, lam: (a := _right(r, v, g, lam)) - a.mean()
    ),
}
