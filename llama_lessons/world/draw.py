"""Chance that gives the same world everywhere.

Python promises the stream of `random.Random(seed).random()` for every version; how `choice`, `sample` and `shuffle`
turn it into picks has changed before. So they are written out here, on `random()` alone.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A source of picks; two with the same seed make the same picks on every machine and Python version.

    Args:
        seed: any whole number.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed).random

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1."""
        return int(self.random() * n)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each equally likely."""
        return options[int(self.random() * len(options))]

    def picks(self, options: Sequence[T], count: int) -> list[T]:
        """`count` options from different places of the sequence, in the order drawn."""
        if count > len(options):
            raise ValueError(f"count must be at most the {len(options)} options there are, got {count}")
        if 2 * count > len(options):
            return self.shuffled(options)[:count]
        places: list[int] = []
        while len(places) < count:
            place = int(self.random() * len(options))
            if place not in places:
                places.append(place)
        return [options[place] for place in places]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """The options in a new order (Fisher and Yates)."""
        deck = list(options)
        for last in range(len(deck) - 1, 0, -1):
            place = int(self.random() * (last + 1))
            deck[last], deck[place] = deck[place], deck[last]
        return deck


class Weighted:
    """A choice between options that are not equally likely.

    Args:
        weights: option -> how likely it is against the others; not negative, not all zero.
    """

    def __init__(self, weights: dict[T, float]) -> None:
        if any(weight < 0 for weight in weights.values()) or not any(weights.values()):
            raise ValueError(f"weights must not be negative and not all zero, got {weights}")
        self.options = [option for option in sorted(weights) if weights[option]]
        self.ends = list(accumulate(weights[option] for option in self.options))

    def pick(self, draw: Draw):
        """One of the options."""
        return self.options[bisect_right(self.ends, draw.random() * self.ends[-1])]
