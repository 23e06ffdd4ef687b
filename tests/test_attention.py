import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.testing import assert_close

from llama_lessons.attention import KVCache, causal_attention, causal_weights
from llama_lessons.config import LlamaConfig
from tests.reference import plain

B, H, HKV, D = 2, 6, 3, 8
SIZES = [(5, 5), (1, 1), (1, 7), (3, 7)]  # T new of S: a text at once, its first token, decoding, a later chunk


def make_qkv(n_new: int, n_all: int, n_kv_heads: int = HKV):
    return torch.randn(B, H, n_new, D), torch.randn(B, n_kv_heads, n_all, D), torch.randn(B, n_kv_heads, n_all, D)


@pytest.mark.parametrize(("n_new", "n_all"), SIZES)
@pytest.mark.parametrize("n_kv_heads", [6, 3, 1])
def test_fused_and_open_attention_equal_plain_loops(n_new, n_all, n_kv_heads):
    q, k, v = make_qkv(n_new, n_all, n_kv_heads)
    out, weights = plain.attention(q, k, v)
    assert_close(causal_attention(q, k, v), out)
    assert_close(causal_weights(q, k), weights)


@pytest.mark.parametrize(("n_new", "n_all"), [(5, 5), (3, 7)])
def test_no_token_sees_a_later_one(n_new, n_all):
    q, k, v = make_qkv(n_new, n_all)
    before = causal_attention(q, k, v)
    k[:, :, -1] += 10
    v[:, :, -1] += 10
    after = causal_attention(q, k, v)
    assert_close(after[:, :, :-1], before[:, :, :-1], rtol=0, atol=0)
    assert not torch.allclose(after[:, :, -1], before[:, :, -1])


def test_is_causal_alone_would_mask_the_past():
    """PyTorch's own mask starts at the top left: with S > T it hides what the cache holds."""
    q, k, v = make_qkv(3, 7, n_kv_heads=H)
    theirs = scaled_dot_product_attention(q, k, v, is_causal=True)
    out, _ = plain.attention(q, k, v)
    assert not torch.allclose(theirs, out, atol=0.1)
    assert_close(causal_attention(q, k, v), out)


@pytest.mark.parametrize(("n_new", "n_all"), SIZES)
def test_fused_and_open_attention_have_the_same_gradients(n_new, n_all):
    q, k, v = (x.requires_grad_() for x in make_qkv(n_new, n_all))
    toward = torch.randn(B, H, n_new, D)
    fused = torch.autograd.grad(causal_attention(q, k, v), (q, k, v), toward)
    open_path = torch.autograd.grad(causal_weights(q, k) @ v.repeat_interleave(H // HKV, dim=1), (q, k, v), toward)
    assert_close(fused, open_path)


def test_weights_of_bfloat16_queries_come_back_in_bfloat16():
    q, k, _ = make_qkv(3, 7)
    assert causal_weights(q.bfloat16(), k.bfloat16()).dtype == torch.bfloat16


CONFIG = LlamaConfig(dim=H * D, n_layers=2, n_heads=H, n_kv_heads=HKV, vocab_size=61, hidden_dim=40, max_seq_len=32)


def test_cache_returns_old_and_new_in_order_and_keeps_layers_apart():
    cache = KVCache(CONFIG, batch_size=B, max_seq_len=9)
    first, second = torch.randn(2, B, HKV, 4, D), torch.randn(2, B, HKV, 3, D)
    for layer in range(2):
        cache.extend(layer, first[0] + layer, first[1] - layer)
    cache.length = 4
    for layer in range(2):
        keys, values = cache.extend(layer, second[0] + layer, second[1] - layer)
        assert_close(keys, torch.cat([first[0], second[0]], dim=2) + layer)
        assert_close(values, torch.cat([first[1], second[1]], dim=2) - layer)


def test_a_cache_refuses_gradients_instead_of_losing_them():
    cache = KVCache(CONFIG, batch_size=B, max_seq_len=9)
    keys = torch.randn(B, HKV, 4, D, requires_grad=True)
    with pytest.raises(ValueError, match=r"inside `with torch.no_grad\(\):`"):
        cache.extend(0, keys, torch.randn(B, HKV, 4, D))


def test_cache_says_how_full_it_is():
    cache = KVCache(CONFIG, batch_size=B, max_seq_len=9)
    cache.length = 7
    with pytest.raises(ValueError, match="room for 9 tokens and would hold 10: 7 are in it, 3 are new"):
        cache.check(B, 3)
    with pytest.raises(ValueError, match="made for batch_size=2, got tokens of 3"):
        cache.check(3, 1)
    with pytest.raises(ValueError, match="max_seq_len must be at least 1, got 0"):
        KVCache(CONFIG, max_seq_len=0)
    assert cache.n_bytes == 2 * 2 * B * HKV * 9 * D * 4
