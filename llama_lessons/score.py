"""How sure one can be of a share of right answers: Wilson's interval, and the sign test for two models."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """A share of right answers, and how sure one can be of it.

    Args:
        accuracy: right answers / n.
        n: answers.
        low: lower end of the 95 % interval.
        high: upper end.
    """

    accuracy: float
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, n_right: int, n: int) -> Score:
        """The score of n_right answers out of n, with Wilson's interval.

        Raises:
            ValueError: n is 0, or n_right is not among 0 to n.

        Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.
        """
        if n < 1 or not 0 <= n_right <= n:
            raise ValueError(f"n must be at least 1, and n_right 0 to n, got n = {n} and n_right = {n_right}")
        z = 1.96  # standard deviations that hold 95 % of a normal distribution
        share = n_right / n
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return cls(share, n, max(0.0, middle - half), min(1.0, middle + half))  # rounding may step over the ends

    def __str__(self) -> str:
        return f"{self.accuracy:.3f} ({self.low:.3f} to {self.high:.3f}, n={self.n})"


def sign_test(only_one: int, only_other: int) -> float:
    """How often a fair coin would share out so unevenly, or more so, the questions on which two models differ.

    Both have answered the same questions. Those that both got right, or both wrong, say nothing about who is better.
    This is McNemar's test in its exact form, two-sided.

    Args:
        only_one: questions that only the one model got right.
        only_other: questions that only the other got right.

    Returns:
        The p-value, 0 to 1; 1 where they differ on none.

    Raises:
        ValueError: a number is negative.

    Source: McNemar, Note on the sampling error of the difference between correlated proportions, 1947.
    """
    if min(only_one, only_other) < 0:
        raise ValueError(f"only_one and only_other must be 0 or more, got {only_one} and {only_other}")
    n = only_one + only_other
    as_uneven = sum(math.comb(n, k) for k in range(min(only_one, only_other) + 1))  # on one side
    return min(1.0, 2 * as_uneven / 2**n)
