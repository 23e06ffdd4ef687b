"""RMSNorm: every vector scaled to the same length before it is used."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """Divide each vector by its root mean square, then scale every channel by a learned weight.

    Args:
        dim: channels (C).
        eps: added to the mean square, inside the root, so that a zero vector divides by no zero.

    Source: Root Mean Square Layer Normalization, arXiv:1910.07467, section 3; before each sub-layer in
        Llama, arXiv:2302.13971, section 2.2.
    """

    def __init__(self, dim: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C): computed in float32 or wider, rounded to the dtype of x before the weight."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)  # (..., 1)
        return (wide * scale).type_as(x) * self.weight
