"""Sums: facts that are worked out, not looked up, so that a model can show whether it generalises."""

from __future__ import annotations

from llama_lessons.world.facts import Fact, Relation
from llama_lessons.world.splits import is_test

LARGEST = 12  # sums go from 1 + 1 to 12 + 12
NEAR = 4  # a wrong choice farther away than this would be too easy


def sums(plus: Relation) -> list[Fact]:
    """Every sum as a fact; about one unordered pair in five is withheld from training, both ways round.

    Args:
        plus: the relation that says how sums are worded; gets the sums' answers.
    """
    numbers = range(1, LARGEST + 1)
    plus.answers.extend(str(total) for total in range(2, 2 * LARGEST + 1))
    return [
        Fact(plus, f"{a} + {b}", str(a + b), _far_from(a + b), withheld=is_test(f"sum {min(a, b)} {max(a, b)}", 0.2))
        for a in numbers
        for b in numbers
    ]


def _far_from(total: int) -> frozenset[str]:
    return frozenset(str(answer) for answer in range(2, 2 * LARGEST + 1) if abs(answer - total) > NEAR)
