"""The references of lesson 02's checks give what the package's attention gives, and what can be told by hand."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from llama_lessons.attention import causal_attention
from llama_lessons.checks import attention as checks


@pytest.mark.parametrize("example", checks.HEADS_EXAMPLES, ids=lambda example: str(tuple(example[0].shape)))
def test_the_references_equal_the_packages_attention(example):
    q, k, v, n_heads = example
    parts = (x.unflatten(-1, (n_heads, -1)).transpose(1, 2) for x in (q, k, v))
    assert_close(checks.heads(q, k, v, n_heads), causal_attention(*parts).transpose(1, 2).flatten(2))


def test_no_reference_sees_the_future_and_each_sees_all_of_the_past():
    q, k, v = checks.ATTENTION_EXAMPLES[3]
    before = checks.attention(q, k, v)
    for token in range(len(q)):
        poked = v.clone()
        poked[token] += 1
        moved = (checks.attention(q, k, poked) - before).abs().amax(1) > 1e-6
        assert moved.tolist() == [t >= token for t in range(len(q))]


def test_the_induction_score_is_one_where_all_attention_lies_on_the_next_token():
    ids = [1, 5, 6, 7, 5, 6, 7]
    weights = torch.zeros(2, 7, 7)
    weights[0, 4, 2] = weights[0, 5, 3] = weights[0, 6, 4] = 1
    weights[1] = torch.eye(7)
    assert checks.induction_score(weights, ids).tolist() == [1, 0]
