"""Wrong intervals and wrong sign tests, lesson 11, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Z = 1.96


def _wilson(n_right: float, n: float, z: float = Z) -> tuple[float, float]:
    share = n_right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def _parts(middle: Callable, half: Callable) -> Callable:
    """A wrong interval from a wrong middle and half-width, each of (share, n)."""

    def wrong(n_right: int, n: int) -> tuple[float, float]:
        share = n_right / n
        return middle(share, n) - half(share, n), middle(share, n) + half(share, n)

    return wrong


def _middle(share: float, n: int) -> float:
    return (share + Z * Z / (2 * n)) / (1 + Z * Z / n)


def _half(share: float, n: int) -> float:
    return Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))


def _plain(share: float, n: int) -> float:
    return Z * math.sqrt(share * (1 - share) / n)


def _share(share: float, n: int) -> float:
    return share


def _clipped(interval: Callable) -> Callable:
    return lambda n_right, n: tuple(min(1.0, max(0.0, end)) for end in interval(n_right, n))


def _agresti_coull(n_right: int, n: int) -> tuple[float, float]:
    more, share = n + Z * Z, (n_right + Z * Z / 2) / (n + Z * Z)
    half = Z * math.sqrt(share * (1 - share) / more)
    return share - half, share + half


WILSON_MISTAKES = {
    "you gave the plain interval, share ± z √(share (1 − share) / n): with no answer wrong it has no width at all": (
        _parts(_share, _plain)
    ),
    "you gave the plain interval, share ± z √(share (1 − share) / n), cut off at 0 and 1": (
        _clipped(_parts(_share, _plain))
    ),
    "you gave Agresti and Coull's interval: its middle is right, and it is a little too wide": _agresti_coull,
    "you gave Agresti and Coull's interval, cut off at 0 and 1": _clipped(_agresti_coull),
    "you left the middle at the share: Wilson's is (share + z² / 2n) / (1 + z² / n)": _parts(_share, _half),
    "you moved the middle, and kept the plain half-width": _parts(_middle, _plain),
    "you did not divide the middle by 1 + z² / n": _parts(lambda share, n: share + Z * Z / (2 * n), _half),
    "you did not divide the half-width by 1 + z² / n": (
        _parts(_middle, lambda share, n: _half(share, n) * (1 + Z * Z / n))
    ),
    "you divided neither middle nor half-width by 1 + z² / n": (
        _parts(lambda share, n: share + Z * Z / (2 * n), lambda share, n: _half(share, n) * (1 + Z * Z / n))
    ),
    "you moved the middle by z² / n: by half of that": (
        _parts(lambda share, n: (share + Z * Z / n) / (1 + Z * Z / n), _half)
    ),
    "you left out z² / 4n² below the root": (
        _parts(_middle, lambda share, n: Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n))
    ),
    "you took z² / 4n below the root: n is squared there": (
        _parts(_middle, lambda share, n: Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n)))
    ),
    "you took no root": (
        _parts(_middle, lambda share, n: Z / (1 + Z * Z / n) * (share * (1 - share) / n + Z * Z / (4 * n * n)))
    ),
    "you forgot z before the root": _parts(_middle, lambda share, n: _half(share, n) / Z),
    "you took z where z² stands": (
        _parts(
            lambda share, n: (share + Z / (2 * n)) / (1 + Z / n),
            lambda share, n: Z / (1 + Z / n) * math.sqrt(share * (1 - share) / n + Z / (4 * n * n)),
        )
    ),
    "you took z = 1: that holds two thirds, and not 95 %": lambda n_right, n: _wilson(n_right, n, 1.0),
    "you took z = 1.645: that holds 90 %": lambda n_right, n: _wilson(n_right, n, 1.645),
    "you took z = 2: 95 % take 1.96": lambda n_right, n: _wilson(n_right, n, 2.0),
    "you took z = 2.576: that holds 99 %": lambda n_right, n: _wilson(n_right, n, 2.576),
    "you took n - 1 answers for n": lambda n_right, n: _wilson(n_right, n - 1) if n_right < n else (0.0, 0.0),
    "you gave per cent: wanted are shares, from 0 to 1": (
        lambda n_right, n: tuple(100 * end for end in _wilson(n_right, n))
    ),
    "you gave the upper end first": lambda n_right, n: _wilson(n_right, n)[::-1],
    "you gave middle and half-width: wanted are the two ends": (
        lambda n_right, n: (_middle(n_right / n, n), _half(n_right / n, n))
    ),
    "you gave numbers of answers: wanted are shares": lambda n_right, n: tuple(n * end for end in _wilson(n_right, n)),
    "you gave the interval of the wrong answers": lambda n_right, n: _wilson(n - n_right, n),
}


def _split(one: Sequence[bool], other: Sequence[bool]) -> tuple[int, int]:
    """Questions that only the one got right, and only the other."""
    return sum(a and not b for a, b in zip(one, other, strict=True)), sum(
        b and not a for a, b in zip(one, other, strict=True)
    )


def _below(k: int, n: int) -> float:
    """How often n coins show heads at most k times."""
    return sum(math.comb(n, j) for j in range(k + 1)) / 2**n


def _of(p_value: Callable, count: Callable = _split) -> Callable:
    """A wrong test: `p_value(a, b)` of the two numbers that `count(one, other)` gives."""
    return lambda one, other: p_value(*count(one, other))


def _exact(a: int, b: int) -> float:
    return min(1.0, 2 * _below(min(a, b), a + b))


def _normal(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


def _unpaired(one: Sequence[bool], other: Sequence[bool]) -> float:
    """The test for two shares of different questions."""
    n, p, q = len(one), sum(one) / len(one), sum(other) / len(other)
    both = (p + q) / 2
    return _normal((p - q) / math.sqrt(2 * both * (1 - both) / n)) if p != q else 1.0


SIGN_MISTAKES = {
    "you looked at one side alone: who of the two is better was not known before, so take both": (
        _of(lambda a, b: _below(min(a, b), a + b))
    ),
    "you always took the side of the first model": _of(lambda a, b: min(1.0, 2 * _below(a, a + b))),
    "you always took the side of the second model": _of(lambda a, b: min(1.0, 2 * _below(b, a + b))),
    "you took the larger of the two numbers for the smaller": (
        _of(lambda a, b: min(1.0, 2 * _below(max(a, b), a + b)))
    ),
    "you forgot that no p-value is above 1": _of(lambda a, b: 2 * _below(min(a, b), a + b)),
    "you gave the chance of exactly this split: less even ones count as well": (
        _of(lambda a, b: math.comb(a + b, a) / 2 ** (a + b))
    ),
    "you gave twice the chance of exactly this split: less even ones count as well": (
        _of(lambda a, b: min(1.0, 2 * math.comb(a + b, a) / 2 ** (a + b)))
    ),
    "you left out the split itself: as uneven as that, or more so": (
        _of(lambda a, b: min(1.0, 2 * (_below(min(a, b), a + b) - math.comb(a + b, a) / 2 ** (a + b))))
    ),
    "you counted how many each got right: questions that both got right say nothing": (
        _of(_exact, lambda one, other: (sum(one), sum(other)))
    ),
    "you counted how many each got wrong: questions that both got wrong say nothing": (
        _of(_exact, lambda one, other: (len(one) - sum(one), len(other) - sum(other)))
    ),
    "you threw a coin for every question: those on which both agree are left out": (
        lambda one, other: min(1.0, 2 * _below(min(_split(one, other)), len(one)))
    ),
    "you compared agreements with differences: compare who alone was right": (
        lambda one, other: _exact(sum(_split(one, other)), len(one) - sum(_split(one, other)))
    ),
    "you took McNemar's approximation, χ² = (b − c)² / (b + c): with so few questions it is too rough": (
        _of(lambda a, b: _normal((a - b) / math.sqrt(a + b)) if a + b else 1.0)
    ),
    "you took McNemar's approximation with the continuity correction: with so few questions count exactly": (
        _of(lambda a, b: _normal(max(0, abs(a - b) - 1) / math.sqrt(a + b)) if a + b else 1.0)
    ),
    "you tested two shares of different questions: these are the same questions, so pair them": _unpaired,
    "you gave one minus the p-value": _of(lambda a, b: 1 - _exact(a, b)),
    "you gave the share of the differing questions that the first won": (
        _of(lambda a, b: a / (a + b) if a + b else 0.0)
    ),
    "you gave the difference of the two scores: wanted is how often chance does as much": (
        lambda one, other: (sum(one) - sum(other)) / len(one)
    ),
    "you gave 0 where the models differ on nothing: then nothing speaks against chance, and it is 1": (
        _of(lambda a, b: _exact(a, b) if a + b else 0.0)
    ),
}
