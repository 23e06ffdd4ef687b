"""The checks of lesson 06: their references are what the package trains with."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from llama_lessons.batches import pack
from llama_lessons.checks import pretraining as checks
from llama_lessons.optimizers import TrainConfig


def half_a_cosine(step: int, n_steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return peak * (1 + step) / warmup
    quarter_turn = 0.5 * math.pi * (step - warmup) / (n_steps - 1 - warmup)
    return peak * (math.cos(quarter_turn) ** 2 + 0.1 * math.sin(quarter_turn) ** 2)


def test_the_reference_rate_is_half_a_cosine_and_the_configs():
    config = TrainConfig(n_steps=77, warmup_steps=9)
    for step in range(77):
        assert checks.learning_rate(step, 77, 2.0, 9) == pytest.approx(2 * config.lr_factor(step))
        assert checks.learning_rate(step, 77, 2.0, 9) == pytest.approx(half_a_cosine(step, 77, 2.0, 9))


def test_the_reference_batch_is_what_the_package_packs():
    ids = [40, 7, 25, 3, 18, 9, 31, 12]
    made = pack([(ids, [True] * len(ids))], 2, 3)
    assert_close((made.tokens, made.targets), checks.batch(ids, 2, 3))


def test_the_first_example_of_adamw_is_the_step_that_one_does_by_hand():
    """First step: every weight shrinks by rate * decay and moves by the rate, against the sign of its gradient."""
    weight, mean, square = checks.adamw(*checks.ADAMW_EXAMPLES[0])
    assert_close(weight, torch.tensor([2 * 0.999 - 0.01, -0.999 + 0.01, 0.5 * 0.999]))
    assert_close(mean, torch.tensor([0.01, -0.4, 0.0]))
    assert_close(square, torch.tensor([0.0005, 0.8, 0.0]))
