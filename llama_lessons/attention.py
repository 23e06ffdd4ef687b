"""Causal grouped-query attention, and the cache that spares it from reading the past twice."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from llama_lessons.config import LlamaConfig
from llama_lessons.rope import rotate


class KVCache:
    """Keys and values of the tokens read so far, in memory set aside once.

    Args:
        config: the model whose keys and values it holds.
        batch_size: sequences (B).
        max_seq_len: tokens it has room for; None takes the model's.
        device: where it lies.
        dtype: type of its numbers.

    Attributes:
        length: tokens in the cache. It grows when a forward pass is through, so that an interrupted pass leaves
            no trace; set it back to forget the tokens after it.
        keys, values: a tensor for each layer, shape (B, Hkv, max_seq_len, D); what lies beyond `length` is not meant
            to be read.
    """

    def __init__(
        self,
        config: LlamaConfig,
        batch_size: int = 1,
        max_seq_len: int | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        max_seq_len = config.max_seq_len if max_seq_len is None else max_seq_len
        for name, value in (("batch_size", batch_size), ("max_seq_len", max_seq_len)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        shape = (batch_size, config.n_kv_heads, max_seq_len, config.head_dim)
        self.keys = [torch.zeros(shape, device=device, dtype=dtype) for _ in range(config.n_layers)]
        self.values = [torch.zeros(shape, device=device, dtype=dtype) for _ in range(config.n_layers)]
        self.length = 0

    @property
    def max_seq_len(self) -> int:
        """Tokens there is room for."""
        return self.keys[0].shape[2]

    @property
    def n_bytes(self) -> int:
        """Bytes set aside, filled or not."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values))

    def check(self, batch_size: int, n_tokens: int) -> None:
        """Raise ValueError unless n_tokens more for batch_size sequences have room."""
        if batch_size != len(self.keys[0]):
            raise ValueError(f"the cache was made for batch_size={len(self.keys[0])}, got tokens of {batch_size}")
        if self.length + n_tokens > self.max_seq_len:
            raise ValueError(
                f"the cache has room for {self.max_seq_len} tokens and would hold {self.length + n_tokens}: "
                f"{self.length} are in it, {n_tokens} are new"
            )

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write a layer's new keys and values behind the old ones; return all of them, as views.

        Args:
            layer: which layer's.
            keys: shape (B, Hkv, T, D), already rotated.
            values: shape (B, Hkv, T, D).

        Returns:
            Keys and values of all tokens so far, shape (B, Hkv, S, D) each.

        Raises:
            ValueError: gradients are wanted: the next tokens write to the memory that they would be computed from.
        """
        if keys.requires_grad or values.requires_grad:
            raise ValueError("a cache is for reading only: call the model inside `with torch.no_grad():`")
        end = self.length + keys.shape[2]
        self.keys[layer][:, :, self.length : end] = keys
        self.values[layer][:, :, self.length : end] = values
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]

    def mask(self, n_new: int) -> Tensor | None:
        """Which of the tokens that `extend` returns the new ones may look at, (T, S); None: the usual causal mask."""
        return None


def causal_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Each new token's weighted sum of the values of the tokens up to itself, by PyTorch's fused kernel.

    The T queries belong to the last T of the S tokens. PyTorch's `is_causal=True` would place them at the first T
    (its mask starts at the top left corner), which is right only where T = S.

    Args:
        q: queries, shape (B, H, T, D).
        k: keys, shape (B, Hkv, S, D) with S >= T; each is shared by H/Hkv neighbouring query heads.
        v: values, shape (B, Hkv, S, D).
        mask: which of the S tokens each of the T may look at, bool, shape (T, S); None: those up to itself.

    Returns:
        Shape (B, H, T, D).

    Source: Attention Is All You Need, arXiv:1706.03762, section 3.2.1; GQA, arXiv:2305.13245, section 2.2.
    """
    n_new, n_all = q.shape[2], k.shape[2]
    if n_new == 1:  # one query sees everything: no mask of its own, and heads that share keys are rows of one matmul
        rows = q.reshape(*k.shape[:2], -1, k.shape[3])  # (B, Hkv, H/Hkv, D)
        return scaled_dot_product_attention(rows, k, v, attn_mask=mask).reshape(q.shape)
    if n_new == n_all and mask is None:
        return scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    mask = causal_mask(n_new, n_all, q.device) if mask is None else mask
    return scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)


def causal_mask(n_new: int, n_all: int, device: torch.device | None = None) -> Tensor:
    """Which of S tokens each of the last T may look at: (T, S), True where it may."""
    return torch.ones(n_new, n_all, dtype=torch.bool, device=device).tril(n_all - n_new)


def causal_weights(q: Tensor, k: Tensor) -> Tensor:
    """The weights that `causal_attention` uses and does not show.

    Args:
        q: queries, shape (B, H, T, D).
        k: keys, shape (B, Hkv, S, D).

    Returns:
        Shape (B, H, T, S), in the dtype of q; each row sums to 1 over the tokens it may look at.

    Source: Attention Is All You Need, arXiv:1706.03762, section 3.2.1, equation 1.
    """
    k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)  # (B, H, S, D)
    scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])  # (B, H, T, S)
    mask = causal_mask(q.shape[2], k.shape[2], q.device)
    wide = torch.promote_types(q.dtype, torch.float32)
    return scores.masked_fill(~mask, -torch.inf).softmax(-1, dtype=wide).type_as(q)


class Attention(nn.Module):
    """Grouped-query self-attention with rotary positions: project, rotate, remember, attend, project back.

    Args:
        config: the model's shape.

    Attributes:
        observer: None, or a function that is given the weights (B, H, T, S) of every call; the weights are then
            computed openly and used, instead of the fused kernel.

    Source: Llama 2, arXiv:2307.09288, section 2.2; GQA, arXiv:2305.13245.
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        kv_dim = config.n_kv_heads * config.head_dim
        self.wq = nn.Linear(config.dim, config.dim, bias=False)
        self.wk = nn.Linear(config.dim, kv_dim, bias=False)
        self.wv = nn.Linear(config.dim, kv_dim, bias=False)
        self.wo = nn.Linear(config.dim, config.dim, bias=False)
        self.observer = None

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: KVCache | None = None, layer: int = 0) -> Tensor:
        """Attend from T new tokens to themselves and to what the cache holds.

        Args:
            x: normalised residual stream, shape (B, T, C).
            cos: cosines of the new tokens' angles, shape (T, D//2).
            sin: their sines, shape (T, D//2).
            cache: where earlier keys and values lie and the new ones are written.
            layer: whose part of the cache it is.

        Returns:
            Shape (B, T, C).
        """
        split = (-1, self.head_dim)
        q = rotate(self.wq(x).unflatten(-1, split), cos, sin).transpose(1, 2)  # (B, H, T, D)
        k = rotate(self.wk(x).unflatten(-1, split), cos, sin).transpose(1, 2)  # (B, Hkv, T, D)
        v = self.wv(x).unflatten(-1, split).transpose(1, 2)  # (B, Hkv, T, D)
        if cache is not None:
            k, v = cache.extend(layer, k, v)  # (B, Hkv, S, D)
        if self.observer is None:
            out = causal_attention(q, k, v, None if cache is None else cache.mask(x.shape[1]))  # (B, H, T, D)
        else:
            weights = causal_weights(q, k)  # (B, H, T, S)
            self.observer(weights)
            out = weights @ v.repeat_interleave(q.shape[1] // v.shape[1], dim=1)
        return self.wo(out.transpose(1, 2).flatten(2))
