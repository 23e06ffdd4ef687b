"""A cache of fixed shape: the same logits as with one that grows."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.static_cache import StaticCache

CONFIG = LlamaConfig(dim=48, n_layers=3, n_heads=6, n_kv_heads=2, vocab_size=61, hidden_dim=40, max_seq_len=32)


@pytest.fixture
def model() -> Llama:
    torch.manual_seed(0)
    return Llama(CONFIG).requires_grad_(False)


@pytest.mark.parametrize("cuts", [(1, 1, 1, 1, 1), (3, 2), (1, 4)])
def test_logits_are_those_of_a_growing_cache(model, cuts):
    tokens = torch.randint(61, (2, 9), generator=torch.Generator().manual_seed(1))
    growing, filled = model.new_cache(2, 12), model.new_cache(2, 12)
    for memory in (*filled.keys, *filled.values):
        memory.fill_(7.0)  # what lies in empty places must not matter
    model(tokens[:, :4], growing)
    model(tokens[:, :4], filled)
    static = StaticCache(filled)
    for part in tokens[:, 4:].split(cuts, dim=1):
        assert_close(model(part, static), model(part, growing), rtol=1e-4, atol=1e-5)
    assert static.length == 9
    for layer in range(3):
        assert_close(static.keys[layer][:, :, :9], growing.keys[layer][:, :, :9], rtol=1e-4, atol=1e-5)


def test_a_later_token_does_not_reach_an_earlier_one(model):
    tokens = torch.randint(61, (1, 5), generator=torch.Generator().manual_seed(2))
    poked = tokens.clone()
    poked[0, -1] = (poked[0, -1] + 1) % 61
    before, after = (model(ids, StaticCache(model.new_cache(1, 8))) for ids in (tokens, poked))
    assert_close(before[:, :-1], after[:, :-1], rtol=0, atol=0)
    assert (before[:, -1] - after[:, -1]).abs().max() > 1e-3
