"""Hugging Face checkpoints, converted from Meta's weights without the package or transformers."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from llama_lessons.config import LlamaConfig

SETTINGS = {  # config.json of checkpoint_weights.SMALL
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


def write_huggingface(folder: Path, weights: dict[str, Tensor], pattern: str, n_files: int, **settings) -> list[Path]:
    """Write config.json, the weights dealt out to n_files, and an index if these are several.

    Args:
        folder: made here.
        weights: under Hugging Face's names.
        pattern: name of the files, with {} where their number goes: "model{}.safetensors" or "pytorch_model{}.bin".
        n_files: how many.
        settings: for config.json, beside or instead of SETTINGS.

    Returns:
        The files that hold the weights.
    """
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(SETTINGS | settings))
    numbers = [""] if n_files == 1 else [f"-{n + 1:05d}-of-{n_files:05d}" for n in range(n_files)]
    places = {name: pattern.format(numbers[i % n_files]) for i, name in enumerate(weights)}
    files = sorted(set(places.values()))
    for file in files:
        save = torch.save if file.endswith(".bin") else save_file
        save({name: weights[name] for name, place in places.items() if place == file}, folder / file)
    if n_files > 1:
        (folder / f"{pattern.format('')}.index.json").write_text(json.dumps({"weight_map": places}))
    return [folder / file for file in files]


def huggingface_weights(config: LlamaConfig, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights as Hugging Face's `LlamaForCausalLM` wants them: its names, and its rows, picked one by one."""
    names = {"attention.wq": "self_attn.q_proj", "attention.wk": "self_attn.k_proj", "attention.wv": "self_attn.v_proj"}
    names |= {
        "attention.wo": "self_attn.o_proj",
        "feed_forward.w1": "mlp.gate_proj",
        "feed_forward.w2": "mlp.down_proj",
    }
    names |= {"feed_forward.w3": "mlp.up_proj", "attention_norm": "input_layernorm"}
    names |= {"ffn_norm": "post_attention_layernorm", "tok_embeddings": "embed_tokens"}
    table = {}
    for name, weight in weights.items():
        for theirs, huggingface in names.items():
            name = name.replace(theirs, huggingface)
        if "q_proj" in name or "k_proj" in name:
            weight = weight[_even_rows_first(len(weight), config.dim // config.n_heads)]
        table["lm_head.weight" if name == "output.weight" else f"model.{name}"] = weight
    return table


def _even_rows_first(n_rows: int, head_dim: int) -> list[int]:
    """Of every head first its even rows, then its odd ones."""
    order = []
    for start in range(0, n_rows, head_dim):
        order += range(start, start + head_dim, 2)
        order += range(start + 1, start + head_dim, 2)
    return order
