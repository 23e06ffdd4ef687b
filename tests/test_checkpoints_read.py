"""Foreign checkpoints, written by tests/reference without the package, opened by it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from llama_lessons.checkpoints import load
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from tests.reference.checkpoint_llama2c import write_llama2c
from tests.reference.checkpoint_meta import meta_params, write_meta
from tests.reference.checkpoint_weights import SMALL, huggingface_weights, meta_weights, ours

TIED = replace(SMALL, tie_embeddings=True)
HF_SETTINGS = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "vocab_size": 40,
    "intermediate_size": 160,
    "max_position_embeddings": 24,
    "rms_norm_eps": 1e-5,
}


def write_huggingface(folder: Path, tables: dict[str, dict[str, Tensor]], **settings) -> Path:
    """config.json and the named files, with an index if there are several."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(HF_SETTINGS | settings))
    for name, table in tables.items():
        save = torch.save if name.endswith(".bin") else save_file
        save(table, folder / name)
    if len(tables) > 1:
        index = {"weight_map": {key: name for name, table in tables.items() for key in table}}
        suffix = "pytorch_model.bin" if ".bin" in min(tables) else "model.safetensors"
        (folder / f"{suffix}.index.json").write_text(json.dumps(index))
    return folder


def assert_holds(model: Llama, config: LlamaConfig, weights: dict[str, Tensor]) -> None:
    """The model has this config and exactly these weights, whose names are Meta's."""
    assert model.config == config
    found = dict(model.named_parameters())
    assert found.keys() == {ours(name) for name in weights}
    for name, weight in weights.items():
        assert found[ours(name)].dtype == weight.dtype
        assert torch.equal(found[ours(name)], weight), name
    assert (model.output.weight is model.embedding.weight) == config.tie_embeddings


@pytest.mark.parametrize("n_shards", range(1, 9))
def test_meta_shards_are_put_together(n_shards: int, tmp_path: Path):
    heads = {7: 14}.get(n_shards, 2 * n_shards)  # so that every matrix can be cut
    config = replace(
        SMALL, dim=n_shards * 12 * 2, n_heads=heads, n_kv_heads=heads // 2, vocab_size=n_shards * 5, hidden_dim=840,
        max_seq_len=4096,
    )  # fmt: skip
    weights = meta_weights(config, dtype=torch.bfloat16)
    folder = write_meta(tmp_path / "meta", meta_params(config), weights, n_shards)
    assert_holds(load(folder), config, weights)


def test_meta_without_n_kv_heads_has_as_many_as_query_heads(tmp_path: Path):
    config = replace(SMALL, n_kv_heads=16, max_seq_len=4096)
    params = meta_params(config)
    del params["n_kv_heads"]
    weights = meta_weights(config)
    assert_holds(load(write_meta(tmp_path / "meta", params, weights, 2)), config, weights)


def test_meta_rope_theta_and_norm_eps_are_read(tmp_path: Path):
    config = replace(SMALL, rope_theta=1e6, norm_eps=1e-6, max_seq_len=4096)
    weights = meta_weights(config)
    folder = write_meta(tmp_path / "meta", meta_params(config) | {"rope_theta": 1e6}, weights, 1)
    assert_holds(load(folder), config, weights)


@pytest.mark.parametrize("config", [SMALL, TIED], ids=["own head", "tied"])
@pytest.mark.parametrize("version", [0, 1])
def test_llama2c_files_are_read(config: LlamaConfig, version: int, tmp_path: Path):
    weights = meta_weights(config)
    path = write_llama2c(tmp_path / "model.bin", config, weights, version)
    assert_holds(load(path), config, weights)


@pytest.mark.parametrize("suffix", ["model{}.safetensors", "pytorch_model{}.bin"])
@pytest.mark.parametrize("n_shards", [1, 3])
def test_huggingface_files_are_read(suffix: str, n_shards: int, tmp_path: Path):
    weights = meta_weights(SMALL, dtype=torch.float16)
    theirs = list(huggingface_weights(SMALL, weights).items())
    tables = {}
    for n in range(n_shards):
        name = suffix.format("" if n_shards == 1 else f"-{n + 1:05d}-of-{n_shards:05d}")
        tables[name] = {key: weight.contiguous() for key, weight in theirs[n::n_shards]}
    assert_holds(load(write_huggingface(tmp_path, tables)), SMALL, weights)


@pytest.mark.parametrize("stored_twice", [False, True])
def test_huggingface_tied_embeddings_are_one_parameter(stored_twice: bool, tmp_path: Path):
    weights = meta_weights(TIED)
    theirs = huggingface_weights(TIED, weights)
    if stored_twice:
        theirs["lm_head.weight"] = theirs["model.embed_tokens.weight"].clone()
    folder = write_huggingface(tmp_path, {"model.safetensors": theirs}, tie_word_embeddings=True)
    assert_holds(load(folder), TIED, weights)


@pytest.mark.parametrize(
    "settings",
    [
        {"rope_theta": 500_000},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 500_000}},
        {"rope_theta": 1, "rope_scaling": None, "rope_parameters": {"rope_theta": 500_000}},
        {"rope_theta": 500_000, "rope_scaling": {"type": "default"}},
    ],
)
def test_huggingface_rope_theta_is_read_from_old_and_new_places(settings: dict, tmp_path: Path):
    theirs = huggingface_weights(SMALL, meta_weights(SMALL))
    folder = write_huggingface(tmp_path, {"model.safetensors": theirs}, **settings)
    assert load(folder).config.rope_theta == 500_000


def test_huggingface_defaults_are_those_of_transformers(tmp_path: Path):
    theirs = huggingface_weights(SMALL, meta_weights(SMALL))
    folder = write_huggingface(tmp_path, {"model.safetensors": theirs})
    kept = {key: value for key, value in HF_SETTINGS.items() if key not in ("rms_norm_eps", "max_position_embeddings")}
    (folder / "config.json").write_text(json.dumps(kept))
    default = pytest.importorskip("transformers").LlamaConfig()
    config = load(folder).config
    assert (config.norm_eps, config.max_seq_len) == (default.rms_norm_eps, default.max_position_embeddings)
    assert (config.rope_theta, config.tie_embeddings) == (default.default_theta, default.tie_word_embeddings)


def test_frequencies_stored_by_old_versions_are_ignored(tmp_path: Path):
    weights = meta_weights(SMALL)
    theirs = huggingface_weights(SMALL, weights) | {"model.layers.1.self_attn.rotary_emb.inv_freq": torch.ones(3)}
    assert_holds(load(write_huggingface(tmp_path, {"pytorch_model.bin": theirs})), SMALL, weights)


def test_dtype_none_keeps_the_stored_one_and_another_converts(tmp_path: Path):
    weights = meta_weights(SMALL, dtype=torch.bfloat16)
    folder = write_huggingface(tmp_path, {"model.safetensors": huggingface_weights(SMALL, weights)})
    assert_holds(load(folder), SMALL, weights)
    assert_holds(load(folder, dtype=torch.float32), SMALL, {name: w.float() for name, w in weights.items()})


def test_norms_stored_in_float32_take_the_dtype_of_the_rest(tmp_path: Path):
    weights = meta_weights(SMALL, dtype=torch.bfloat16)
    mixed = {name: w.float() if "norm" in name else w for name, w in huggingface_weights(SMALL, weights).items()}
    assert_holds(load(write_huggingface(tmp_path, {"model.safetensors": mixed})), SMALL, weights)


@pytest.mark.parametrize("kind", ["hf", "hf bin", "meta", "llama2c"])
def test_training_a_loaded_model_leaves_the_file_alone_and_the_file_the_model(kind: str, tmp_path: Path):
    weights = meta_weights(SMALL)
    if kind == "meta":
        path = write_meta(tmp_path / "meta", meta_params(SMALL), weights, 1)
    elif kind == "llama2c":
        path = write_llama2c(tmp_path / "model.bin", SMALL, weights, 0)
    else:
        name = "model.safetensors" if kind == "hf" else "pytorch_model.bin"
        path = write_huggingface(tmp_path, {name: huggingface_weights(SMALL, weights)})
    files = [path] if path.is_file() else sorted(path.iterdir())
    before = [file.read_bytes() for file in files]
    model = load(path)
    for weight in model.parameters():
        assert weight.requires_grad and weight.is_contiguous() and weight.is_leaf
        weight.data.add_(1.0)
    assert [file.read_bytes() for file in files] == before
    for file in files:
        with file.open("r+b") as stream:
            stream.truncate(0)  # a mapped weight would now kill the process
    shifted = {name: weight + 1 for name, weight in weights.items()}
    assert_holds(model, model.config, shifted)
    model(torch.zeros(2, 5, dtype=torch.int64)).sum().backward()


def test_a_dtype_that_is_no_floating_point_type_is_named():
    for dtype in (torch.int8, "float32"):
        with pytest.raises(ValueError, match=r"dtype must be a floating-point .*, got "):
            load("anywhere", dtype=dtype)
