"""Foreign checkpoints, written by tests/reference without the package, opened by it."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from llama_lessons.checkpoints import load
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from tests.reference.checkpoint_huggingface import SETTINGS, huggingface_weights, write_huggingface
from tests.reference.checkpoint_llama2c import write_llama2c
from tests.reference.checkpoint_meta import meta_params, write_meta
from tests.reference.checkpoint_weights import SMALL, meta_weights, ours

TIED = replace(SMALL, tie_embeddings=True)
SAFE, PICKLED = "model{}.safetensors", "pytorch_model{}.bin"


def write(kind: str, path: Path) -> tuple[Path, list[Path]]:
    """A checkpoint of SMALL; what to open, and the files it consists of."""
    weights = meta_weights(SMALL)
    if kind == "llama2c":
        return write_llama2c(path, SMALL, weights, 0), [path]
    if kind == "meta":
        write_meta(path, meta_params(SMALL), weights, 1)
    else:
        write_huggingface(path, huggingface_weights(SMALL, weights), PICKLED if kind == "hf bin" else SAFE, 1)
    return path, sorted(path.iterdir())


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


@pytest.mark.parametrize("pattern", [SAFE, PICKLED])
@pytest.mark.parametrize("n_files", [1, 3])
def test_huggingface_files_are_read(pattern: str, n_files: int, tmp_path: Path):
    weights = meta_weights(SMALL, dtype=torch.float16)
    write_huggingface(tmp_path / "hf", huggingface_weights(SMALL, weights), pattern, n_files)
    assert_holds(load(tmp_path / "hf"), SMALL, weights)


@pytest.mark.parametrize("stored_twice", [False, True])
def test_huggingface_tied_embeddings_are_one_parameter(stored_twice: bool, tmp_path: Path):
    weights = meta_weights(TIED)
    theirs = huggingface_weights(TIED, weights)
    if stored_twice:
        theirs["lm_head.weight"] = theirs["model.embed_tokens.weight"].clone()
    write_huggingface(tmp_path / "hf", theirs, SAFE, 1, tie_word_embeddings=True)
    assert_holds(load(tmp_path / "hf"), TIED, weights)


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
    write_huggingface(tmp_path / "hf", theirs, SAFE, 1, **settings)
    assert load(tmp_path / "hf").config.rope_theta == 500_000


def test_huggingface_defaults_are_those_of_transformers(tmp_path: Path):
    theirs = huggingface_weights(SMALL, meta_weights(SMALL))
    write_huggingface(tmp_path / "hf", theirs, SAFE, 1)
    kept = {key: value for key, value in SETTINGS.items() if key not in ("rms_norm_eps", "max_position_embeddings")}
    (tmp_path / "hf" / "config.json").write_text(json.dumps(kept))
    default = pytest.importorskip("transformers").LlamaConfig()
    config = load(tmp_path / "hf").config
    assert (config.norm_eps, config.max_seq_len) == (default.rms_norm_eps, default.max_position_embeddings)
    assert (config.rope_theta, config.tie_embeddings) == (default.default_theta, default.tie_word_embeddings)


def test_frequencies_stored_by_old_versions_are_ignored(tmp_path: Path):
    weights = meta_weights(SMALL)
    theirs = huggingface_weights(SMALL, weights) | {"model.layers.1.self_attn.rotary_emb.inv_freq": torch.ones(3)}
    write_huggingface(tmp_path / "hf", theirs, PICKLED, 1)
    assert_holds(load(tmp_path / "hf"), SMALL, weights)


def test_dtype_none_keeps_the_stored_one_and_another_converts(tmp_path: Path):
    weights = meta_weights(SMALL, dtype=torch.bfloat16)
    write_huggingface(tmp_path / "hf", huggingface_weights(SMALL, weights), SAFE, 1)
    assert_holds(load(tmp_path / "hf"), SMALL, weights)
    wide = {name: weight.float() for name, weight in weights.items()}
    assert_holds(load(tmp_path / "hf", dtype=torch.float32), SMALL, wide)


@pytest.mark.parametrize("kind", ["hf", "meta", "llama2c"])
def test_the_device_asked_for_is_where_the_weights_lie(kind: str, tmp_path: Path):
    path, _ = write(kind, tmp_path / "it")
    assert {weight.device.type for weight in load(path).parameters()} == {"cpu"}
    assert {weight.device.type for weight in load(path, device="meta").parameters()} == {"meta"}


def test_norms_stored_in_float32_take_the_dtype_of_the_rest(tmp_path: Path):
    weights = meta_weights(SMALL, dtype=torch.bfloat16)
    mixed = {name: w.float() if "norm" in name else w for name, w in huggingface_weights(SMALL, weights).items()}
    write_huggingface(tmp_path / "hf", mixed, SAFE, 1)
    assert_holds(load(tmp_path / "hf"), SMALL, weights)


def test_a_pickle_of_parameters_is_read_like_one_of_tensors(tmp_path: Path):
    weights = meta_weights(SMALL)
    theirs = {name: torch.nn.Parameter(weight) for name, weight in huggingface_weights(SMALL, weights).items()}
    write_huggingface(tmp_path / "hf", theirs, PICKLED, 1)
    assert_holds(load(tmp_path / "hf"), SMALL, weights)


@pytest.mark.parametrize("kind", ["hf", "hf bin", "meta", "llama2c"])
def test_training_a_loaded_model_leaves_the_file_alone_and_the_file_the_model(kind: str, tmp_path: Path):
    weights = meta_weights(SMALL)
    path, files = write(kind, tmp_path / "it")
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


@pytest.mark.parametrize("change", ["compressed", "before torch 1.6"])
@pytest.mark.parametrize("kind", ["hf bin", "meta"])
def test_torch_files_that_cannot_be_mapped_are_read(kind: str, change: str, tmp_path: Path):
    path, files = write(kind, tmp_path / "it")
    file = next(file for file in files if file.suffix in (".bin", ".pth"))
    if change == "compressed":
        with zipfile.ZipFile(file) as archive:
            records = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in records.items():
                archive.writestr(name, content)
    else:
        torch.save(torch.load(file, weights_only=True), file, _use_new_zipfile_serialization=False)
    model = load(path)
    assert_holds(model, model.config, meta_weights(SMALL))


@pytest.mark.parametrize("pattern", [SAFE, PICKLED])
def test_a_tied_table_stored_under_the_heads_name_alone_is_read(pattern: str, tmp_path: Path):
    weights = meta_weights(TIED)
    theirs = huggingface_weights(TIED, weights)
    theirs["lm_head.weight"] = theirs.pop("model.embed_tokens.weight")
    write_huggingface(tmp_path / "hf", theirs, pattern, 1, tie_word_embeddings=True)
    assert_holds(load(tmp_path / "hf"), TIED, weights)


@pytest.mark.parametrize("config", ["{}", json.dumps(SETTINGS), "no JSON"])
def test_metas_folder_with_a_config_json_in_it_is_metas(config: str, tmp_path: Path):
    path, _ = write("meta", tmp_path / "it")
    (path / "config.json").write_text(config)
    assert_holds(load(path), replace(SMALL, max_seq_len=4096), meta_weights(SMALL))


def test_hugging_faces_folder_with_a_params_json_in_it_is_hugging_faces(tmp_path: Path):
    path, _ = write("hf", tmp_path / "it")
    (path / "params.json").write_text(json.dumps(meta_params(SMALL) | {"norm_eps": 1e-3}))
    assert_holds(load(path), SMALL, meta_weights(SMALL))


def test_a_dtype_that_is_no_floating_point_type_is_named():
    for dtype in (torch.int8, "float32", torch.float8_e4m3fn):
        with pytest.raises(ValueError, match=r"dtype must be a floating-point .*, got "):
            load("anywhere", dtype=dtype)
