"""The checks of lesson 08: their references are what the package computes, and what is told of a class."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from llama_lessons.checks import lora, lora_cost
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.checks.lora_mistakes import Lora
from llama_lessons.config import PRESETS, LlamaConfig
from llama_lessons.lora import LoraLinear, add_lora
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig, make_optimizers
from llama_lessons.widgets.adapters import TARGETS, lora_params, training_bytes
from tests.banks import said


def test_an_answer_that_fails_is_told_its_own_line():
    class MyLora(Lora):
        def __init__(self, layer, rank, alpha):
            raise TypeError("no such thing")  # here

    with pytest.raises(WrongAnswer) as error:
        lora.check_lora(MyLora)
    assert "MyLora stopped with TypeError: no such thing" in said(error) and "# here" in said(error)


def test_a_at_zero_and_b_as_noise_would_do_as_well(capsys):
    class Reversed(Lora):
        def start(self, rank, n_in, n_out):
            return nn.Parameter(torch.zeros(rank, n_in)), nn.Parameter(torch.randn(n_out, rank))

    lora.check_lora(Reversed)
    assert "right, on all" in capsys.readouterr().out


def test_a_check_leaves_the_dice_as_they_were():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    lora.check_lora(Lora)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_reference_is_what_the_package_merges():
    layer = LoraLinear(nn.Linear(5, 4, bias=False), 3, 7.0)
    nn.init.normal_(layer.lora_b)
    wanted = layer.weight + layer.change()
    assert_close(lora.effective_weight(layer.weight, layer.lora_a, layer.lora_b, 7.0), wanted)


@pytest.mark.parametrize("place", TARGETS)
def test_the_counts_are_those_of_real_adapters(place):
    for name in PRESETS:
        config = replace(LlamaConfig.preset(name), n_layers=3)
        with torch.device("meta"):
            n = sum(weight.numel() for weight in add_lora(Llama(config), 4, 8, TARGETS[place]))
        assert n == lora_cost.lora_numbers(config, 4, TARGETS[place]) == lora_params(config, 4, TARGETS[place])


def test_the_memory_is_what_an_optimizer_really_keeps():
    config = LlamaConfig(dim=48, n_layers=2, n_heads=6, n_kv_heads=3, vocab_size=61, hidden_dim=40, max_seq_len=32)
    model = Llama(config)
    trained = add_lora(model, 3, 6)
    [optimizer] = make_optimizers(model, TrainConfig(n_steps=1))
    model(torch.arange(14).reshape(2, 7)).sum().backward()
    optimizer.step()
    weights = sum(weight.nbytes for weight in model.parameters())
    gradients = sum(weight.grad.nbytes for weight in model.parameters() if weight.grad is not None)
    means = sum(state[name].nbytes for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq"))
    n_trained = sum(weight.numel() for weight in trained)
    assert weights + gradients + means == lora_cost.training_gb(config.n_params, n_trained, 4) * 1e9
    parts = training_bytes(config.n_params, n_trained)
    frozen = 2 * config.n_params  # the view counts frozen numbers in 16 bits
    assert list(parts.values()) == [weights - frozen, gradients, means]
