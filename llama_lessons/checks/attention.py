"""The checks of lesson 02: one head, several heads, the mask of new tokens, the induction score.

The references are plain loops over single numbers, another road than the lesson takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.checks.attention_mistakes import ATTENTION_MISTAKES
from llama_lessons.checks.exercise import check
from llama_lessons.checks.heads_mistakes import HEADS_MISTAKES
from llama_lessons.checks.induction_mistakes import INDUCTION_MISTAKES
from llama_lessons.checks.mask_mistakes import MASK_MISTAKES


def _draw(seed: int, *shapes: tuple[int, ...], size: float = 1.5) -> tuple[Tensor, ...]:
    """Random tensors; entries are larger than 1, so that weights are uneven."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(size * torch.randn(shape, generator=generator) for shape in shapes)


def _qkv(seed: int, n_tokens: int, width: int, width_v: int) -> tuple[Tensor, ...]:
    return _draw(seed, (n_tokens, width), (n_tokens, width), (n_tokens, width_v))


ATTENTION_EXAMPLES = [
    (torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [0.0]]), torch.tensor([[10.0], [20.0]])),
    _qkv(0, 2, 3, 4),
    _qkv(1, 3, 4, 2),
    _qkv(2, 5, 2, 3),
    _qkv(3, 4, 8, 5),
    _qkv(4, 1, 3, 2),
    _qkv(5, 6, 9, 9),
    (torch.tensor([[20.0], [10.0]]), torch.tensor([[10.0], [20.0]]), torch.tensor([[10.0], [20.0]])),  # large scores
    (torch.tensor([[20.0], [30.0], [25.0]]), torch.tensor([[-9.0], [-9.1], [-9.3]]), torch.eye(3)),  # far below zero
]


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention of one head, number by number.

    Args:
        q: queries, shape (T, D).
        k: keys, shape (T, D).
        v: values, shape (T, Dv).

    Returns:
        Shape (T, Dv).
    """
    out = torch.zeros(v.shape)
    for t in range(len(q)):
        scores = [sum(a * b for a, b in zip(q[t].tolist(), k[s].tolist(), strict=True)) for s in range(t + 1)]
        powers = [math.exp((score - max(scores)) / math.sqrt(q.shape[1])) for score in scores]
        for s in range(t + 1):
            out[t] += powers[s] / sum(powers) * v[s]
    return out


def check_attention(answer: Callable) -> None:
    """Check `my_attention(q, k, v)`: what `attention` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, attention, ATTENTION_EXAMPLES, ATTENTION_MISTAKES)


HEADS_EXAMPLES = [
    (*_draw(5, (1, 3, 4), (1, 3, 4), (1, 3, 4)), 2),
    (*_draw(6, (1, 3, 8), (1, 3, 8), (1, 3, 8)), 4),
    (*_draw(7, (2, 5, 6), (2, 5, 6), (2, 5, 6)), 3),
    (*_draw(8, (3, 4, 12), (3, 4, 12), (3, 4, 12)), 2),
    (*_draw(9, (2, 3, 4), (2, 3, 4), (2, 3, 4)), 1),
]


def heads(q: Tensor, k: Tensor, v: Tensor, n_heads: int) -> Tensor:
    """Causal attention in heads, head by head and text by text.

    Args:
        q: queries, shape (B, T, C).
        k: keys, shape (B, T, C).
        v: values, shape (B, T, C).
        n_heads: into how many heads the channels are cut.

    Returns:
        Shape (B, T, C): the heads' results side by side.
    """
    out = torch.zeros(q.shape)
    width = q.shape[2] // n_heads
    for text in range(len(q)):
        for head in range(n_heads):
            own = slice(head * width, (head + 1) * width)
            out[text, :, own] = attention(q[text, :, own], k[text, :, own], v[text, :, own])
    return out


def check_heads(answer: Callable) -> None:
    """Check `my_heads(q, k, v, n_heads)`: what `heads` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, heads, HEADS_EXAMPLES, HEADS_MISTAKES)


MASK_EXAMPLES = [(2, 5), (1, 4), (3, 3), (4, 6), (1, 1), (3, 4), (3, 9)]


def mask(n_new: int, n_all: int) -> Tensor:
    """Which of all tokens each new token may look at, place by place.

    Args:
        n_new: new tokens (T).
        n_all: all tokens (S), the new ones at the end.

    Returns:
        True where it may look, shape (T, S).
    """
    places = range(n_all - n_new, n_all)  # of the new tokens
    return torch.tensor([[place <= own for place in range(n_all)] for own in places])


def check_mask(answer: Callable) -> None:
    """Check `my_mask(n_new, n_all)`: what `mask` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, mask, MASK_EXAMPLES, MASK_MISTAKES)


def _maps(seed: int, n_heads: int, n_tokens: int) -> Tensor:
    """Random causal maps, shape (H, T, T)."""
    (scores,) = _draw(seed, (n_heads, n_tokens, n_tokens))
    return scores.masked_fill(~torch.ones(n_tokens, n_tokens).tril().bool(), -torch.inf).softmax(-1)


INDUCTION_EXAMPLES = [
    (_maps(10, 1, 4), [1, 7, 8, 7]),
    (_maps(11, 2, 7), [1, 5, 6, 7, 5, 6, 7]),
    (_maps(12, 3, 8), [1, 4, 5, 4, 6, 4, 7, 5]),
    (_maps(13, 2, 9), [1, 9, 8, 3, 9, 2, 8, 3, 6]),
    (_maps(14, 4, 9), [4, 7, 4, 5, 7, 6, 5, 4, 7]),
]


def induction_score(weights: Tensor, ids: list[int]) -> Tensor:
    """How much each head attends to what came after the last time that a token was seen.

    Args:
        weights: attention of each head, shape (H, T, T).
        ids: the T tokens; none follows itself at once.

    Returns:
        The mean over all tokens that have occurred before, shape (H,).
    """
    total, count = torch.zeros(len(weights)), 0
    for t in range(len(ids)):
        for s in range(t - 1, -1, -1):
            if ids[s] == ids[t]:
                total += weights[:, t, s + 1]
                count += 1
                break
    return total / count


def check_induction_score(answer: Callable) -> None:
    """Check `my_induction_score(weights, ids)`: what `induction_score` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, induction_score, INDUCTION_EXAMPLES, INDUCTION_MISTAKES)
