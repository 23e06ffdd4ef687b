"""The checks of lesson 05: their references compute what the package does, and what their messages show."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from llama_lessons.checks import full_model, model_parts
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.config import PRESETS, LlamaConfig
from llama_lessons.feed_forward import FeedForward
from llama_lessons.norm import RMSNorm


def test_weighting_before_or_after_the_rounding_to_float16_are_both_right(capsys):
    def in_float32(x, weight, eps):
        wide = x.float()
        return (wide / (wide.square().mean(-1, keepdim=True) + eps).sqrt() * weight.float()).type_as(x)

    model_parts.check_rms_norm(in_float32)
    assert "right, on all" in capsys.readouterr().out


def test_who_forgets_head_and_norms_is_not_told_of_the_feed_forward_layer():
    def forgets(config):
        norms = (2 * config.n_layers + 1) * config.dim
        return config.n_params - norms - (0 if config.tie_embeddings else config.vocab_size * config.dim)

    with pytest.raises(WrongAnswer) as told:
        full_model.check_count(forgets)
    assert "It looks as if" not in str(told.value)


def test_the_references_are_what_the_package_computes():
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    norm = RMSNorm(4, eps=0.01)
    norm.weight.data = torch.tensor([1.0, -2.0, 3.0, 0.5])
    assert_close(model_parts.rms_norm(x, norm.weight.data, 0.01), norm(x).detach())
    layer = FeedForward(4, 7)
    weights = [matrix.weight.data for matrix in (layer.w_gate, layer.w_up, layer.w_down)]
    assert_close(model_parts.feed_forward(x, *weights), layer(x).detach())


@pytest.mark.parametrize("name", PRESETS)
def test_the_count_of_what_is_built_is_the_config_s_own(name):
    assert full_model.count(LlamaConfig.preset(name)) == LlamaConfig.preset(name).n_params


def test_a_block_s_message_shows_the_parts_by_their_rules():
    with pytest.raises(WrongAnswer) as error:
        full_model.check_block(lambda x, *parts: x)
    assert "<attention: 10 * x>" in str(error.value) and "0x" not in str(error.value)
