"""A Llama's weights as a plain table under Meta's names, made without the package, for writing foreign checkpoints."""

from __future__ import annotations

import torch
from torch import Tensor

from llama_lessons.config import LlamaConfig

SMALL = LlamaConfig(  # all sizes differ, and 8 shards can split every matrix
    dim=96, n_layers=3, n_heads=16, n_kv_heads=8, vocab_size=40, hidden_dim=160, max_seq_len=24
)
OURS = {  # by hand, part of a name for part of a name
    "tok_embeddings.": "embedding.",
    "layers.": "blocks.",
    "ffn_norm.": "feed_forward_norm.",
    ".w1.": ".w_gate.",
    ".w2.": ".w_down.",
    ".w3.": ".w_up.",
}


def meta_weights(config: LlamaConfig, seed: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Random weights, large enough that every one of them shows in the logits.

    A tied model has no output.weight.
    """
    dim, kv_dim = config.dim, config.n_kv_heads * config.dim // config.n_heads
    shapes = {"tok_embeddings": (config.vocab_size, dim)}
    for n in range(config.n_layers):
        shapes |= {f"layers.{n}.attention_norm": (dim,), f"layers.{n}.ffn_norm": (dim,)}
        shapes |= {f"layers.{n}.attention.{name}": (dim, dim) for name in ("wq", "wo")}
        shapes |= {f"layers.{n}.attention.{name}": (kv_dim, dim) for name in ("wk", "wv")}
        shapes |= {f"layers.{n}.feed_forward.{name}": (config.hidden_dim, dim) for name in ("w1", "w3")}
        shapes |= {f"layers.{n}.feed_forward.w2": (dim, config.hidden_dim)}
    shapes["norm"] = (dim,)
    if not config.tie_embeddings:
        shapes["output"] = (config.vocab_size, dim)
    noise = torch.Generator().manual_seed(seed)
    return {f"{name}.weight": _random(shape, noise).to(dtype) for name, shape in shapes.items()}


def _random(shape: tuple[int, ...], noise: torch.Generator) -> Tensor:
    if len(shape) == 1:
        return 1 + 0.3 * torch.randn(shape, generator=noise)
    return 1.5 * torch.randn(shape, generator=noise) / shape[1] ** 0.5


def ours(name: str) -> str:
    """Our name of one of Meta's weights."""
    for theirs, our in OURS.items():
        name = name.replace(theirs, our)
    return name
