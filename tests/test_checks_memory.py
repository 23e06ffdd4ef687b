"""The references of lesson 00's checks count what the package's arithmetic counts."""

from __future__ import annotations

import pytest

from llama_lessons.arithmetic import kv_cache_bytes, weights_bytes
from llama_lessons.checks import memory as checks
from llama_lessons.config import LlamaConfig


@pytest.mark.parametrize("name", ["llama2-7b", "llama2-13b", "llama2-70b"])
def test_the_references_agree_with_the_package(name):
    config = LlamaConfig.preset(name)
    shape = config.n_layers, config.n_heads, config.n_kv_heads, config.head_dim
    assert checks.cache_gib(*shape, 777, 2) == kv_cache_bytes(config, 777) / 2**30
    kept = 2 * config.n_layers * config.n_kv_heads * config.head_dim
    need = weights_bytes(config) + kv_cache_bytes(config, 777, batch_size=3)
    assert checks.gb_left(200, config.n_params, kept, 777, 3, 2) == pytest.approx(200 - need / 1e9)
    most = checks.largest_batch(200, config.n_params, kept, 777, 2)
    room = 200 * 10**9 - weights_bytes(config)
    assert most * kv_cache_bytes(config, 777) <= room < (most + 1) * kv_cache_bytes(config, 777)


def test_the_numbers_of_the_examples_are_those_of_the_presets():
    for name, (n_params, kept) in {
        "llama2-7b": checks.LLAMA_7B,
        "llama2-13b": checks.LLAMA_13B,
        "llama2-70b": checks.LLAMA_70B,
    }.items():
        config = LlamaConfig.preset(name)
        assert (n_params, 2 * kept) == (config.n_params, kv_cache_bytes(config, dtype="float16"))
