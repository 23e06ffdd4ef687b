"""Compiled decoding: the modules' own text, in one program for all lengths, whatever stands in the model."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.nn.modules.module import register_module_forward_hook
from torch.testing import assert_close

from llama_lessons import compiled
from llama_lessons.compiled import NO_COMPILER, CompiledDecoder, capacity
from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate, stream
from llama_lessons.lora import add_lora
from llama_lessons.model import Llama, record_attention
from llama_lessons.static_cache import StaticCache

CONFIG = LlamaConfig(dim=48, n_layers=2, n_heads=6, n_kv_heads=2, vocab_size=61, hidden_dim=40, max_seq_len=600)
PROMPTS = [[1, 5, 9, 12, 3], [1, 7], [1, 8, 20, 33, 2, 6, 40]]


@pytest.fixture
def model() -> Llama:
    torch.manual_seed(0)
    model = Llama(CONFIG).requires_grad_(False)
    for weight in model.parameters():
        weight.mul_(6 if weight.dim() == 2 else 1)  # far from ties: no two tokens are equally likely
    return model


@pytest.fixture
def no_programs():
    """Nothing was compiled before."""
    torch._dynamo.reset()
    compiled._compiled.cache_clear()
    counters.clear()


@pytest.fixture
def captured(monkeypatch, no_programs):
    """Graphs are captured, and run as they are: no compiler is needed."""
    monkeypatch.setattr(torch._inductor, "compile", lambda graph, inputs, options: graph)


def both(model: Llama, prompts: list[list[int]], n: int, **settings) -> list:
    return [generate(model, prompts, n, **settings, compile=compile) for compile in (False, True)]


# with the real compiler


@pytest.mark.parametrize("prompts", [PROMPTS[:1], PROMPTS], ids=["1 row", "3 rows"])
def test_the_compiler_writes_the_usual_text(model, prompts):
    usual, fast = both(model, prompts, 25, temperature=0)
    assert fast == usual
    assert len(set(usual[0])) > 5


def test_the_compiler_leaves_the_usual_cache_and_logits(model):
    ids = torch.randint(61, (12,), generator=torch.Generator().manual_seed(1))
    growing, static = model.new_cache(), StaticCache(model.new_cache(1, 256))  # the program of one row above
    with torch.inference_mode():
        decode = CompiledDecoder(model, static)
        for token in ids:
            assert_close(decode(token[None]), model(token[None, None], growing)[:, 0], rtol=1e-4, atol=1e-4)
    assert static.length == growing.length == 12
    for layer in range(2):
        for memory, usual in ((static.keys, growing.keys), (static.values, growing.values)):
            assert_close(memory[layer][:, :, :12], usual[layer][:, :, :12], rtol=1e-4, atol=1e-4)


def test_the_compiler_writes_in_bfloat16_too(model):
    half = copy.deepcopy(model).bfloat16()
    with torch.inference_mode():
        cache, static = half.new_cache(), StaticCache(half.new_cache(1, 256))
        decode = CompiledDecoder(half, static)
        fast = torch.stack([decode(torch.tensor([token])) for token in (5, 9, 33)])
        usual = torch.stack([half(torch.tensor([[token]]), cache)[:, 0] for token in (5, 9, 33)])
    assert fast.dtype == torch.bfloat16
    assert_close(fast, usual, rtol=0.05, atol=0.05 * float(usual.abs().max()))


def test_without_a_compiler_the_error_says_how_to_get_one(model, no_programs):
    with (
        torch._inductor.config.patch({"cpp.cxx": (None, "no-such-compiler"), "fx_graph_cache": False}),
        pytest.raises(RuntimeError) as error,
    ):
        generate(model, [[1, 5, 9]], 5, compile=True)
    assert str(error.value) == NO_COMPILER
    assert all(system in NO_COMPILER for system in ("Linux", "macOS", "Windows"))


# with graphs alone


def test_twenty_lengths_make_one_program(model, captured):
    for n in range(1, 21):
        prompt = list(range(1, 3 * n))
        usual, fast = both(model, [prompt], 2 * n + 1, temperature=0)
        assert fast == usual
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]


def test_ten_sizes_of_batch_and_two_of_cache_are_all_allowed(model, captured):
    for n_rows in range(1, 11):
        usual, fast = both(model, PROMPTS[:1] * n_rows, 3, temperature=0)
        assert fast == usual
    usual, fast = both(model, [[1, 7] * 150], 3, temperature=0)
    assert fast == usual
    assert counters["stats"]["unique_graphs"] == 11


@pytest.mark.parametrize(
    ("n_tokens", "room"), [(1, 256), (256, 256), (257, 512), (512, 512), (513, 1024), (1025, 2048), (2049, 3000)]
)
def test_capacity_doubles_up_to_what_the_model_holds(n_tokens, room):
    assert capacity(n_tokens, 3000) == room


def test_draws_are_the_usual_draws(model, captured):
    settings = {"temperature": 1.0, "top_p": 0.95, "top_k": 50}
    usual, fast = (
        generate(model, PROMPTS[:1], 20, **settings, generator=torch.Generator().manual_seed(3), compile=compile)
        for compile in (False, True)
    )
    assert fast == usual
    assert len(set(usual[0])) > 5
    again = stream(model, PROMPTS[0], 20, **settings, generator=torch.Generator().manual_seed(3), compile=True)
    assert list(again) == usual[0]


def test_adapters_are_compiled_too(model, captured):
    before = generate(model, PROMPTS, 10, temperature=0, compile=True)
    for weight in add_lora(model, 4, 8):
        nn.init.normal_(weight)
    model.requires_grad_(False)
    usual, fast = both(model, PROMPTS, 10, temperature=0)
    assert fast == usual != before


def test_an_edited_part_is_compiled_as_it_is_now(model, captured, monkeypatch):
    before = generate(model, PROMPTS[:1], 10, temperature=0, compile=True)
    norm = type(model.norm)
    monkeypatch.setattr(norm, "forward", lambda self, x: x.tanh() * self.weight)
    usual, fast = both(model, PROMPTS[:1], 10, temperature=0)
    assert fast == usual != before


@pytest.mark.parametrize("where", ["one layer", "before a layer", "every module"])
def test_a_hook_that_comes_later_is_heard_and_forgotten_when_it_is_removed(model, captured, where):
    before = generate(model, PROMPTS[:1], 10, temperature=0, compile=True)
    if where == "every module":
        hook = register_module_forward_hook(lambda module, inputs, out: 3 * out if module is model.blocks[0] else None)
    elif where == "one layer":
        hook = model.blocks[0].feed_forward.register_forward_hook(lambda module, inputs, out: 3 * out)
    else:
        hook = model.blocks[1].attention.wo.register_forward_pre_hook(lambda module, inputs: (3 * inputs[0],))
    with hook:  # removed at its end
        usual, fast = both(model, PROMPTS[:1], 10, temperature=0)
    assert fast == usual != before
    assert generate(model, PROMPTS[:1], 10, temperature=0, compile=True) == before


def test_changed_weights_count_from_the_next_text_on(model, captured):
    before = generate(model, PROMPTS[:1], 10, temperature=0, compile=True)
    model.blocks[1].attention.wo.weight.mul_(-1)
    usual, fast = both(model, PROMPTS[:1], 10, temperature=0)
    assert fast == usual != before


def test_two_texts_at_a_time_do_not_meet(model, captured):
    texts = [list(stream(model, prompt, 9, temperature=0)) for prompt in PROMPTS[:2]]
    one, two = (stream(model, prompt, 9, temperature=0, compile=True) for prompt in PROMPTS[:2])
    assert [list(pair) for pair in zip(*zip(one, two, strict=True), strict=True)] == texts


def test_a_compiled_model_cannot_be_watched(model, captured):
    with record_attention(model), pytest.raises(ValueError, match="cannot be watched"):
        generate(model, PROMPTS, 3, compile=True)


def test_written_out_products_are_torchs(model):
    x, weight, bias = torch.randn(1, 1, 5), torch.randn(7, 5), torch.randn(7)
    assert_close(compiled._linear(x, weight), linear(x, weight))
    assert_close(compiled._linear(x, weight, bias), linear(x, weight, bias))
    q, k, v = torch.randn(1, 2, 3, 8), torch.randn(1, 2, 6, 8), torch.randn(1, 2, 6, 8)
    mask = torch.arange(6)[None] <= 3
    assert_close(compiled._attention(q, k, v, mask), scaled_dot_product_attention(q, k, v, mask))
    assert_close(compiled._attention(q, k, v, mask, scale=0.3), scaled_dot_product_attention(q, k, v, mask, scale=0.3))
