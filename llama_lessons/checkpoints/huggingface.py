"""Hugging Face's format: config.json beside model.safetensors, whole or in shards, or the older pytorch_model.bin."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from llama_lessons.checkpoints import file_io
from llama_lessons.checkpoints.assembly import Checkpoint, StoredTensor
from llama_lessons.checkpoints.file_io import CheckpointError
from llama_lessons.checkpoints.huggingface_config import config_from, settings_of
from llama_lessons.checkpoints.names import half_split_to_interleaved, interleaved_to_half_split, translate
from llama_lessons.checkpoints.tokenizer_files import write_tokenizer_files
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer

SHARD_BYTES = 5_000_000_000  # a larger model is written in several files
DERIVED = "rotary_emb.inv_freq"  # stored by old versions of transformers, computed by everyone
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # in the order of preference that transformers has
TABLE, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def read(folder: Path, settings: dict | None = None) -> Checkpoint:
    """Look into a folder of Hugging Face's; no weight is read yet.

    Args:
        folder: holds config.json and the weights.
        settings: what counts instead of config.json's content.

    Raises:
        CheckpointError: a file is missing or damaged, or the config asks for something that Llama 2 does not have.
    """
    path = folder / "config.json"
    config = config_from(path, file_io.read_json(path) if settings is None else settings)
    found = {}
    for file in _weight_files(folder):
        reader = file_io.read_safetensors if file.suffix == ".safetensors" else file_io.read_torch_file
        found |= {name: (file, tensor) for name, tensor in reader(file).items() if not name.endswith(DERIVED)}
    if config.tie_embeddings and HEAD in found:
        _drop_tied_head(found)
    weights = {name: _stored(name, file, tensor, config) for name, (file, tensor) in found.items()}
    return Checkpoint(path, config, "hf", weights)


def has_weights(folder: Path) -> bool:
    """Whether weights with a name of Hugging Face's lie in a folder."""
    return any((folder / f"{name}{end}").exists() for name in WEIGHTS for end in ("", ".index.json"))


def _weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights."""
    for name in WEIGHTS:
        if (folder / name).exists():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.exists():
            return _indexed_files(index)
    raise CheckpointError(
        folder,
        "has config.json but no weights: neither model.safetensors nor pytorch_model.bin, nor an index of several",
        "Download the weights as well, with the index file if there are several",
    )


def _indexed_files(index: Path) -> list[Path]:
    weight_map = file_io.read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map or not all(isinstance(v, str) for v in weight_map.values()):
        raise CheckpointError(index, 'has no "weight_map" from names to files', "Download it again")
    files = [index.parent / name for name in sorted(set(weight_map.values()))]
    for file in files:
        if not file.exists():
            raise CheckpointError(
                file, f"this shard is missing, {index.name} names it", "Download it: it holds a part of the weights"
            )
    return files


def _stored(name: str, file: Path, tensor: Tensor, config: LlamaConfig) -> StoredTensor:
    """A weight that will have its rows in our order."""
    n_heads = rotated_heads(name, config)

    def copy_to(out: Tensor) -> None:
        if n_heads:
            half_split_to_interleaved(tensor, n_heads, out)
        else:
            out.copy_(tensor)

    return StoredTensor(file, tuple(tensor.shape), tensor.dtype, copy_to)


def rotated_heads(name: str, config: LlamaConfig) -> int:
    """Heads of a weight whose rows RoPE turns; 0 for every other weight."""
    module = name.removesuffix(".weight").rpartition(".")[2]
    return {"q_proj": config.n_heads, "k_proj": config.n_kv_heads}.get(module, 0)


def _drop_tied_head(found: dict[str, tuple[Path, Tensor]]) -> None:
    """Some store a tied table twice, or under the head's name alone. One is enough, but two must say the same."""
    file, head = found.pop(HEAD)
    _, table = found.setdefault(TABLE, (file, head))
    if table.dtype != head.dtype or not torch.equal(table, head):
        trouble = f"config.json ties {HEAD} to {TABLE}, but they differ"
        raise CheckpointError(file, trouble, 'Set "tie_word_embeddings" to false if they were trained apart')


def write(model: Llama, folder: Path, tokenizer: Tokenizer | None) -> None:
    """Write config.json, generation_config.json, the weights and, given a tokenizer, its files.

    Args:
        model: a plain Llama, on any device.
        folder: an empty one.
        tokenizer: None writes none, and takes Llama 2's ids of <s> and </s> for granted.
    """
    write_settings(model, folder, tokenizer, {})
    _write_weights(model, folder)


def write_settings(model: Llama, folder: Path, tokenizer: Tokenizer | None, more: dict) -> None:
    """Write all but the weights; `more` is what config.json says besides."""
    ids = {"bos_token_id": 1, "eos_token_id": 2}
    if tokenizer is not None:
        ids = {"bos_token_id": tokenizer.bos_id, "eos_token_id": tokenizer.eos_id}
        write_tokenizer_files(tokenizer, folder)
    file_io.write_json(folder / "generation_config.json", ids)
    file_io.write_json(folder / "config.json", settings_of(model.config, model.embedding.weight.dtype) | ids | more)


def _write_weights(model: Llama, folder: Path) -> None:
    weights = {translate(name, "ours", "hf"): weight.data for name, weight in model.named_parameters()}
    n_bytes = sum(weight.nbytes for weight in weights.values())
    shards = _split(weights)
    placed = {}
    for n, shard in enumerate(file_io.progress(shards, n_bytes, "saving"), start=1):
        name = "model.safetensors" if len(shards) == 1 else f"model-{n:05d}-of-{len(shards):05d}.safetensors"
        tensors = {key: to_huggingface(key, weights[key], model.config) for key in shard}
        file_io.write_safetensors(tensors, folder / name)
        placed |= dict.fromkeys(shard, name)
    if len(shards) > 1:
        index = {"metadata": {"total_size": n_bytes}, "weight_map": placed}
        file_io.write_json(folder / "model.safetensors.index.json", index)


def _split(weights: dict[str, Tensor]) -> list[list[str]]:
    """Names, shared out in their order over files of at most SHARD_BYTES (a larger weight gets one of its own)."""
    shards, bytes_left = [[]], SHARD_BYTES
    for name, weight in weights.items():
        if weight.nbytes > bytes_left and shards[-1]:
            shards.append([])
            bytes_left = SHARD_BYTES
        shards[-1].append(name)
        bytes_left -= weight.nbytes
    return shards


def to_huggingface(name: str, weight: Tensor, config: LlamaConfig) -> Tensor:
    """A weight of any shape on the CPU with its rows in Hugging Face's order."""
    n_heads = rotated_heads(name, config)
    return (interleaved_to_half_split(weight, n_heads) if n_heads else weight).cpu().contiguous()
