"""The checks of lesson 05 on the two new parts: RMSNorm and SwiGLU.

The references compute number by number, or channel by channel, what the lesson computes with whole tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.checks.exercise import check
from llama_lessons.checks.feed_forward_mistakes import FEED_FORWARD_MISTAKES
from llama_lessons.checks.norm_mistakes import NORM_MISTAKES


def _draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _half(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float16)


NORM_EXAMPLES = [
    (torch.tensor([[8.0, 4.0, -4.0, 0.0]]), torch.tensor([1.0, 2.0, 10.0, 0.5]), 1.0),  # the mean square is 24
    (_draw(3, 3, seed=0), _draw(3, seed=3), 0.0),
    (_draw(2, 3, 5, seed=1), _draw(5, seed=2), 0.01),
    (torch.tensor([[0.003, -0.001]]), torch.tensor([2.0, 0.5]), 1e-5),
    (torch.tensor([[3e-4, -1e-4]]), torch.tensor([2.0, 0.5]), 1e-7),
    (torch.tensor([[0.03, -0.01]]), torch.tensor([2.0, 0.5]), 0.1),
    (torch.zeros(1, 3), torch.ones(3), 1e-5),
    (_half(300, -300, 300, 300)[None], _half(1, 2, 0.5, 1), 1e-5),  # 300 * 300 is beyond float16
]


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMSNorm, one number after the other.

    Args:
        x: vectors, shape (..., C).
        weight: what each channel is multiplied with, shape (C,).
        eps: added to the mean square.

    Returns:
        Shape (..., C), in the dtype of x.
    """
    rows = x.reshape(-1, x.shape[-1]).tolist()
    lengths = [math.sqrt(sum(number * number for number in row) / len(row) + eps) for row in rows]
    scaled = [[number / length for number in row] for row, length in zip(rows, lengths, strict=True)]
    return torch.tensor(scaled).reshape(x.shape).type_as(x) * weight


def check_rms_norm(answer: Callable) -> None:
    """Check `my_rms_norm(x, weight, eps)`: what `rms_norm` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, rms_norm, NORM_EXAMPLES, NORM_MISTAKES)


FEED_FORWARD_EXAMPLES = [
    (
        torch.tensor([[1.0, 2.0], [3.0, -1.0]]),
        torch.tensor([[1.0, 0.0], [2.0, -1.0]]),
        torch.tensor([[0.0, 3.0], [1.0, 1.0]]),
        torch.tensor([[1.0, 2.0], [0.5, 1.0]]),
    ),
    (_draw(3, 2, seed=3), _draw(5, 2, seed=4), _draw(5, 2, seed=5), _draw(2, 5, seed=6)),
    (_draw(2, 3, 4, seed=7), _draw(6, 4, seed=8), _draw(6, 4, seed=9), _draw(4, 6, seed=10)),
]


def feed_forward(x: Tensor, w_gate: Tensor, w_up: Tensor, w_down: Tensor) -> Tensor:
    """SwiGLU, one hidden channel after the other: each adds its column of w_down, as much as gate and up say.

    Args:
        x: vectors, shape (..., C).
        w_gate: shape (F, C), as nn.Linear keeps it.
        w_up: shape (F, C).
        w_down: shape (C, F).

    Returns:
        Shape (..., C).
    """
    total = torch.zeros_like(x)
    for channel in range(w_gate.shape[0]):
        gate = (x * w_gate[channel]).sum(-1, keepdim=True)  # (..., 1)
        up = (x * w_up[channel]).sum(-1, keepdim=True)  # (..., 1)
        total = total + gate / (1 + torch.exp(-gate)) * up * w_down[:, channel]
    return total


def check_feed_forward(answer: Callable) -> None:
    """Check `my_feed_forward(x, w_gate, w_up, w_down)`: what `feed_forward` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, feed_forward, FEED_FORWARD_EXAMPLES, FEED_FORWARD_MISTAKES)
