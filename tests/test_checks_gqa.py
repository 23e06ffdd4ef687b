"""The checks of lesson 04: their references compute what the package and PyTorch do, and a class is told as one."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from llama_lessons.attention import KVCache, causal_attention
from llama_lessons.checks import cache as cache_checks
from llama_lessons.checks import gqa as checks
from llama_lessons.checks.cache_mistakes import Cache
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.config import LlamaConfig
from llama_lessons.rope import rope_angles, rotate


def test_a_class_whose_extend_is_a_stub_is_not_started(capsys):
    class Stub(Cache):
        def extend(self, keys, values):
            raise NotImplementedError("your turn")

    cache_checks.check_cache(Stub)
    assert capsys.readouterr().out == "Stub: extend is not started\n"


def test_an_error_inside_extend_is_shown_with_its_line_and_its_call():
    class MyCache(Cache):
        def extend(self, keys, values):
            return self.keyz, values

    with pytest.raises(WrongAnswer, match=r"AttributeError[\s\S]*return self.keyz, values[\s\S]*MyCache\(1, 1, 9, 1\)"):
        cache_checks.check_cache(MyCache)


def test_an_extend_that_writes_to_what_it_was_given_is_refused():
    class Scribbles(Cache):
        def extend(self, keys, values):
            given = super().extend(keys, values)
            keys.zero_()
            return given

    with pytest.raises(WrongAnswer, match="changed the arguments"):
        cache_checks.check_cache(Scribbles)


def test_the_reference_cache_gives_what_the_packages_does():
    config = LlamaConfig(dim=24, n_layers=1, n_heads=6, n_kv_heads=3, vocab_size=5, hidden_dim=7, max_seq_len=9)
    chunks = [tuple(torch.randn(2, 3, n_tokens, 4) for _ in range(2)) for n_tokens in (4, 1, 3)]
    cache = KVCache(config, batch_size=2)
    for chunk, wanted in zip(chunks, cache_checks.cached(9, chunks)["given"], strict=True):
        torch.testing.assert_close(cache.extend(0, *chunk), wanted)
        cache.length += chunk[0].shape[2]


def turned(rows, start):
    angles = rope_angles(torch.arange(len(rows)) + start, rows.shape[1])
    return rotate(rows[None, :, None], angles.cos(), angles.sin())[0, :, 0]


def test_the_reference_reads_on_as_the_package_does():
    q, k, v = torch.randn(3, 7, 6).unbind()
    whole = causal_attention(*(part[None, None] for part in (turned(q, 0), turned(k, 0), v)))[0, 0]
    out, keys, values = cache_checks.read_on(q[4:], k[4:], v[4:], turned(k, 0)[:4], v[:4])
    torch.testing.assert_close(out, whole[4:])
    torch.testing.assert_close((keys, values), (turned(k, 0), v))


def test_the_reference_shares_heads_as_pytorch_does():
    for q, k, v in checks.DECODE_EXAMPLES:
        wanted = scaled_dot_product_attention(q[:, :, None], k, v, enable_gqa=True)[:, :, 0]
        torch.testing.assert_close(checks.decode(q, k, v), wanted)


def test_pooling_heads_that_are_equal_within_a_group_gives_them_back():
    heads = torch.randn(3, 4, 5)
    torch.testing.assert_close(checks.pool(heads.repeat_interleave(2, 0).flatten(0, 1), 3, 4), heads.flatten(0, 1))
