"""The checks of lesson 06: batches, the learning rate, a step of AdamW, and clipping.

Each reference takes another road than the lesson: it counts place by place, or asks the package's schedule or
PyTorch's own optimizer.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from llama_lessons.checks.adamw_mistakes import ADAMW_MISTAKES, BETAS, EPS
from llama_lessons.checks.batch_mistakes import BATCH_MISTAKES
from llama_lessons.checks.clip_mistakes import CLIP_MISTAKES
from llama_lessons.checks.exercise import check
from llama_lessons.checks.rate_mistakes import FINAL_SHARE, RATE_MISTAKES
from llama_lessons.schedule import lr_factor

BATCH_EXAMPLES = [  # ids, n_rows, n_columns
    ([40, 7, 25, 3, 18, 9, 31, 12], 2, 3),
    ([40, 7, 25, 3, 18, 9, 31, 12, 5, 22, 36, 14, 8], 2, 4),
    (torch.randperm(60, generator=torch.Generator().manual_seed(0)).tolist(), 3, 6),
    ([9, 50, 7, 6, 11, 2, 30, 4, 17], 1, 5),
]


def batch(ids: list[int], n_rows: int, n_columns: int) -> tuple[Tensor, Tensor]:
    """What a model reads, and what it should say after each token; row by row, place by place.

    Args:
        ids: token ids, at least n_rows * (n_columns + 1) of them; what is over is left out.
        n_rows: texts side by side (B).
        n_columns: tokens of each (T).

    Returns:
        Tokens and targets, both int64, shape (B, T).
    """
    tokens = torch.zeros(n_rows, n_columns, dtype=torch.int64)
    targets = torch.zeros(n_rows, n_columns, dtype=torch.int64)
    for row in range(n_rows):
        for column in range(n_columns):
            place = row * (n_columns + 1) + column
            tokens[row, column], targets[row, column] = ids[place], ids[place + 1]
    return tokens, targets


def check_batch(answer: Callable) -> None:
    """Check `my_batch`: what `batch` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, batch, BATCH_EXAMPLES, BATCH_MISTAKES)


RATE_EXAMPLES = [  # step, n_steps, peak, warmup: a step of warm-up, its last, the next, the middle, the last of all ...
    (0, 101, 2.0, 20),
    (4, 101, 2.0, 20),
    (19, 101, 2.0, 20),
    (20, 101, 2.0, 20),
    (60, 101, 2.0, 20),
    (100, 101, 2.0, 20),
    (35, 101, 2.0, 20),
    (90, 101, 2.0, 20),
    (5, 50, 3.0, 10),
    (17, 50, 3.0, 10),
    (49, 50, 3.0, 10),
]


def learning_rate(step: int, n_steps: int, peak: float, warmup: int) -> float:
    """The rate of a step: up in a straight line, then down along half a cosine to a tenth of the peak.

    Args:
        step: counted from 0.
        n_steps: steps in all; the last one has a tenth of the peak.
        peak: the highest rate; the last step of warm-up and the first one after it have it.
        warmup: steps of warm-up; the first of them has peak / warmup.

    Source: Llama 2, arXiv:2307.09288, section 2.2.
    """
    return peak * lr_factor(step, n_steps, warmup, FINAL_SHARE)


def check_learning_rate(answer: Callable) -> None:
    """Check `my_learning_rate`: what `learning_rate` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, learning_rate, RATE_EXAMPLES, RATE_MISTAKES)


def _adamw_examples() -> list[tuple]:
    """weight, gradient, mean, square, step, rate, decay: a first step by hand, then steps in the middle of a run."""
    first = [torch.tensor(values) for values in ([2.0, -1.0, 0.5], [0.1, -4.0, 0.0], [0.0] * 3, [0.0] * 3)]
    examples = [(*first, 1, 0.01, 0.1)]
    generator = torch.Generator().manual_seed(0)
    for step, rate, decay in ((3, 0.02, 0.3), (40, 0.05, 0.1), (7, 0.01, 0.0)):
        weight, gradient, mean = torch.randn(3, 4, 5, generator=generator)
        square = mean.square() + torch.rand(4, 5, generator=generator)
        examples.append((weight, gradient, mean, square, step, rate, decay))
    small = torch.tensor([1e-8, 3e-8, 1e-7])  # so small that eps counts
    return [*examples, (torch.zeros(3), small, 2 * small, small.square(), 4, 1.0, 0.1)]


ADAMW_EXAMPLES = _adamw_examples()


def adamw(
    weight: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, step: int, rate: float, decay: float
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of PyTorch's own AdamW, with Llama 2's betas and an eps of 1e-8.

    Args:
        weight: any shape.
        gradient: of the loss by the weight, same shape.
        mean: running mean of the gradients so far, same shape.
        square: running mean of their squares, same shape.
        step: counted from 1.
        rate: learning rate.
        decay: weight decay.

    Returns:
        The new weight, mean and square.

    Source: Decoupled Weight Decay Regularization, arXiv:1711.05101, algorithm 2.
    """
    parameter = nn.Parameter(weight.clone())
    parameter.grad = gradient
    optimizer = torch.optim.AdamW([parameter], lr=rate, betas=BETAS, eps=EPS, weight_decay=decay)
    state = {"step": torch.tensor(step - 1.0), "exp_avg": mean.clone(), "exp_avg_sq": square.clone()}
    optimizer.state[parameter] = state
    with torch.enable_grad():
        optimizer.step()
    return parameter.detach(), state["exp_avg"], state["exp_avg_sq"]


def check_adamw(answer: Callable) -> None:
    """Check `my_adamw`: what `adamw` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, adamw, ADAMW_EXAMPLES, ADAMW_MISTAKES)


CLIP_EXAMPLES = [  # gradients, limit
    ([torch.tensor([3.0, 0.0]), torch.tensor([[0.0], [4.0]])], 2.0),
    ([torch.tensor([0.3, 0.0]), torch.tensor([[0.0], [-0.4]])], 0.8),
    ([torch.tensor([6.0, -2.0, 1.0]), torch.tensor([[3.0, 0.1], [0.0, -1.5]]), torch.tensor([0.7])], 2.0),
    ([torch.tensor([0.9]), torch.tensor([0.9]), torch.tensor([-0.9])], 1.0),
    ([torch.tensor([1.5, 0.1]), torch.tensor([0.2])], 3.0),
    ([torch.tensor([0.6]), torch.tensor([0.0, -0.3])], 0.5),
    ([torch.tensor([0.2, -0.9, 0.4]), torch.tensor([0.8, 0.3])], 1.25),
    ([torch.tensor([-30.0, 40.0]), torch.tensor([[5.0, 26.0, 1.0]])], 10.0),
    ([torch.tensor([0.0, 0.0]), torch.tensor([0.0])], 1.0),
]


def clip(gradients: list[Tensor], limit: float) -> list[Tensor]:
    """All gradients, scaled by one factor so that their norm together is at most the limit; by PyTorch's own function.

    Args:
        gradients: tensors of any shapes.
        limit: the largest norm.
    """
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    nn.utils.clip_grad_norm_(parameters, limit)
    return [parameter.grad for parameter in parameters]


def check_clip(answer: Callable) -> None:
    """Check `my_clip`: what `clip` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, clip, CLIP_EXAMPLES, CLIP_MISTAKES)
