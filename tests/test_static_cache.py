"""Decoding in fixed shapes: the same logits as with a growing cache, in one graph for all positions."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.utils import counters
from torch.testing import assert_close

from llama_lessons import generate as generation
from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate
from llama_lessons.lora import add_lora
from llama_lessons.model import Llama, record_attention
from llama_lessons.static_cache import StaticCache

CONFIG = LlamaConfig(dim=48, n_layers=3, n_heads=6, n_kv_heads=2, vocab_size=61, hidden_dim=40, max_seq_len=32)
PROMPTS = [[1, 5, 9, 12, 3], [1, 7], [1, 8, 20, 33, 2, 6, 40]]


@pytest.fixture
def model() -> Llama:
    torch.manual_seed(0)
    return Llama(CONFIG).requires_grad_(False)


@pytest.fixture
def eager(monkeypatch):
    """Graphs are captured, and run as they are: no compiler is needed."""
    monkeypatch.setattr(generation, "BACKEND", "eager")
    torch._dynamo.reset()
    generation._compiled.cache_clear()
    counters.clear()


@pytest.mark.parametrize("cuts", [(1, 1, 1, 1, 1), (3, 2), (1, 4)])
def test_logits_are_those_of_a_growing_cache(model, cuts):
    tokens = torch.randint(61, (2, 9), generator=torch.Generator().manual_seed(1))
    growing, filled = model.new_cache(2, 12), model.new_cache(2, 12)
    for memory in (filled.keys, filled.values):
        memory.fill_(7.0)  # what lies in empty places must not matter
    model(tokens[:, :4], growing)
    model(tokens[:, :4], filled)
    static = StaticCache(filled)
    for part in tokens[:, 4:].split(cuts, dim=1):
        assert_close(model(part, static), model(part, growing), rtol=1e-4, atol=1e-5)
    assert static.length == 9
    assert_close(static.keys[..., :9, :], growing.keys[..., :9, :], rtol=1e-4, atol=1e-5)


def test_a_later_token_does_not_reach_an_earlier_one(model):
    tokens = torch.randint(61, (1, 5), generator=torch.Generator().manual_seed(2))
    poked = tokens.clone()
    poked[0, -1] = (poked[0, -1] + 1) % 61
    before, after = (model(ids, StaticCache(model.new_cache(1, 8))) for ids in (tokens, poked))
    assert_close(before[:, :-1], after[:, :-1], rtol=0, atol=0)
    assert (before[:, -1] - after[:, -1]).abs().max() > 1e-3


def test_compiled_text_is_the_usual_text_in_one_graph_for_all_positions_and_calls(model, eager):
    usual = generate(model, PROMPTS, 20, temperature=0)
    assert generate(model, PROMPTS, 20, temperature=0, compile=True) == usual
    assert counters["stats"]["unique_graphs"] == 1
    assert generate(model, PROMPTS, 20, temperature=0, compile=True) == usual
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["recompiles"]
    assert not counters["graph_break"]


def test_compiled_draws_are_the_usual_draws(model, eager):
    usual, compiled = (
        generate(model, PROMPTS[:1], 20, 1.0, generator=torch.Generator().manual_seed(3), compile=compile)
        for compile in (False, True)
    )
    assert compiled == usual
    assert len(set(usual[0])) > 5


def test_adapters_are_compiled_too(model, eager):
    for weight in add_lora(model, 4, 8):
        torch.nn.init.normal_(weight)
    model.requires_grad_(False)
    usual = generate(model, PROMPTS, 10, temperature=0)
    assert generate(model, PROMPTS, 10, temperature=0, compile=True) == usual


def test_a_compiled_model_cannot_be_watched(model, eager):
    with record_attention(model), pytest.raises(ValueError, match="cannot be watched"):
        generate(model, PROMPTS, 3, compile=True)
