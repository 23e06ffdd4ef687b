"""The model's parts once more, as plain loops over numbers and complex rotations: slow, and hard to get wrong."""

import cmath
import math

import torch
from torch import Tensor


def rotate(x: Tensor, start: int, theta: float) -> Tensor:
    """(B, T, H, D): every pair of neighbours is one complex number, turned by e^(i position theta^(-2 pair / D))."""
    out = torch.empty_like(x)
    n_rows, n_tokens, n_heads, head_dim = x.shape
    for b in range(n_rows):
        for t in range(n_tokens):
            for h in range(n_heads):
                for pair in range(head_dim // 2):
                    turn = cmath.exp(1j * (start + t) * theta ** (-2 * pair / head_dim))
                    z = complex(x[b, t, h, 2 * pair], x[b, t, h, 2 * pair + 1]) * turn
                    out[b, t, h, 2 * pair], out[b, t, h, 2 * pair + 1] = z.real, z.imag
    return out


def attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """(B, H, T, D), (B, Hkv, S, D) twice -> output (B, H, T, D) and weights (B, H, T, S)."""
    n_rows, n_heads, n_new, head_dim = q.shape
    n_kv_heads, n_all = k.shape[1], k.shape[2]
    out, weights = torch.zeros_like(q), torch.zeros(n_rows, n_heads, n_new, n_all)
    for b in range(n_rows):
        for h in range(n_heads):
            kv = h // (n_heads // n_kv_heads)
            for t in range(n_new):
                last = n_all - n_new + t
                scores = [float(q[b, h, t] @ k[b, kv, s]) / math.sqrt(head_dim) for s in range(last + 1)]
                top = max(scores)
                total = sum(math.exp(score - top) for score in scores)
                for s, score in enumerate(scores):
                    weights[b, h, t, s] = math.exp(score - top) / total
                    out[b, h, t] += weights[b, h, t, s] * v[b, kv, s]
    return out, weights


def rms_norm(row: list[float], weight: list[float], eps: float) -> list[float]:
    """One vector."""
    root = math.sqrt(sum(value * value for value in row) / len(row) + eps)
    return [value / root * w for value, w in zip(row, weight, strict=True)]


def swiglu(row: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """One vector (C,) through (F, C), (F, C) and (C, F)."""
    g, u = [float(w @ row) for w in gate], [float(w @ row) for w in up]
    return down @ torch.tensor([a / (1 + math.exp(-a)) * b for a, b in zip(g, u, strict=True)])
