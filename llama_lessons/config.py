"""The ten numbers that say how large a Llama is."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LlamaConfig:
    """The shape of a Llama 2 model: everything needed to build it, nothing about its weights.

    Args:
        dim: width of the residual stream, in channels (C).
        n_layers: number of blocks.
        n_heads: query heads per layer (H); divides dim into an even head_dim.
        n_kv_heads: key and value heads per layer (Hkv); divides n_heads. Equal to it: multi-head attention;
            fewer: grouped-query attention; one: multi-query attention.
        vocab_size: number of token ids (V).
        hidden_dim: width of the feed-forward layer, in channels (F).
        max_seq_len: longest sequence the model is meant for, in tokens. `generate` refuses more; the model itself
            does not, so that one can see what happens there.
        norm_eps: added to the mean square inside RMSNorm; 1e-5 in Llama 2 (Llama 1's said 1e-6, but for the 65B).
        rope_theta: base of the rotary frequencies, no unit.
        tie_embeddings: whether the output head is the embedding table; Llama 2 keeps two.

    Raises:
        ValueError: a number is out of range, or two of them do not fit together.

    Source: Llama 2, arXiv:2307.09288, section 2.2 and table 1.
    """

    dim: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    vocab_size: int
    hidden_dim: int
    max_seq_len: int
    norm_eps: float = 1e-5
    rope_theta: float = 10_000.0
    tie_embeddings: bool = False

    def __post_init__(self) -> None:
        for name in ("dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "hidden_dim", "max_seq_len"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        for name in ("norm_eps", "rope_theta"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
                raise ValueError(f"{name} must be a positive number, got {value!r}")
        if self.dim % self.n_heads:
            raise ValueError(f"dim must be a multiple of n_heads, got dim={self.dim}, n_heads={self.n_heads}")
        if self.n_heads % self.n_kv_heads:
            raise ValueError(
                f"n_heads must be a multiple of n_kv_heads, got n_heads={self.n_heads}, n_kv_heads={self.n_kv_heads}"
            )
        if self.head_dim % 2:
            raise ValueError(f"head_dim must be even, got {self.head_dim} (dim={self.dim} / n_heads={self.n_heads})")

    @property
    def head_dim(self) -> int:
        """Channels per head (D)."""
        return self.dim // self.n_heads

    @property
    def n_params(self) -> int:
        """Exact number of parameters; tied embeddings are counted once."""
        attention = 2 * self.dim * self.dim + 2 * self.dim * self.n_kv_heads * self.head_dim  # wq, wo; wk, wv
        feed_forward = 3 * self.dim * self.hidden_dim  # w_gate, w_up, w_down
        block = attention + feed_forward + 2 * self.dim  # and its two norms
        tables = self.vocab_size * self.dim * (1 if self.tie_embeddings else 2)
        return tables + self.n_layers * block + self.dim  # and the last norm

    @classmethod
    def preset(cls, name: str) -> LlamaConfig:
        """One of the published shapes, by name.

        Args:
            name: a key of `PRESETS`: llama2-7b, llama2-13b, llama2-34b, llama2-70b, stories15m, stories110m or valley.

        Returns:
            The configuration. llama2-34b was never released: its shape is inferred from CodeLlama-34B's.

        Raises:
            ValueError: there is no preset of that name.
        """
        if name not in PRESETS:
            raise ValueError(f"no preset named {name!r}; there are {', '.join(PRESETS)}")
        return PRESETS[name]


def _llama2(dim: int, n_layers: int, n_heads: int, n_kv_heads: int, hidden_dim: int) -> LlamaConfig:
    return LlamaConfig(
        dim=dim,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        hidden_dim=hidden_dim,
        vocab_size=32_000,
        max_seq_len=4096,
    )


def _stories(dim: int, n_layers: int, n_heads: int, hidden_dim: int, max_seq_len: int) -> LlamaConfig:
    return LlamaConfig(
        dim=dim,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=n_heads,
        hidden_dim=hidden_dim,
        vocab_size=32_000,
        max_seq_len=max_seq_len,
        tie_embeddings=True,
    )


PRESETS = {
    "llama2-7b": _llama2(4096, 32, 32, 32, 11_008),
    "llama2-13b": _llama2(5120, 40, 40, 40, 13_824),
    "llama2-34b": _llama2(8192, 48, 64, 8, 22_016),  # inferred, not released
    "llama2-70b": _llama2(8192, 80, 64, 8, 28_672),
    "stories15m": _stories(288, 6, 6, 768, 256),  # llama2.c's TinyStories models
    "stories110m": _stories(768, 12, 12, 2048, 1024),
    "valley": LlamaConfig(  # the course's own model
        dim=192,
        n_layers=6,
        n_heads=6,
        n_kv_heads=3,
        hidden_dim=512,
        vocab_size=2048,
        max_seq_len=512,
        tie_embeddings=True,
    ),
}
