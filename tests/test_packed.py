import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from llama_lessons import packed
from llama_lessons.config import LlamaConfig
from llama_lessons.feed_forward import FeedForward
from llama_lessons.model import Llama, record_attention
from llama_lessons.packed import LARGEST, WORTHWHILE, PackedLlama, worth_packing

CONFIG = LlamaConfig(dim=48, n_layers=3, n_heads=6, n_kv_heads=3, vocab_size=61, hidden_dim=40, max_seq_len=32)


def make_model(**changes) -> Llama:
    torch.manual_seed(0)
    model = Llama(replace(CONFIG, **changes)).requires_grad_(False)
    for weight in model.parameters():
        weight.mul_(5).add_(torch.randn_like(weight) * 0.1)  # norms' weights too are no longer all alike
    return model


@pytest.mark.parametrize("n_kv_heads", [6, 3, 1])
@pytest.mark.parametrize("tie", [False, True])
def test_steps_of_the_copy_give_the_models_logits(n_kv_heads, tie):
    model = make_model(n_kv_heads=n_kv_heads, tie_embeddings=tie, norm_eps=0.05, rope_theta=500.0).double()
    tokens = torch.randint(0, 61, (2, 9))
    ours, theirs = model.new_cache(2), model.new_cache(2)
    model(tokens[:, :4], ours)
    model(tokens[:, :4], theirs)
    step = PackedLlama(model, 2).step
    for position in range(4, 9):
        logits = step(tokens[:, position], ours)
        assert_close(logits, model(tokens[:, position : position + 1], theirs)[:, 0], rtol=1e-9, atol=1e-9)
    assert ours.length == 9
    assert_close(ours.keys, theirs.keys, rtol=1e-9, atol=1e-9)
    assert_close(ours.values, theirs.values, rtol=1e-9, atol=1e-9)


def test_the_model_is_left_as_it_was():
    model = make_model()
    before = copy.deepcopy(model.state_dict())
    PackedLlama(model, 1)
    assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_a_full_cache_is_an_error():
    model = make_model()
    cache = model.new_cache(1, max_seq_len=3)
    model(torch.tensor([[1, 2, 3]]), cache)
    with pytest.raises(ValueError, match="room for 3 tokens and would hold 4"):
        PackedLlama(model, 1).step(torch.tensor([4]), cache)


def test_no_copy_is_made_where_it_would_be_wrong_or_useless():
    model = make_model()
    assert worth_packing(model, WORTHWHILE)
    assert not worth_packing(model, WORTHWHILE - 1)
    assert not worth_packing(copy.deepcopy(model).bfloat16(), WORTHWHILE)
    with record_attention(model):
        assert not worth_packing(model, WORTHWHILE)


class Relu(FeedForward):
    """Another layer in the place of ours."""


def own_forward(module):
    module.forward = lambda x: x


CHANGES = {
    "an adapter": lambda m: setattr(m.blocks[1].attention, "wq", nn.Sequential(m.blocks[1].attention.wq)),
    "a subclass": lambda m: setattr(m.blocks[2], "feed_forward", Relu(48, 40)),
    "another norm": lambda m: setattr(m.blocks[0], "attention_norm", nn.LayerNorm(48)),
    "a layer left out": lambda m: setattr(m.blocks[0], "attention", nn.Identity()),
    "no last norm": lambda m: setattr(m, "norm", nn.Identity()),
    "a bias": lambda m: setattr(m.blocks[0].attention, "wq", nn.Linear(48, 48)),
    "another eps": lambda m: setattr(m.blocks[0].attention_norm, "eps", 0.5),
    "a hook": lambda m: m.blocks[1].register_forward_hook(lambda *_: None),
    "a hook before": lambda m: m.output.register_forward_pre_hook(lambda *_: None),
    "a function of its own": lambda m: own_forward(m.blocks[1].feed_forward),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_that_somebody_changed_is_not_copied(change):
    model = make_model()
    CHANGES[change](model)
    assert not worth_packing(model, WORTHWHILE)


def test_the_default_dtype_does_not_reach_the_copy():
    model = make_model()
    torch.set_default_dtype(torch.float64)
    try:
        packed_model = PackedLlama(model, 1)
    finally:
        torch.set_default_dtype(torch.float32)
    assert packed_model.head.dtype == torch.float32


def test_no_copy_of_more_than_the_limit_is_made(monkeypatch):
    model = make_model()
    monkeypatch.setattr(packed, "LARGEST", model.config.n_params * 4 - 1)
    assert not worth_packing(model, WORTHWHILE)
    assert LARGEST == 2**30
