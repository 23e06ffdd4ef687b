"""Wilson's interval and the sign test, against the literature, closed forms and a count of coins."""

from __future__ import annotations

import math
from itertools import product

import pytest

from llama_lessons.score import Score, sign_test


@pytest.mark.parametrize(
    ("n_right", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_that_of_newcombes_table(n_right, n, low, high):
    """Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I, method 3."""
    score = Score.of(n_right, n)
    assert (score.low, score.high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


def test_an_end_of_the_interval_is_a_share_that_just_would_not_be_refused():
    score = Score.of(7, 31)
    for end in (score.low, score.high):
        assert abs(7 / 31 - end) == pytest.approx(1.96 * math.sqrt(end * (1 - end) / 31))


@pytest.mark.parametrize(("a", "b"), [(0, 0), (1, 0), (0, 5), (3, 3), (2, 7), (9, 4)])
def test_the_sign_test_counts_the_ways_in_which_coins_fall(a: int, b: int):
    ways = [abs(2 * sum(way) - a - b) >= abs(a - b) for way in product((0, 1), repeat=a + b)]
    assert sign_test(a, b) == pytest.approx(sum(ways) / len(ways))
    assert sign_test(a, b) == sign_test(b, a)


def test_large_numbers_come_near_mcnemars_approximation():
    assert sign_test(540, 460) == pytest.approx(math.erfc(79 / math.sqrt(1000) / math.sqrt(2)), abs=1e-3)


def test_nothing_below_zero_is_counted():
    with pytest.raises(ValueError, match="only_one and only_other must be 0 or more, got 3 and -1"):
        sign_test(3, -1)
