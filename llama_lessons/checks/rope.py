"""The checks of lesson 03: angles, the rotation, scores with a cache, and the rows of the other layout.

The references are plain loops over single numbers and complex ones, another road than the lesson takes.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from llama_lessons.checks.angles_mistakes import ANGLES_MISTAKES
from llama_lessons.checks.exercise import check
from llama_lessons.checks.export_mistakes import EXPORT_MISTAKES
from llama_lessons.checks.rope_mistakes import ROTATE_MISTAKES
from llama_lessons.checks.scores_mistakes import SCORES_MISTAKES

ANGLES_EXAMPLES = [
    (torch.tensor([0, 1, 2]), 2, 100.0),
    (torch.tensor([0, 1, 7]), 4, 100.0),
    (torch.tensor([3, 4]), 8, 10_000.0),
    (torch.tensor([9, 5, 5000]), 8, 50.0),
    (torch.tensor([5]), 6, 500.0),
    (torch.tensor([10, 2, 4, 30]), 12, 10_000.0),
    (torch.tensor([1001, 4095]), 10, 10_000.0),
]


def angles(positions: Tensor, head_dim: int, theta: float) -> Tensor:
    """Angle by which each pair of channels turns at each position, number by number.

    Args:
        positions: token positions, integer, shape (T,).
        head_dim: channels per head (D), even.
        theta: base of the frequencies.

    Returns:
        Radians, float32, shape (T, D//2).
    """
    rows = [[place / theta ** (2 * k / head_dim) for k in range(head_dim // 2)] for place in positions.tolist()]
    return torch.tensor(rows, dtype=torch.float32)


def check_angles(answer: Callable) -> None:
    """Check `my_angles(positions, head_dim, theta)`: what `angles` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, angles, ANGLES_EXAMPLES, ANGLES_MISTAKES)


def _draw(seed: int, *shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


def _rotate_example(seed: int, shape: tuple[int, int, int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors (B, T, H, D), and cosines and sines of angles that are all different, (T, D//2) each."""
    x, turns = _draw(seed, shape, (shape[1], shape[3] // 2))
    return x, (2 * turns).cos(), (2 * turns).sin()


ROTATE_EXAMPLES = [
    (torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[0.0]]), torch.tensor([[1.0]])),
    (torch.arange(1.0, 5).view(1, 1, 1, 4), torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])),
    _rotate_example(0, (1, 3, 3, 4)),
    _rotate_example(1, (2, 5, 6, 8)),
    _rotate_example(2, (3, 1, 2, 12)),
    (torch.arange(1.0, 25).view(1, 3, 2, 4).bfloat16(), *torch.eye(2).repeat(2, 3, 1)[:, :3]),
]


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Every pair of neighbours as one complex number, multiplied by one of length 1.

    Args:
        x: queries or keys, shape (B, T, H, D).
        cos: cosines, shape (T, D//2).
        sin: sines, shape (T, D//2).

    Returns:
        Shape (B, T, H, D).
    """
    out = x.clone()
    for row, token, head in product(*map(range, x.shape[:3])):
        vector = out[row, token, head]  # (D,), a view
        for k in range(len(vector) // 2):
            turned = complex(vector[2 * k], vector[2 * k + 1]) * complex(cos[token, k], sin[token, k])
            vector[2 * k], vector[2 * k + 1] = turned.real, turned.imag
    return out


def check_rotate(answer: Callable) -> None:
    """Check `my_rotate(x, cos, sin)`: what `rotated` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, rotated, ROTATE_EXAMPLES, ROTATE_MISTAKES)


def turned_pairs(row: Tensor, place: int) -> list[complex]:
    """One vector's pairs as complex numbers, turned by its place with theta 10 000; (D,) -> D//2 numbers."""
    pairs = zip(row[0::2].tolist(), row[1::2].tolist(), strict=True)
    speed = [10_000 ** (-2 * k / len(row)) for k in range(len(row) // 2)]
    return [complex(*pair) * cmath.exp(1j * place * speed[k]) for k, pair in enumerate(pairs)]


def _scores_example(seed: int, n_cached: int, n_new: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """New queries and keys (T, D), not turned, and the cached keys (S - T, D), turned by their places."""
    q, k, old = _draw(seed, (n_new, width), (n_new, width), (n_cached, width))
    kept = [[part for z in turned_pairs(row, place) for part in (z.real, z.imag)] for place, row in enumerate(old)]
    return q, k, torch.tensor(kept).view(n_cached, width)


SCORES_EXAMPLES = [
    _scores_example(0, 0, 3, 4),
    _scores_example(1, 2, 1, 4),
    _scores_example(2, 4, 3, 6),
    _scores_example(3, 1, 5, 8),
    _scores_example(4, 6, 2, 10),
]


def scores(q: Tensor, k: Tensor, cached: Tensor) -> Tensor:
    """What every new query scores with all keys: the cached ones, then the new ones.

    Args:
        q: queries of the new tokens, not turned yet, shape (T, D).
        k: their keys, not turned yet, shape (T, D).
        cached: keys of all tokens before them, turned already, shape (S - T, D).

    Returns:
        Dot products, neither scaled nor masked, shape (T, S).
    """
    start = len(cached)
    keys = [turned_pairs(row, 0) for row in cached] + [turned_pairs(row, start + t) for t, row in enumerate(k)]
    queries = [turned_pairs(row, start + t) for t, row in enumerate(q)]
    return torch.tensor(
        [[sum((a * b.conjugate()).real for a, b in zip(query, key, strict=True)) for key in keys] for query in queries]
    )


def check_scores(answer: Callable) -> None:
    """Check `my_scores(q, k, cached)`: what `scores` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, scores, SCORES_EXAMPLES, SCORES_MISTAKES)


def _export_example(n_heads: int, n_kv_heads: int, head_dim: int, n_columns: int) -> tuple[Tensor, Tensor, int, int]:
    """Matrices whose numbers tell their row and column: 302 stands in row 3, column 2; keys begin at 5000."""
    wq = 100.0 * torch.arange(n_heads * head_dim)[:, None] + torch.arange(n_columns)
    return wq, wq[: n_kv_heads * head_dim] + 5000, n_heads, n_kv_heads


EXPORT_EXAMPLES = [
    _export_example(1, 1, 6, 6),
    _export_example(2, 2, 6, 12),
    _export_example(4, 2, 8, 32),
    _export_example(6, 3, 4, 12),
    _export_example(3, 1, 10, 30),
]


def exported(wq: Tensor, wk: Tensor, n_heads: int, n_kv_heads: int) -> tuple[Tensor, Tensor]:
    """Rows of wq and wk in Hugging Face's order, row by row.

    Args:
        wq: rows of the query heads in Meta's order, shape (H * D, C).
        wk: rows of the key heads in Meta's order, shape (Hkv * D, C).
        n_heads: query heads (H).
        n_kv_heads: key heads (Hkv).

    Returns:
        Both matrices: of every head first the even rows, then the odd ones.
    """
    found = []
    for weight, heads in ((wq, n_heads), (wk, n_kv_heads)):
        width = len(weight) // heads
        order = [h * width + row for h in range(heads) for first in (0, 1) for row in range(first, width, 2)]
        found.append(torch.stack([weight[row] for row in order]))
    return found[0], found[1]


def check_export(answer: Callable) -> None:
    """Check `my_export(wq, wk, n_heads, n_kv_heads)`: what `exported` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, exported, EXPORT_EXAMPLES, EXPORT_MISTAKES)
