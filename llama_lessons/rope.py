"""Rotary position embedding: queries and keys are turned by an angle that grows with their position."""

from __future__ import annotations

import torch
from torch import Tensor


def rope_angles(positions: Tensor, head_dim: int, theta: float = 10_000.0) -> Tensor:
    """Angle by which each pair of channels turns at each position.

    Args:
        positions: token positions counted from 0, integer, shape (T,).
        head_dim: channels per head (D); even, because channels turn in pairs.
        theta: base of the frequencies, no unit; Llama 2 uses 10 000.

    Returns:
        Angles in radians, float32 whatever the model's dtype, shape (T, D//2).

    Raises:
        ValueError: head_dim is odd.

    Source: RoFormer, arXiv:2104.09864, section 3.4.2; used by Llama 2, arXiv:2307.09288, section 2.2.
    """
    if head_dim % 2:
        raise ValueError(f"head_dim must be even, got {head_dim}")
    pair = torch.arange(head_dim // 2, device=positions.device, dtype=torch.float32)  # (D//2,)
    inv_freq = theta ** (-2.0 * pair / head_dim)  # (D//2,)
    return positions[:, None].float() * inv_freq  # (T, D//2)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn neighbouring channels (0, 1), (2, 3), ... of every head: the layout of Meta's code.

    Hugging Face's checkpoints pair channel i with i + D/2 instead; `checkpoints` reorders their rows when it reads.

    Args:
        x: queries or keys, shape (B, T, H, D).
        cos: cosines of `rope_angles`, shape (T, D//2).
        sin: sines of `rope_angles`, shape (T, D//2).

    Returns:
        The turned vectors, shape (B, T, H, D), each as long as it was, in the dtype of x; computed in float32 or wider.

    Source: RoFormer, arXiv:2104.09864, section 3.4.2, equation 34.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    if torch.compiler.is_compiling():  # compilers fuse real numbers, and take complex ones as they are
        even, odd = wide.unflatten(-1, (-1, 2)).unbind(-1)  # (B, T, H, D//2) each
        cos, sin = cos[:, None], sin[:, None]  # (T, 1, D//2)
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2).type_as(x)
    pairs = torch.view_as_complex(wide.unflatten(-1, (-1, 2)))  # (B, T, H, D//2): a pair is a complex number
    turns = torch.complex(cos, sin)[:, None]  # (T, 1, D//2): every head turns alike
    return torch.view_as_real(pairs * turns).flatten(-2).type_as(x)  # multiplying adds the angles
