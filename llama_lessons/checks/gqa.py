"""The checks of lesson 04, second part: shared keys and values, and the pooling of heads.

The references are plain loops over heads and numbers, another road than the lesson takes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.checks.cache import draw, mixed
from llama_lessons.checks.exercise import check
from llama_lessons.checks.gqa_mistakes import DECODE_MISTAKES, POOL_MISTAKES

DECODE_EXAMPLES = [
    draw(51, (1, 4, 3), (1, 2, 5, 3), (1, 2, 5, 3)),
    draw(52, (2, 6, 4), (2, 3, 5, 4), (2, 3, 5, 4)),
    draw(53, (3, 6, 2), (3, 2, 4, 2), (3, 2, 4, 2)),
    draw(54, (2, 3, 5), (2, 3, 4, 5), (2, 3, 4, 5)),
    draw(55, (1, 4, 2), (1, 1, 3, 2), (1, 1, 3, 2)),
]


def decode(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """One new token's attention in query heads that share keys and values, head by head.

    Args:
        q: queries of the new token, shape (B, H, D).
        k: keys of all tokens so far, shape (B, Hkv, S, D).
        v: their values, shape (B, Hkv, S, D).

    Returns:
        The mixed values, shape (B, H, D). The first H/Hkv query heads use the first key-value head, and so on.
    """
    out = torch.zeros(q.shape)
    shared_by = q.shape[1] // k.shape[1]
    for text in range(len(q)):
        for head in range(q.shape[1]):
            group = head // shared_by
            out[text, head] = mixed(q[text, head], list(k[text, group]), list(v[text, group]))
    return out


def check_decode(answer: Callable) -> None:
    """Check `my_decode(q, k, v)`: what `decode` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, decode, DECODE_EXAMPLES, DECODE_MISTAKES)


POOL_EXAMPLES = [
    (torch.tensor([[1.0], [10.0], [2.0], [20.0], [6.0], [60.0], [4.0], [40.0], [9.0], [90.0], [5.0], [80.0]]), 2, 2),
    (*draw(60, (8, 3)), 2, 2),
    (*draw(61, (12, 5)), 2, 2),
    (*draw(62, (24, 2)), 3, 2),
    (*draw(63, (6, 4)), 3, 2),
    (*draw(64, (12, 2)), 1, 3),
]


def pool(weight: Tensor, n_kv_heads: int, head_dim: int) -> Tensor:
    """The matrix of fewer key or value heads: each is the mean of the neighbouring heads that it replaces.

    Args:
        weight: wk or wv of all heads, one head's rows after the other's, shape (H·D, C).
        n_kv_heads: heads that shall be left (Hkv).
        head_dim: rows of a head (D).

    Returns:
        Shape (Hkv·D, C).
    """
    per_group = len(weight) // head_dim // n_kv_heads
    out = torch.zeros(n_kv_heads * head_dim, weight.shape[1])
    for head in range(n_kv_heads * per_group):
        for row in range(head_dim):
            out[head // per_group * head_dim + row] += weight[head * head_dim + row] / per_group
    return out


def check_pool(answer: Callable) -> None:
    """Check `my_pool(weight, n_kv_heads, head_dim)`: what `pool` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, pool, POOL_EXAMPLES, POOL_MISTAKES)
