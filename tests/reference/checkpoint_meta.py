"""Meta checkpoints written as Meta's training left them: every weight cut in as many pieces as there were GPUs."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from llama_lessons.config import LlamaConfig


def meta_params(config: LlamaConfig) -> dict:
    """params.json as it came with the 70B: the vocabulary is not said, and the feed-forward width only by a rule."""
    return {
        "dim": config.dim,
        "multiple_of": 16,
        "n_heads": config.n_heads,
        "n_kv_heads": config.n_kv_heads,
        "n_layers": config.n_layers,
        "norm_eps": config.norm_eps,
        "vocab_size": -1,
    }


def write_meta(folder: Path, params: dict, weights: dict[str, Tensor], n_shards: int) -> Path:
    """Write params.json and n_shards files; the rotary frequencies lie among the weights, as they did in 2023."""
    folder.mkdir(parents=True)
    (folder / "params.json").write_text(json.dumps(params))
    for rank in range(n_shards):
        shard = {name: _piece(name, weight, rank, n_shards).clone() for name, weight in weights.items()}
        shard["rope.freqs"] = torch.ones(3)
        torch.save(shard, folder / f"consolidated.{rank:02d}.pth")
    return folder


def _piece(name: str, weight: Tensor, rank: int, n_shards: int) -> Tensor:
    """What GPU number `rank` held, by the classes that Meta's model.py builds its layers from."""
    if "norm" in name:  # RMSNorm: all of it, on every GPU
        return weight
    if ".wo." in name or ".w2." in name or "tok_embeddings" in name:  # RowParallelLinear, ParallelEmbedding
        width = weight.shape[1] // n_shards
        return weight[:, rank * width : (rank + 1) * width]
    height = weight.shape[0] // n_shards  # ColumnParallelLinear (its weight is stored transposed)
    return weight[rank * height : (rank + 1) * height]
