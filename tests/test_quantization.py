"""Weights in whole numbers: what they stand for, how they are packed, run, compiled, saved, opened and refused."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import linear
from torch.testing import assert_close

from llama_lessons.checkpoints import CheckpointError, load, save
from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate
from llama_lessons.lora import add_lora
from llama_lessons.model import Llama, record_attention
from llama_lessons.quantization import QuantizedLinear, pack, quantize, quantized_layers, to_codes, unpack

CONFIG = LlamaConfig(dim=48, n_layers=2, n_heads=6, n_kv_heads=2, vocab_size=61, hidden_dim=70, max_seq_len=600)
TIED = LlamaConfig(
    dim=48, n_layers=2, n_heads=6, n_kv_heads=2, vocab_size=61, hidden_dim=70, max_seq_len=600, tie_embeddings=True
)
WAYS = [("int8", None), ("int8", 32), ("int4", None), ("int4", 32), ("int4", 64), ("int4", 128)]


def a_model(config: LlamaConfig = CONFIG) -> Llama:
    torch.manual_seed(0)
    model = Llama(config).requires_grad_(False)
    for weight in model.parameters():
        weight.mul_(6 if weight.dim() == 2 else 1)  # far from ties: no two tokens are equally likely
    return model


def by_hand(weight: torch.Tensor, kind: str, group: int | None) -> torch.Tensor:
    """Number by number: the multiple of the group's scale that is nearest to each."""
    out, most = torch.zeros_like(weight), {"int8": 127, "int4": 7}[kind]
    for f, row in enumerate(weight.tolist()):
        for start in range(0, len(row), group or len(row)):
            part = row[start : start + (group or len(row))]
            scale = float(torch.tensor(max(map(abs, part)) / most).bfloat16())
            for c, value in enumerate(part):
                steps = 0 if scale == 0 else max(-most, min(most, round(value / scale)))  # Python rounds halves to even
                out[f, start + c] = steps * scale
    return out


@pytest.mark.parametrize(("kind", "group"), WAYS)
@pytest.mark.parametrize("shape", [(5, 96), (7, 70), (3, 33)])
def test_a_weight_becomes_the_nearest_multiples_of_its_scales(kind, group, shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    weight[2, :40] = 0  # a group of nothing but zeros
    weight[1, 3] = 30  # and one that is far out
    assert_close(QuantizedLinear(weight, kind, group).dequantize(), by_hand(weight, kind, group), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_codes_are_the_same_on_both_sides_of_zero(kind):
    weight = torch.randn(4, 64, generator=torch.Generator().manual_seed(2))
    codes, scale = to_codes(weight, kind, 16)
    mirrored, same = to_codes(-weight, kind, 16)
    assert torch.equal(mirrored, -codes) and torch.equal(same, scale)
    assert codes.shape == (4, 4, 16) and scale.shape == (4, 4)
    assert codes.abs().amax() == {"int8": 127, "int4": 7}[kind]


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 9), st.integers(0, 2**30))
def test_packing_loses_nothing(n_rows, n_groups, half, seed):
    draw = torch.Generator().manual_seed(seed)
    codes = torch.randint(-8, 8, (n_rows, n_groups, 2 * half), generator=draw, dtype=torch.int8)
    packed = pack(codes)
    assert packed.nbytes * 2 == codes.nbytes
    assert torch.equal(unpack(packed), codes)


def test_all_256_bytes_are_two_codes_and_back():
    packed = torch.arange(256, dtype=torch.uint8).view(2, 4, 32)
    assert torch.equal(pack(unpack(packed)), packed)


@pytest.mark.parametrize(("kind", "group"), WAYS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_layer_multiplies_with_what_its_codes_stand_for(kind, group, dtype):
    torch.manual_seed(3)
    layer = QuantizedLinear(torch.randn(9, 70, dtype=dtype), kind, group)
    x = torch.randn(2, 5, 70, dtype=dtype)
    assert layer(x).dtype == dtype
    assert torch.equal(layer(x), linear(x, layer.dequantize(dtype)))
    row = torch.randn(1, 1, 70, dtype=dtype)
    written_out, usual = layer._one_row(row.float()), linear(row.float(), layer.dequantize())
    assert_close(written_out, usual, rtol=1e-5, atol=1e-5 * float(usual.abs().max()))


def test_gradients_pass_through_and_stop_at_the_codes():
    layer = QuantizedLinear(torch.randn(9, 70), "int4", 32)
    x = torch.randn(4, 70, requires_grad=True)
    layer(x).sum().backward()
    assert_close(x.grad, layer.dequantize().sum(0).expand(4, -1))
    assert list(layer.parameters()) == []


@pytest.mark.parametrize(("kind", "group"), [("int8", None), ("int4", 32), ("int4", 64)])
@pytest.mark.parametrize("config", [CONFIG, TIED], ids=["untied", "tied"])
def test_a_quantized_model_is_one_with_those_weights(kind, group, config):
    model = a_model(config)
    plain = copy.deepcopy(model)
    for name, layer in plain.named_modules():
        if isinstance(layer, nn.Linear) and not (config.tie_embeddings and name == "output"):
            layer.weight.data = by_hand(layer.weight, kind, group)
    assert quantize(model, kind, group) is model
    tokens = torch.arange(20).view(2, 10)
    assert_close(model(tokens), plain(tokens), rtol=1e-4, atol=1e-4)
    assert len(quantized_layers(model)) == (14 if config.tie_embeddings else 15)
    with record_attention(model) as maps:
        model(tokens)
    assert maps[1].shape == (2, 6, 10, 10)
    assert generate(model, [[1, 2, 3]], 9, temperature=0) == generate(plain, [[1, 2, 3]], 9, temperature=0)


@pytest.mark.parametrize(("kind", "group"), [("int8", None), ("int4", 32)])
def test_the_compiler_writes_the_same_text(kind, group):
    model = quantize(a_model(), kind, group)
    usual, fast = (generate(model, [[1, 5, 9]], 25, temperature=0, compile=compile) for compile in (False, True))
    assert fast == usual
    assert len(set(usual[0])) > 5


def test_the_bytes_are_those_of_codes_and_scales():
    model = quantize(a_model(LlamaConfig.preset("valley")), "int4", 64)
    matrices = {name: layer for name, layer in model.named_modules() if isinstance(layer, QuantizedLinear)}
    for layer in matrices.values():
        numbers = layer.out_features * layer.in_features  # 192 and 512 are multiples of 64
        assert layer.codes.nbytes + layer.scale.nbytes == numbers / 2 + 2 * numbers / 64


def test_a_model_without_memory_tells_what_it_would_take():
    with torch.device("meta"):
        model = Llama(LlamaConfig.preset("stories15m"))
    quantize(model, "int8")
    assert all(layer.codes.is_meta for layer in quantized_layers(model).values())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("int3",), "kind must be one of int8, int4, got 'int3'"),
        (("int4", 7), "group must be an even number of at least 2, or None for a whole row, got 7"),
        (("int4", 0), "got 0"),
        (("int4", 2.0), "got 2.0"),
    ],
)
def test_a_way_that_does_not_exist_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        quantize(a_model(), *arguments)


def test_unsupported_combinations_are_named_and_change_nothing():
    adapted = a_model()
    add_lora(adapted, 2, 4)
    with pytest.raises(ValueError, match="has adapters: merge them first"):
        quantize(adapted, "int8")
    assert not quantized_layers(adapted)
    broken = a_model()
    broken.output.weight[3, 4] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinite numbers in output"):
        quantize(broken, "int8")
    assert not quantized_layers(broken)
    model = quantize(a_model(), "int8")
    with pytest.raises(ValueError, match="is quantized already"):
        quantize(model, "int4")
    with pytest.raises(ValueError, match="model is quantized: put adapters into the original"):
        add_lora(model, 2, 4)


@pytest.mark.parametrize("format", ["meta", "llama2c"])
def test_other_formats_refuse_a_quantized_model(format, tmp_path):
    with pytest.raises(ValueError, match=f"format '{format}' holds no quantized weights"):
        save(quantize(a_model(), "int8"), tmp_path / "model", format=format)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "group"), [("int8", None), ("int4", 32)])
@pytest.mark.parametrize("config", [CONFIG, TIED], ids=["untied", "tied"])
def test_saved_and_opened_again_it_is_the_same(kind, group, config, tmp_path, tokenizer):
    model = quantize(a_model(config), kind, group)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    tokens = torch.arange(20).view(2, 10)
    assert again.config == config and torch.equal(again(tokens), model(tokens))
    state, same = model.state_dict(), again.state_dict()
    assert state.keys() == same.keys() and all(torch.equal(state[name], same[name]) for name in state)
    assert (again.output.weight is again.embedding.weight) if config.tie_embeddings else quantized_layers(again)
    half = load(tmp_path / "model", dtype=torch.bfloat16)
    assert half.embedding.weight.dtype == torch.bfloat16 and half(tokens).dtype == torch.bfloat16
    save(again, tmp_path / "model")  # in place of itself: what is saved here is known
    names = sorted(path.name for path in (tmp_path / "model").glob("[!.]*"))
    assert names == ["config.json", "generation_config.json", "quantized.safetensors"]


def test_a_quantized_checkpoint_that_is_not_whole_is_named(tmp_path):
    save(quantize(a_model(), "int4", 32), tmp_path)
    path = tmp_path / "config.json"
    settings = json.loads(path.read_text())
    for wrong in ({"kind": "int4", "group": 64}, {"kind": "int8", "group": 32}, {"kind": "fp4", "group": 32}, "x", {}):
        path.write_text(json.dumps({**settings, "quantization_config": wrong}))
        with pytest.raises(CheckpointError, match=r"(config.json|quantized.safetensors): "):
            load(tmp_path)
    path.write_text(json.dumps({**settings, "num_hidden_layers": 3}))
    with pytest.raises(CheckpointError, match=r"(?s)does not fit config\.json .*blocks\.2\."):
        load(tmp_path)


def test_transformers_refuses_it_and_says_why(tmp_path):
    transformers = pytest.importorskip("transformers")
    save(quantize(a_model(), "int8"), tmp_path)
    with pytest.raises(Exception, match=r"llama_lessons|safetensors|quantiz"):
        transformers.AutoModelForCausalLM.from_pretrained(tmp_path)


MEMORY = """
import resource, sys, torch
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.quantization import quantize
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
model = Llama(LlamaConfig(dim=1024, n_layers=10, n_heads=8, n_kv_heads=8, vocab_size=500, hidden_dim=2800,
                          max_seq_len=64)).requires_grad_(False).bfloat16()
before, size = peak(), sum(weight.nbytes for weight in model.parameters())
quantize(model, "int8")
print((peak() - before) / size)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is Linux's")
def test_quantizing_needs_no_second_model_beside_the_first():
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.4  # one layer's numbers in float32 and what is made of them
