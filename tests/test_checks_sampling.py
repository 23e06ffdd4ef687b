"""The checks of lesson 07: what their references hold to."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from llama_lessons.checks import sampling as checks


@pytest.mark.parametrize(("probs", "top_p"), checks.TOP_P_EXAMPLES)
def test_the_reference_for_top_p_sums_to_one_and_keeps_the_likeliest(probs, top_p):
    kept = checks.top_p(probs, top_p)
    assert kept.sum().item() == pytest.approx(1)
    assert kept[probs.argmax()] > 0
    left_out = probs[kept == 0]
    assert not len(left_out) or left_out.max() <= probs[kept > 0].min()


def test_the_token_with_which_the_sum_crosses_is_kept_also_where_the_sum_is_met_exactly():
    probs = torch.tensor([0.5, 0.25, 0.125, 0.125])
    assert (checks.top_p(probs, 0.5) > 0).tolist() == [True, True, False, False]
    assert (checks.top_p(probs, 0.49) > 0).tolist() == [True, False, False, False]


def test_log_probabilities_of_a_text_multiply_to_its_probability():
    logits, ids = checks.LOG_PROBS_EXAMPLES[2]
    product = math.prod(logits[t].softmax(0)[ids[t + 1]].item() for t in range(len(ids) - 1))
    assert checks.log_probs(logits, ids).sum().exp().item() == pytest.approx(product, rel=1e-4)
    assert_close(checks.log_probs(logits, ids), -cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none"))


def test_a_step_is_limited_by_memory_with_one_row_and_by_arithmetic_with_many():
    seven = (6_738_415_616, 0)
    one, many = (checks.step_seconds(*seven, n, 2, 2039e9, 312e12) for n in (1, 1000))
    assert one == pytest.approx(2 * 6_738_415_616 / 2039e9)
    assert many == pytest.approx(2 * 6_738_415_616 * 1000 / 312e12)
