"""The checks of lesson 10: their references are what the package computes for whole batches."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from llama_lessons.checks import rlhf
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.rlhf import advantages, reward
from tests.banks import said


@pytest.mark.parametrize("example", rlhf.PAIR_LOSS_EXAMPLES)
def test_the_pair_loss_is_the_package_s_for_each_pair(example):
    assert_close(rlhf.pair_loss(*example) * len(example[0]), reward.pair_loss(*example))


@pytest.mark.parametrize("example", rlhf.REWARD_EXAMPLES)
def test_rewards_are_those_of_the_package_where_something_was_said(example):
    log_probs, ref_log_probs, scores, lengths, beta = example
    spoken = torch.arange(log_probs.shape[1]) < lengths[:, None]
    found = advantages.token_rewards(scores, log_probs - ref_log_probs, spoken, beta)
    assert_close(rlhf.token_rewards(*example), found)


@pytest.mark.parametrize("example", rlhf.ADVANTAGE_EXAMPLES)
def test_advantages_are_those_of_the_package_beside_padding(example):
    rewards, values, gamma, lam = example
    n = len(rewards)
    padded = [torch.cat([part, torch.tensor([7.0, -3.0])])[None] for part in (rewards, values)]
    found = advantages.advantages_of(*padded, (torch.arange(n + 2) < n)[None], gamma, lam)
    assert_close(rlhf.advantages(*example), found[0, :n])
    assert not found[0, n:].any()


@pytest.mark.parametrize("example", rlhf.CLIP_EXAMPLES)
def test_the_clipped_loss_is_the_package_s(example):
    log_probs, old, gains, clip = (part[None] if isinstance(part, torch.Tensor) else part for part in example)
    everywhere = torch.ones_like(log_probs, dtype=torch.bool)
    assert_close(rlhf.clipped_loss(*example), advantages.clipped_loss(log_probs, old, gains, everywhere, clip))


def test_an_overflow_is_told_as_such_and_not_as_a_wrong_formula():
    with pytest.raises(WrongAnswer) as error:
        rlhf.check_pair_loss(lambda c, r, m: -(c - r - m).sigmoid().log().mean())
    assert "logsigmoid does both at once" in said(error) and "inf" in said(error)


def test_bootstrapping_past_the_end_is_told_with_the_place_that_differs():
    def past_the_end(rewards, values, gamma, lam):
        return rlhf.advantages(torch.cat([rewards[:-1], rewards[-1:] + gamma * values[-1:]]), values, gamma, lam)

    with pytest.raises(WrongAnswer) as error:
        rlhf.check_advantages(past_the_end)
    assert "there comes nothing, 0" in said(error) and "in place of" in said(error)
