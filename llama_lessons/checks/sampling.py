"""The checks of lesson 07: temperature with top-k, top-p, log-probabilities, the time of a decoding step.

The references are plain loops over single numbers, another road than the lesson takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.checks.exercise import check
from llama_lessons.checks.log_probs_mistakes import LOG_PROBS_MISTAKES
from llama_lessons.checks.probs_mistakes import PROBS_MISTAKES
from llama_lessons.checks.step_seconds_mistakes import STEP_MISTAKES
from llama_lessons.checks.top_p_mistakes import TOP_P_MISTAKES


def _draw(seed: int, *shape: int) -> Tensor:
    """Random scores of any shape, the same each time."""
    return 2 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


PROBS_EXAMPLES = [  # logits, temperature, top_k
    (torch.tensor([[0.0, 3.0, 1.0, -1.0], [4.0, 0.0, 6.0, 5.0]]), 2.0, 2),
    (torch.tensor([[2.0, 0.0, 1.0]]), 0.5, 2),
    (_draw(0, 3, 7), 0.7, 4),
    (_draw(1, 4, 5), 1.6, 1),
    (_draw(8, 2, 6), 1.3, 6),
    (torch.tensor([[150.0, 151.0, 90.0, 149.0, 60.0]]), 1.5, 3),  # e to the 100 is beyond float32
]


def probs(logits: Tensor, temperature: float, top_k: int) -> Tensor:
    """The distribution after temperature and top-k, row by row and number by number.

    Args:
        logits: scores, shape (B, V), no two of a row alike.
        temperature: above 0.
        top_k: how many tokens to keep, 1 to V.

    Returns:
        Shape (B, V); each row sums to 1.
    """
    out = torch.zeros(logits.shape)
    for row, scores in enumerate(logits.tolist()):
        best = sorted(range(len(scores)), key=lambda token: scores[token], reverse=True)[:top_k]
        powers = {token: math.exp((scores[token] - max(scores)) / temperature) for token in best}
        for token, power in powers.items():
            out[row, token] = power / sum(powers.values())
    return out


def check_probs(answer: Callable) -> None:
    """Check `my_probs(logits, temperature, top_k)`: what `probs` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, probs, PROBS_EXAMPLES, PROBS_MISTAKES)


TOP_P_EXAMPLES = [  # probs, top_p; halves, quarters and so on add up without rounding
    (torch.tensor([0.25, 0.5, 0.0625, 0.1875]), 0.625),
    (torch.tensor([0.0625, 0.1875, 0.25, 0.5]), 0.5),
    (torch.tensor([0.125, 0.03125, 0.3125, 0.09375, 0.4375]), 0.8),
    (torch.tensor([0.25, 0.5, 0.0625, 0.1875]), 0.125),
    (_draw(2, 6).softmax(0), 0.9),
    (_draw(3, 9).softmax(0), 0.6),
    (_draw(4, 5).softmax(0), 0.97),
    (_draw(9, 7).softmax(0), 0.3),
    (torch.tensor([0.25, 0.5, 0.0625, 0.1875]), 0.0),
    (torch.tensor([0.25, 0.5, 0.0625, 0.1875]), 1.0),
]


def top_p(probs: Tensor, top_p: float) -> Tensor:
    """The distribution after top-p as Meta's code keeps tokens, one token after the other.

    Args:
        probs: probabilities of all tokens, shape (V,).
        top_p: 0 to 1.

    Returns:
        Shape (V,), with a sum of 1.
    """
    before, kept = 0.0, {}
    for probability, token in sorted(((p, token) for token, p in enumerate(probs.tolist())), reverse=True):
        if before > top_p:
            break
        kept[token] = probability
        before += probability
    out = torch.zeros(probs.shape)
    for token, probability in kept.items():
        out[token] = probability / before
    return out


def check_top_p(answer: Callable) -> None:
    """Check `my_top_p(probs, top_p)`: what `top_p` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, top_p, TOP_P_EXAMPLES, TOP_P_MISTAKES)


LOG_PROBS_EXAMPLES = [  # logits, ids
    (torch.tensor([[1.0, 3.0, 2.0, 0.5], [2.0, 1.0, 4.0, 3.0], [0.5, 2.5, 1.0, 4.0]]), [0, 1, 3]),
    (_draw(5, 3, 4).abs(), [0, 3, 1]),
    (_draw(6, 5, 6), [1, 4, 4, 0, 2]),
    (_draw(7, 4, 9), [8, 2, 5, 7]),
    (torch.tensor([[20.0, 0.0, 4.0], [0.0, 1.0, 2.0], [25.0, 0.0, 2.0], [1.0, 2.0, 3.0]]), [0, 1, 2, 1]),  # 1e-9, 1e-11
    (torch.tensor([[200.0, 0.0, 100.0], [0.0, 1.0, 2.0]]), [0, 1]),  # a probability that is 0 in float32
]


def log_probs(logits: Tensor, ids: list[int]) -> Tensor:
    """Log-probability of every token of a text but the first, number by number.

    Args:
        logits: scores of what follows each token, shape (T, V).
        ids: the T tokens.

    Returns:
        In nats, shape (T-1,).
    """
    found = []
    for before in range(len(ids) - 1):
        scores = logits[before].tolist()
        total = sum(math.exp(score) for score in scores)
        found.append(math.log(math.exp(scores[ids[before + 1]]) / total))
    return torch.tensor(found)


def check_log_probs(answer: Callable) -> None:
    """Check `my_log_probs(logits, ids)`: what `log_probs` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, log_probs, LOG_PROBS_EXAMPLES, LOG_PROBS_MISTAKES)


STEP_EXAMPLES = [  # n_params, cached, batch_size, bytes_per_number, bandwidth, flops
    (1000, 300, 5, 3, 100, 1000),
    (1000, 20, 40, 3, 400, 1000),
    (1000, 200, 25, 4, 500, 300),
    (7000, 150, 12, 1, 400, 9000),
    (1000, 100, 3, 1, 4000, 300),
    (3000, 600, 3, 2, 700, 1100),
    (1000, 100, 1, 4, 100, 3000),
    (500, 0, 1, 0.5, 100, 2000),
    (900, 70, 9, 2, 90, 5000),
]


def step_seconds(
    n_params: int, cached: int, batch_size: int, bytes_per_number: float, bandwidth: float, flops: float
) -> float:
    """The least time that a decoding step takes, row by row: what must be read, or what must be computed.

    Args:
        n_params: numbers of the model.
        cached: numbers in the cache of one row.
        batch_size: rows, each of which gets one new token.
        bytes_per_number: of weights and cache.
        bandwidth: bytes that memory delivers in a second.
        flops: operations that the processor does in a second.

    Returns:
        Seconds. Attention's own arithmetic is left out.
    """
    to_read, to_do = n_params * bytes_per_number, 0
    for _row in range(batch_size):
        to_read += cached * bytes_per_number
        to_do += 2 * n_params
    return float(max(to_read / bandwidth, to_do / flops))


def check_step_seconds(answer: Callable) -> None:
    """Check `my_step_seconds`: what `step_seconds` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, step_seconds, STEP_EXAMPLES, STEP_MISTAKES)
