"""A Llama 2 in one file, which needs PyTorch, and for texts sentencepiece.

python my_llama.py FOLDER "Once upon a time" goes on with a text. FOLDER is as Hugging Face keeps a small model:
config.json, model.safetensors, tokenizer.model.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import silu


# Part: attention
def my_attention(q, k, v):
    """Causal attention of one head: (T, D), (T, D), (T, Dv) -> (T, Dv)."""
    future = torch.ones(len(q), len(q), dtype=torch.bool, device=q.device).triu(1)
    return (q @ k.T / q.shape[-1] ** 0.5).masked_fill(future, -torch.inf).softmax(-1) @ v


# Part: mask
def my_mask(n_new, n_all):
    """Which of S tokens each of the last T may look at: (T, S)."""
    return torch.ones(n_new, n_all, dtype=torch.bool).tril(n_all - n_new)


# Part: angles
def my_angles(positions, head_dim, theta):
    """By which each pair of channels is turned: (T,) -> (T, D//2), in radians."""
    pairs = torch.arange(0, head_dim, 2, device=positions.device)
    return positions[:, None].float() * theta ** (-pairs / head_dim)


# Part: rotation
def my_rotate(x, cos, sin):
    """Neighbouring channels turned: (B, T, H, D), tables (T, D//2) -> (B, T, H, D)."""
    cos, sin, first, second = cos[:, None], sin[:, None], x[..., 0::2], x[..., 1::2]
    return torch.stack((first * cos - second * sin, first * sin + second * cos), -1).flatten(-2).type_as(x)


# Part: cache
class MyCache:
    """Keys and values of one layer, in memory that is set aside once."""

    def __init__(self, batch_size, n_kv_heads, max_seq_len, head_dim):
        self.keys = torch.zeros(batch_size, n_kv_heads, max_seq_len, head_dim)
        self.values, self.length = torch.zeros_like(self.keys), 0

    def extend(self, keys, values):
        """Write new keys and values, (B, Hkv, T, D) each; give all, (B, Hkv, S, D) each."""
        start, self.length = self.length, self.length + keys.shape[2]
        self.keys[:, :, start : self.length], self.values[:, :, start : self.length] = keys, values
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


# Part: decode
def my_decode(q, k, v):
    """Attention of one new token: (B, H, D), (B, Hkv, S, D) twice -> (B, H, D)."""
    groups = q.unflatten(1, (k.shape[1], -1))
    return ((groups @ k.mT / q.shape[2] ** 0.5).softmax(-1) @ v).flatten(1, 2)


# Part: norm
def my_rms_norm(x, weight, eps):
    """RMSNorm: (..., C), (C,) -> (..., C)."""
    wide = x.float()
    return (wide * (wide.square().mean(-1, keepdim=True) + eps).rsqrt()).type_as(x) * weight


# Part: feed_forward
def my_feed_forward(x, w_gate, w_up, w_down):
    """SwiGLU: (..., C), (F, C) twice, (C, F) -> (..., C)."""
    return (silu(x @ w_gate.T) * (x @ w_up.T)) @ w_down.T


# Part: block
def my_block(x, attention, attention_norm, feed_forward, feed_forward_norm):
    """The stream after one layer: (..., C) -> (..., C)."""
    x = x + attention(attention_norm(x))
    return x + feed_forward(feed_forward_norm(x))


# Around the parts: modules, which hold the weights
class Norm(nn.Module):
    """RMSNorm with its weight."""

    def __init__(self, dim, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        """(..., C) -> (..., C)."""
        return my_rms_norm(x, self.weight, self.eps)


class FeedForward(nn.Module):
    """SwiGLU with its weights."""

    def __init__(self, dim, hidden_dim):
        super().__init__()
        self.w_gate, self.w_up = nn.Linear(dim, hidden_dim, bias=False), nn.Linear(dim, hidden_dim, bias=False)
        self.w_down = nn.Linear(hidden_dim, dim, bias=False)

    def forward(self, x):
        """(..., C) -> (..., C)."""
        return my_feed_forward(x, self.w_gate.weight, self.w_up.weight, self.w_down.weight)


class Attention(nn.Module):
    """Attention with its weights, and a cache while it writes."""

    def __init__(self, config):
        super().__init__()
        self.head_dim, self.cache = config.head_dim, None
        self.wq, self.wo = (nn.Linear(config.dim, config.dim, bias=False) for _ in range(2))
        self.wk, self.wv = (nn.Linear(config.dim, config.n_kv_heads * self.head_dim, bias=False) for _ in range(2))

    def forward(self, x, cos, sin):
        """(B, T, C) -> (B, T, C)."""
        q, k, v = (part(x).unflatten(-1, (-1, self.head_dim)) for part in (self.wq, self.wk, self.wv))
        q, k, v = my_rotate(q, cos, sin).transpose(1, 2), my_rotate(k, cos, sin).transpose(1, 2), v.transpose(1, 2)
        if self.cache is not None:
            k, v = (part.to(q) for part in self.cache.extend(k, v))  # (B, Hkv, S, D) each
        return self.wo(attend(q, k, v).transpose(1, 2).flatten(2))


def attend(q, k, v):
    """The mixed values: (B, H, T, D), (B, Hkv, S, D) twice -> (B, H, T, D)."""
    n_new, n_all = q.shape[2], k.shape[2]
    if n_new == 1:
        return my_decode(q[:, :, 0], k, v)[:, :, None]
    k, v = (part.repeat_interleave(q.shape[1] // part.shape[1], dim=1) for part in (k, v))
    if n_new == n_all:
        heads = zip(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), strict=True)
        return torch.stack([my_attention(*head) for head in heads]).unflatten(0, q.shape[:2])
    scores = (q @ k.mT / q.shape[3] ** 0.5).masked_fill(~my_mask(n_new, n_all).to(q.device), -torch.inf)
    return scores.softmax(-1) @ v


class Block(nn.Module):
    """A layer."""

    def __init__(self, config):
        super().__init__()
        self.attention_norm, self.attention = Norm(config.dim, config.norm_eps), Attention(config)
        self.feed_forward_norm = Norm(config.dim, config.norm_eps)
        self.feed_forward = FeedForward(config.dim, config.hidden_dim)

    def forward(self, x, cos, sin):
        """(B, T, C) -> (B, T, C)."""
        attention = lambda copy: self.attention(copy, cos, sin)  # noqa: E731
        return my_block(x, attention, self.attention_norm, self.feed_forward, self.feed_forward_norm)


# Part: llama
class MyLlama(nn.Module):
    """Table, layers, norm and head; block(config) makes a layer, norm(dim, eps) a norm."""

    def __init__(self, config, block, norm):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        self.blocks = nn.ModuleList(block(config) for _ in range(config.n_layers))
        self.norm = norm(config.dim, config.norm_eps)
        self.output = nn.Linear(config.dim, config.vocab_size, bias=False)
        if config.tie_embeddings:
            self.output.weight = self.embedding.weight

    def forward(self, tokens, start=0):
        """Logits of ids, the first of which is at the position `start`: (B, T) -> (B, T, V)."""
        positions = start + torch.arange(tokens.shape[1], device=tokens.device)
        angles = my_angles(positions, self.config.head_dim, self.config.rope_theta)
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, angles.cos(), angles.sin())
        return self.output(self.norm(x))
