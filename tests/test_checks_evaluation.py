"""The checks of lesson 11: their references are what the package computes."""

from __future__ import annotations

import pytest
import torch

from llama_lessons.checks import evaluation as checks
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.score import Score, sign_test
from tests.banks import said


@pytest.mark.parametrize(("scores", "text"), checks.BITS_EXAMPLES)
def test_bits_by_byte_are_log2_of_e_times_the_nats(scores, text):
    wanted = -scores.double().sum() * torch.log2(torch.tensor(torch.e, dtype=torch.float64)) / len(bytes(text, "utf8"))
    assert checks.bits_by_byte(scores, text) == pytest.approx(float(wanted), rel=1e-6)


@pytest.mark.parametrize(("logits", "lengths", "letters"), checks.LETTER_EXAMPLES)
def test_letters_are_those_of_a_gather(logits, lengths, letters):
    rows = logits[torch.arange(len(lengths)), torch.tensor(lengths) - 1]
    assert checks.letters_row_by_row(logits, lengths, letters) == rows[:, letters].argmax(-1).tolist()


@pytest.mark.parametrize(("n_right", "n"), checks.WILSON_EXAMPLES)
def test_the_search_finds_wilsons_interval(n_right, n):
    score = Score.of(n_right, n)
    assert checks.wilson_by_search(n_right, n) == pytest.approx((score.low, score.high), abs=1e-9)


@pytest.mark.parametrize(("one", "other"), checks.SIGN_EXAMPLES)
def test_the_coins_are_the_sign_test(one, other):
    a = sum(x and not y for x, y in zip(one, other, strict=True))
    b = sum(y and not x for x, y in zip(one, other, strict=True))
    assert checks.sign_test_by_coins(one, other) == pytest.approx(sign_test(a, b))


def test_a_letter_that_is_never_asked_for_may_be_the_likeliest_token():
    logits, lengths, letters = checks.LETTER_EXAMPLES[0]
    assert int(logits[0, lengths[0] - 1].argmax()) not in letters


def test_a_mistake_is_told_with_the_call_that_shows_it():
    def my_wilson(n_right, n):
        share = n_right / n
        half = 1.96 * (share * (1 - share) / n) ** 0.5
        return share - half, share + half

    with pytest.raises(WrongAnswer) as trouble:
        checks.check_wilson(my_wilson)
    assert "no width at all" in said(trouble) and "my_wilson(7, 10)" in said(trouble)
