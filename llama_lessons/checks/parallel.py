"""The checks of lesson 13: gradients averaged by tokens, bytes on each rank, a feed-forward in parts, a shared loss.

The references go number by number, or rank by rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.checks.average_mistakes import AVERAGE_MISTAKES
from llama_lessons.checks.exercise import check
from llama_lessons.checks.parts_mistakes import PARTS_MISTAKES
from llama_lessons.checks.rank_gb_mistakes import RANK_GB_MISTAKES
from llama_lessons.checks.shared_loss_mistakes import SHARED_LOSS_MISTAKES


def _draw(seed: int, *shape: int) -> Tensor:
    """Random numbers of any shape, the same each time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


AVERAGE_EXAMPLES = [  # gradients of each rank, n_tokens of each rank
    ([torch.tensor([4.0, 0.0]), torch.tensor([0.0, 8.0])], [3, 1]),
    ([_draw(0, 3), _draw(1, 3), _draw(2, 3)], [5, 2, 9]),
    ([_draw(3, 2, 4), _draw(4, 2, 4)], [7, 7]),
    ([_draw(5, 2), _draw(6, 2), _draw(7, 2), _draw(8, 2)], [1, 30, 4, 12]),
    ([_draw(9, 4)], [6]),
]


def averaged(gradients: list[Tensor], n_tokens: list[int]) -> Tensor:
    """The gradient of the mean loss over all tokens, token by token.

    Args:
        gradients: for each rank that of the mean loss over its own tokens, any shape.
        n_tokens: tokens of each rank.

    Returns:
        Of the same shape.
    """
    each = [gradient for gradient, n in zip(gradients, n_tokens, strict=True) for _token in range(n)]
    return torch.stack(each).mean(0)


def check_average(answer: Callable) -> None:
    """Check `my_average(gradients, n_tokens)`: what `averaged` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, averaged, AVERAGE_EXAMPLES, AVERAGE_MISTAKES)


RANK_GB_EXAMPLES = [  # n_params, n_ranks, stage
    (6_738_415_616, 8, 0),
    (6_738_415_616, 8, 1),
    (6_738_415_616, 8, 2),
    (6_738_415_616, 8, 3),
    (68_976_648_192, 64, 3),
    (13_015_864_320, 3, 1),
    (1_000_000_000, 5, 2),
    (7_000_000_000, 1, 3),
]


def rank_gb(n_params: int, n_ranks: int, stage: int) -> float:
    """GB (10**9 bytes) that each rank holds in training: weights, gradients, and what AdamW keeps.

    Args:
        n_params: numbers in the model: 2 bytes each, as many for its gradient, and 12 for AdamW: a copy in float32 and
            two means.
        n_ranks: that share.
        stage: of ZeRO; 0 shares nothing, 1 what AdamW keeps, 2 the gradients too, 3 all.

    Source: ZeRO, arXiv:1910.02054, section 3.1 and figure 1.
    """
    kinds = (("weights", 2, 3), ("gradients", 2, 2), ("copy", 4, 1), ("first mean", 4, 1), ("second mean", 4, 1))
    n_bytes = [each * n_params / (n_ranks if stage >= shared_from else 1) for _, each, shared_from in kinds]
    return math.fsum(n_bytes) / 10**9


def check_rank_gb(answer: Callable) -> None:
    """Check `my_rank_gb(n_params, n_ranks, stage)`: what `rank_gb` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, rank_gb, RANK_GB_EXAMPLES, RANK_GB_MISTAKES)


PARTS_EXAMPLES = [  # x, w_gate, w_up, w_down, n_ranks
    (_draw(10, 1, 2), _draw(11, 4, 2), _draw(12, 4, 2), _draw(13, 2, 4), 2),
    (_draw(14, 3, 5), _draw(15, 6, 5), _draw(16, 6, 5), _draw(17, 5, 6), 3),
    (_draw(18, 2, 4), _draw(19, 8, 4), _draw(20, 8, 4), _draw(21, 4, 8), 2),
    (_draw(22, 2, 3), _draw(23, 12, 3), _draw(24, 12, 3), _draw(25, 3, 12), 4),
]


def feed_forward_parts(x: Tensor, w_gate: Tensor, w_up: Tensor, w_down: Tensor, n_ranks: int) -> list[Tensor]:
    """What each rank adds to the output of a feed-forward whose hidden channels they share, channel by channel.

    Args:
        x: shape (T, C).
        w_gate: shape (F, C).
        w_up: shape (F, C).
        w_down: shape (C, F).
        n_ranks: a divisor of F; each has F / n_ranks neighbouring channels, rank 0 the first.

    Returns:
        For each rank (T, C).
    """
    n_own, parts = len(w_gate) // n_ranks, [torch.zeros_like(x) for _ in range(n_ranks)]
    for f in range(len(w_gate)):
        gate, up = x @ w_gate[f], x @ w_up[f]  # (T,)
        hidden = gate / (1 + torch.exp(-gate)) * up
        parts[f // n_own] = parts[f // n_own] + hidden[:, None] * w_down[:, f]
    return parts


def check_parts(answer: Callable) -> None:
    """Check `my_parts(x, w_gate, w_up, w_down, n_ranks)`: what `feed_forward_parts` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, feed_forward_parts, PARTS_EXAMPLES, PARTS_MISTAKES)


def _of_ranks(seed: int, n_ranks: int, n_tokens: int, size: float) -> tuple[Tensor, Tensor, Tensor]:
    """What ranks with seven logits each know of so many tokens, (ranks, N) each; the first rank has no target."""
    logits = size * _draw(seed, n_ranks, n_tokens, 7)
    tops = logits.amax(2)
    said = torch.zeros(n_ranks, n_tokens)
    for n in range(n_tokens):
        said[1 + n % (n_ranks - 1), n] = logits[1 + n % (n_ranks - 1), n, n % 7]
    return tops, (logits - tops[..., None]).exp().sum(2), said


SHARED_LOSS_EXAMPLES = [  # tops, sums, said
    (torch.tensor([[2.0], [0.0]]), torch.tensor([[1.5], [3.0]]), torch.tensor([[0.0], [-1.0]])),
    _of_ranks(30, 3, 5, 1.0),
    _of_ranks(31, 2, 4, 60.0),
    _of_ranks(32, 4, 3, 3.0),
]
FAR = torch.tensor([120.0, 120.0, -120.0, 120.0])  # one token's logits are far below the others'
SHARED_LOSS_EXAMPLES[2][0].add_(FAR)
SHARED_LOSS_EXAMPLES[2][2][1].add_(FAR)


def shared_loss(tops: Tensor, sums: Tensor, said: Tensor) -> Tensor:
    """Each token's loss, from what the ranks know of their own parts of the vocabulary.

    Args:
        tops: each rank's largest logit, shape (ranks, N).
        sums: each rank's sum of exp(logit - its own largest), shape (ranks, N).
        said: the target's logit where a rank has it, 0 elsewhere, shape (ranks, N).

    Returns:
        In nats, shape (N,).
    """
    losses = []
    for top, total, own in zip(tops.T.tolist(), sums.T.tolist(), said.T.tolist(), strict=True):
        best = max(top)
        everything = math.fsum(part * math.exp(largest - best) for largest, part in zip(top, total, strict=True))
        losses.append(best + math.log(everything) - sum(own))
    return torch.tensor(losses)


def check_shared_loss(answer: Callable) -> None:
    """Check `my_shared_loss(tops, sums, said)`: what `shared_loss` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, shared_loss, SHARED_LOSS_EXAMPLES, SHARED_LOSS_MISTAKES)
