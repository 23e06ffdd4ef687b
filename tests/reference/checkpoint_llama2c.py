"""llama2.c files, written number by number with `struct`."""

from __future__ import annotations

import math
import struct
from pathlib import Path

from torch import Tensor

from llama_lessons.config import LlamaConfig


def write_llama2c(path: Path, config: LlamaConfig, weights: dict[str, Tensor], version: int) -> Path:
    """Write weights that have Meta's names as llama2.c's export.py does for this version; tied if config says so."""
    layers = range(config.n_layers)

    def every(name: str) -> list[str]:
        return [f"layers.{n}.{name}.weight" for n in layers]

    attention = every("attention.wq") + every("attention.wk") + every("attention.wv") + every("attention.wo")
    feed_forward = every("feed_forward.w1") + every("feed_forward.w2") + every("feed_forward.w3")
    head = [] if config.tie_embeddings else ["output.weight"]
    if version == 0:
        content = _header(config, sign=1 if config.tie_embeddings else -1)
        names = ["tok_embeddings.weight", *every("attention_norm"), *attention, *every("ffn_norm"), *feed_forward]
        content += _floats(weights, [*names, "norm.weight"]) + _rotations(config) + _floats(weights, head)
    else:
        content = struct.pack("<Ii", 0x616B3432, version) + _header(config, sign=1)
        content += struct.pack("<B", config.tie_embeddings)
        content += bytes(256 - len(content))
        names = [*every("attention_norm"), *every("ffn_norm"), "norm.weight", "tok_embeddings.weight"]
        content += _floats(weights, names + attention + feed_forward + head)
    path.write_bytes(content)
    return path


def _header(c: LlamaConfig, sign: int) -> bytes:
    return struct.pack(
        "<7i", c.dim, c.hidden_dim, c.n_layers, c.n_heads, c.n_kv_heads, sign * c.vocab_size, c.max_seq_len
    )


def _floats(weights: dict[str, Tensor], names: list[str]) -> bytes:
    return b"".join(struct.pack(f"<{weights[n].numel()}f", *weights[n].flatten().tolist()) for n in names)


def _rotations(config: LlamaConfig) -> bytes:
    """Cosines of all positions, then sines: max_seq_len x head_dim / 2 each."""
    head_dim = config.dim // config.n_heads
    angles = [t / 10_000 ** (2 * i / head_dim) for t in range(config.max_seq_len) for i in range(head_dim // 2)]
    table = [*map(math.cos, angles), *map(math.sin, angles)]
    return struct.pack(f"<{len(table)}f", *table)
