import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from llama_lessons.arithmetic import CARDS, flops_per_token, kv_cache_bytes, weights_bytes
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama

KIB, GIB = 2**10, 2**30


@pytest.mark.parametrize(
    ("name", "per_token", "at_4096"),
    [
        ("llama2-7b", 512 * KIB, 2.0 * GIB),
        ("llama2-13b", 800 * KIB, 3.125 * GIB),
        ("llama2-34b", 192 * KIB, 0.75 * GIB),
        ("llama2-70b", 320 * KIB, 1.25 * GIB),
    ],
)
def test_kv_cache_takes_the_published_bytes_in_float16(name, per_token, at_4096):
    config = LlamaConfig.preset(name)
    assert kv_cache_bytes(config) == per_token
    assert kv_cache_bytes(config, n_tokens=4096) == at_4096


def test_a_real_cache_takes_the_bytes_that_are_computed():
    config = LlamaConfig.preset("stories15m")
    with torch.device("meta"):
        cache = Llama(config).new_cache(batch_size=3, max_seq_len=7)
    assert kv_cache_bytes(config, n_tokens=7, batch_size=3, dtype="float32") == cache.n_bytes


def test_weights_take_their_number_times_their_size():
    config = LlamaConfig.preset("llama2-7b")
    assert weights_bytes(config) == 13_476_831_232
    assert weights_bytes(config, "int4") == 3_369_207_808


@pytest.mark.parametrize(("card", "sold_as"), [("RTX 4090", 24), ("A100 80GB", 80), ("H200", 141)])
def test_what_a_box_calls_gb_are_gib_and_not_a_thousand_cubed_bytes(card, sold_as):
    assert CARDS[card] / GIB == pytest.approx(sold_as, rel=0.005)
    assert CARDS[card] / 10**9 > 1.06 * sold_as


@pytest.mark.parametrize("tie", [False, True])
def test_flops_equal_what_pytorch_counts(tie):
    config = LlamaConfig(
        dim=48, n_layers=2, n_heads=6, n_kv_heads=3, vocab_size=61, hidden_dim=40, max_seq_len=32, tie_embeddings=tie
    )
    with torch.device("meta"):
        model, tokens = Llama(config), torch.zeros(1, 5, dtype=torch.int64)
        for block in model.blocks:
            block.attention.observer = lambda weights: None  # the open path, whose matmuls PyTorch can count
        with FlopCounterMode(display=False) as counter:
            model(tokens)
    assert counter.get_total_flops() == 5 * flops_per_token(config, n_context=5)


def test_an_unknown_dtype_is_named():
    with pytest.raises(ValueError, match=r"dtype must be one of float32, .*, got 'fp8'"):
        weights_bytes(LlamaConfig.preset("llama2-7b"), "fp8")
