"""SwiGLU: the feed-forward layer of a Llama."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import silu


class FeedForward(nn.Module):
    """Two projections up, one of them a gate for the other, and one back down: `w_down(silu(w_gate x) * w_up x)`.

    Args:
        dim: channels in and out (C).
        hidden_dim: channels in between (F).

    Source: GLU Variants Improve Transformer, arXiv:2002.05202, section 2, equation 6 (without biases).
    """

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.w_gate = nn.Linear(dim, hidden_dim, bias=False)
        self.w_up = nn.Linear(dim, hidden_dim, bias=False)
        self.w_down = nn.Linear(hidden_dim, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        return self.w_down(silu(self.w_gate(x)) * self.w_up(x))
