import copy
import math
from itertools import pairwise

import pytest
import torch
import torch._dynamo.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama, record_attention

B, T = 2, 11
CONFIG = LlamaConfig(dim=48, n_layers=3, n_heads=6, n_kv_heads=3, vocab_size=61, hidden_dim=40, max_seq_len=32)


@pytest.fixture(scope="module")
def model() -> Llama:
    torch.manual_seed(0)
    model = Llama(CONFIG).requires_grad_(False)
    for weight in model.parameters():
        weight.mul_(5 if weight.dim() == 2 else 1)  # far enough from zero that every mistake shows in the logits
    return model


@pytest.fixture(scope="module")
def tokens() -> torch.Tensor:
    return torch.randint(0, 61, (B, T), generator=torch.Generator().manual_seed(1))


def test_logits_have_a_score_for_every_token(model, tokens):
    assert model(tokens).shape == (B, T, 61)
    assert_close(model(tokens), model.output(model.hidden(tokens)))


def test_no_logit_sees_a_later_token(model, tokens):
    poked = tokens.clone()
    poked[:, 7] = (poked[:, 7] + 1) % 61
    before, after = model(tokens), model(poked)
    assert_close(after[:, :7], before[:, :7], rtol=0, atol=0)
    for position in range(7, T):
        assert not torch.allclose(after[:, position], before[:, position], atol=1e-3)


@given(cuts=st.sets(st.integers(1, T - 1)))
@settings(max_examples=40)
def test_any_chunking_gives_the_logits_of_the_whole(model, tokens, cuts):
    cache = model.new_cache(B, T)
    chunks = [model(tokens[:, a:b], cache) for a, b in pairwise([0, *sorted(cuts), T])]
    assert_close(torch.cat(chunks, dim=1), model(tokens), rtol=1e-4, atol=1e-5)
    assert cache.length == T


def test_setting_the_length_back_forgets(model, tokens):
    cache = model.new_cache(B)
    model(tokens, cache)
    cache.length = 4
    assert_close(model(tokens[:, 4:], cache), model(tokens)[:, 4:], rtol=1e-4, atol=1e-5)


def test_an_interrupted_pass_leaves_no_trace(model, tokens):
    cache = model.new_cache(B)
    model(tokens[:, :5], cache)

    def interrupt(*_):
        raise KeyboardInterrupt

    handle = model.blocks[1].register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        model(tokens[:, 5:9], cache)
    handle.remove()
    assert_close(model(tokens[:, 5:], cache), model(tokens)[:, 5:], rtol=1e-4, atol=1e-5)


def test_an_overfull_cache_says_both_numbers_and_stays_usable(model, tokens):
    cache = model.new_cache(B, max_seq_len=8)
    model(tokens[:, :6], cache)
    with pytest.raises(ValueError, match="room for 8 tokens and would hold 11: 6 are in it, 5 are new"):
        model(tokens[:, 6:], cache)
    assert_close(model(tokens[:, 6:8], cache), model(tokens)[:, 6:8], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.zeros(3, dtype=torch.int64), r"tokens must be int64 of shape \(B, T\), got torch.int64 of \(3,\)"),
        (torch.zeros(2, 0, dtype=torch.int64), r"got torch.int64 of \(2, 0\)"),
        (torch.zeros(0, 3, dtype=torch.int64), r"got torch.int64 of \(0, 3\)"),
        (torch.zeros(2, 3), r"got torch.float32 of \(2, 3\)"),
        (torch.tensor([[5, 61]]), r"token ids must be in 0 ... 60, got 5 ... 61"),
        (torch.tensor([[-1, 5]]), r"token ids must be in 0 ... 60, got -1 ... 5"),
    ],
)
def test_bad_tokens_are_named(model, tokens, message):
    with pytest.raises(ValueError, match=message):
        model(tokens)


def test_recorded_maps_are_the_weights_in_use(model, tokens):
    with record_attention(model) as maps:
        open_path = model(tokens)
    assert_close(open_path, model(tokens), rtol=1e-4, atol=1e-5)
    assert len(maps) == 3
    for weights in maps:
        assert weights.shape == (B, 6, T, T)
        assert_close(weights.sum(-1), torch.ones(B, 6, T))
        assert_close(weights.triu(1), torch.zeros_like(weights), rtol=0, atol=0)


def test_decoding_and_prefill_record_the_same_triangle(model, tokens):
    with record_attention(model) as at_once:
        model(tokens)
    with record_attention(model) as in_steps:
        model(tokens[:, :3])  # another text before it is forgotten
        cache = model.new_cache(B)
        for start, end in ((0, 5), (5, 8), (8, 9), (9, 10), (10, 11)):
            model(tokens[:, start:end], cache)
    for whole, stacked in zip(at_once, in_steps, strict=True):
        assert_close(stacked, whole, rtol=1e-4, atol=1e-5)


def test_rows_of_forgotten_tokens_are_forgotten(model, tokens):
    other = (tokens + 1) % 61
    with record_attention(model) as maps:
        cache = model.new_cache(B)
        model(other[:, :3], cache)
        model(other[:, 3:6], cache)
        cache.length = 2
        model(tokens[:, 2:3], cache)
    with record_attention(model) as wanted:
        model(torch.cat([other[:, :2], tokens[:, 2:3]], dim=1))
    for found, whole in zip(maps, wanted, strict=True):
        assert_close(found, whole, rtol=1e-4, atol=1e-5)
    assert len(maps[1:]) == 2


def test_an_interrupted_pass_is_recorded_once(model, tokens):
    def interrupt(*_):
        raise KeyboardInterrupt

    with record_attention(model) as maps:
        cache = model.new_cache(B)
        model(tokens[:, :5], cache)
        handle = model.blocks[1].register_forward_hook(interrupt)
        with pytest.raises(KeyboardInterrupt):
            model(tokens[:, 5:7], cache)
        handle.remove()
        model(tokens[:, 5:7], cache)
    assert [weights.shape for weights in maps] == [(B, 6, 7, 7)] * 3


def test_a_compiled_model_is_one_graph_and_is_not_compiled_anew_for_every_length(model, tokens):
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(model, backend=counter, fullgraph=True)
    for n in (3, 5, 7, 8, 9, 11):
        assert_close(compiled(tokens[:, :n]), model(tokens[:, :n]), rtol=1e-4, atol=1e-5)
    assert counter.frame_count <= 2


def test_a_cache_has_the_models_dtype(model, tokens):
    narrow = copy.deepcopy(model).bfloat16()
    cache = narrow.new_cache(B)
    assert {memory.dtype for memory in (*cache.keys, *cache.values)} == {torch.bfloat16}
    whole = narrow(tokens)
    narrow(tokens[:, :6], cache)
    assert narrow(tokens[:, 6:], cache).dtype == torch.bfloat16
    assert_close(narrow(tokens[:, 5:6], narrow.new_cache(B)).shape, whole[:, :1].shape)


def test_a_cache_of_another_batch_is_named(model, tokens):
    with pytest.raises(ValueError, match="made for batch_size=5, got tokens of 2"):
        model(tokens, model.new_cache(5))


def test_recording_ends_with_its_block_even_after_an_error(model, tokens):
    with pytest.raises(RuntimeError), record_attention(model) as maps:
        raise RuntimeError
    model(tokens)
    with pytest.raises(ValueError, match="no attention was recorded"):
        maps[0]


def test_tied_embeddings_are_one_tensor():
    tied = Llama(LlamaConfig(**{**vars(CONFIG), "tie_embeddings": True}))
    assert tied.output.weight is tied.embedding.weight


def test_initial_weights_have_the_documented_spread():
    torch.manual_seed(0)
    config = LlamaConfig(dim=192, n_layers=8, n_heads=6, n_kv_heads=3, vocab_size=500, hidden_dim=300, max_seq_len=8)
    model = Llama(config).requires_grad_(False)
    assert model.embedding.weight.std() == pytest.approx(0.02, rel=0.02)
    assert model.output.weight.std() == pytest.approx(0.02, rel=0.02)
    per_channel = 1 / math.sqrt(192)
    assert model.blocks[3].attention.wk.weight.std() == pytest.approx(per_channel, rel=0.02)
    assert model.blocks[3].attention.wo.weight.std() == pytest.approx(per_channel / 4, rel=0.02)
    assert model.blocks[3].feed_forward.w_up.weight.std() == pytest.approx(per_channel, rel=0.02)
    assert model.blocks[3].feed_forward.w_down.weight.std() == pytest.approx(1 / math.sqrt(300) / 4, rel=0.02)
    assert model.norm.weight.eq(1).all()


def test_a_recording_inside_another_ends_alone():
    """The outer one sees what the inner one sees, and what comes after it, however the inner one ends."""
    model = Llama(CONFIG)
    first, last = torch.arange(4)[None], torch.arange(10, 16)[None]
    with record_attention(model) as alone:
        model(last)
    with record_attention(model) as outer:
        with pytest.raises(KeyboardInterrupt), record_attention(model) as inner:
            model(first)
            assert_close(outer[1], inner[1])
            raise KeyboardInterrupt
        model(last)
    assert (inner[1].shape[-1], outer[1].shape[-1]) == (4, 6)
    assert_close(list(outer), list(alone))
    assert all(block.attention.observer is None for block in model.blocks)
