import math
from collections import Counter

import pytest

from llama_lessons.world.draw import Draw, Weighted


class Scripted(Draw):
    """A Draw whose stream of numbers is written down."""

    def __init__(self, *numbers: float) -> None:
        self.random = iter(numbers).__next__


def test_the_stream_is_the_one_python_promises():
    draw = Draw(0)
    assert [draw.random() for _ in range(3)] == [0.8444218515250481, 0.7579544029403025, 0.420571580830845]


def test_picks_follow_the_stream_by_hand():
    assert Scripted(0.0, 0.34, 0.999).pick("abc") == "a"
    assert [Scripted(x).below(5) for x in (0.0, 0.19, 0.2, 0.999)] == [0, 0, 1, 4]
    assert Scripted(0.5, 0.5, 0.1).picks("abcdef", 2) == ["d", "a"]  # the second 0.5 falls on a place that is taken
    assert Scripted(0.0, 0.5, 0.0).shuffled("abcd") == ["c", "d", "b", "a"]  # swap 3 and 0, 2 and 1, 1 and 0


def test_shuffles_are_even():
    draw = Draw(1)
    orders = Counter("".join(draw.shuffled("abc")) for _ in range(6000))
    assert len(orders) == 6
    assert all(abs(count - 1000) < 5 * math.sqrt(1000) for count in orders.values())


def test_a_shuffle_leaves_its_argument_alone():
    deck = [1, 2, 3, 4]
    Draw(0).shuffled(deck)
    assert deck == [1, 2, 3, 4]


def test_too_many_picks_are_an_error():
    with pytest.raises(ValueError, match="count must be at most the 3 options there are, got 4"):
        Draw(0).picks("abc", 4)


def test_weights_are_shares_and_their_order_does_not_matter():
    draw, weighted = Draw(2), Weighted({"b": 3.0, "a": 1.0, "never": 0.0})
    counts = Counter(weighted.pick(draw) for _ in range(4000))
    assert counts.keys() == {"a", "b"} and abs(counts["a"] - 1000) < 150
    assert Weighted({"b": 1, "a": 2}).pick(Scripted(0.1)) == Weighted({"a": 2, "b": 1}).pick(Scripted(0.1)) == "a"


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}, {"a": 1.0, "b": -1.0}])
def test_weights_that_mean_nothing_are_an_error(weights: dict):
    with pytest.raises(ValueError, match="weights must not be negative and not all zero"):
        Weighted(weights)
