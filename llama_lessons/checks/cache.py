"""The checks of lesson 04, first part: a cache, and reading on behind it.

The references take other roads than the lesson: they join what the lesson writes into memory, and compute number by
number, turning pairs as complex numbers, what it computes by matrices.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor

from llama_lessons.checks.cache_mistakes import CACHE_MISTAKES
from llama_lessons.checks.exercise import check
from llama_lessons.checks.read_on_mistakes import READ_MISTAKES


def draw(seed: int, *shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Random tensors of the given shapes, the same each time, of any shape."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


def _chunks(seed: int, batch: int, n_heads: int, width: int, *sizes: int) -> list[tuple[Tensor, ...]]:
    """Keys and values of several chunks, (B, Hkv, T, D) each; T is what differs."""
    shapes = [(batch, n_heads, n_tokens, width) for n_tokens in sizes]
    return [draw(seed + k, shape, shape) for k, shape in enumerate(shapes)]


def _counted(*sizes: int) -> list[tuple[Tensor, Tensor]]:
    """Chunks of one head with one channel: the keys are 1, 2, 3, ..., the values 10, 20, 30, ..."""
    numbers = torch.arange(1.0, sum(sizes) + 1).split(sizes)
    return [(keys.view(1, 1, -1, 1), 10 * keys.view(1, 1, -1, 1)) for keys in numbers]


CACHE_EXAMPLES = [  # room for so many tokens, chunks of keys and values
    (9, _counted(2, 1, 3)),
    (12, _chunks(10, 2, 3, 4, 3, 1, 2)),
    (8, _chunks(20, 3, 2, 4, 1, 1, 3)),
    (5, _chunks(30, 1, 2, 3, 3, 2)),
    (2, _chunks(40, 2, 1, 3, 2)),
]


def cached(room: int, chunks: list[tuple[Tensor, Tensor]]) -> dict:
    """What a cache gives back and keeps: everything so far, without a copy.

    Args:
        room: tokens that it has room for.
        chunks: keys and values, shape (B, Hkv, T, D) each, of one chunk after the other.

    Returns:
        After each chunk all keys and all values, shape (B, Hkv, S, D) each, and how many tokens are in; and whether
        what was given lies in the same memory each time.
    """
    so_far = [chunks[: k + 1] for k in range(len(chunks))]
    given = [tuple(torch.cat(parts, dim=2) for parts in zip(*given, strict=True)) for given in so_far]
    return {"given": given, "self.length": [keys.shape[2] for keys, _ in given], "views of one memory": True}


def _filled(answer: type, room: int, chunks: list[tuple[Tensor, Tensor]]) -> dict | None:
    """What a reader's class does: a cache is made and extended by each chunk."""
    batch_size, n_kv_heads, _, head_dim = chunks[0][0].shape
    cache = answer(batch_size, n_kv_heads, room, head_dim)
    given, copies, lengths = [], [], []
    for keys, values in chunks:
        both = cache.extend(keys, values)
        if both is None or both is ...:
            return both
        given.append("the cache itself" if both is cache else both)
        copies.append(deepcopy(given[-1]))  # later chunks may be written to the same memory
        lengths.append(getattr(cache, "length", sum(new.shape[2] for new, _ in chunks[: len(given)])))
    return {"given": copies, "self.length": lengths, "views of one memory": _one_memory(given)}


def _one_memory(given: list) -> bool:
    """Whether all keys that were given lie in the same memory, and all values."""
    if not all(isinstance(both, (list, tuple)) and all(isinstance(part, Tensor) for part in both) for both in given):
        return False
    return all(len({part.untyped_storage().data_ptr() for part in parts}) == 1 for parts in zip(*given, strict=False))


def _filling(room: int, chunks: list[tuple[Tensor, Tensor]]) -> str:
    """How a reader would write it."""
    batch_size, n_kv_heads, _, head_dim = chunks[0][0].shape
    sizes = ", then ".join(str(keys.shape[2]) for keys, _ in chunks)
    made = f"cache = MyCache({batch_size}, {n_kv_heads}, {room}, {head_dim})"
    return f"{made}; cache.extend(keys, values), first with T = {sizes}"


def check_cache(answer: type) -> None:
    """Check the class `MyCache`: what its method `extend` gives back after each of several chunks.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    mistakes = {advice: partial(_filled, mistake) for advice, mistake in CACHE_MISTAKES.items()}
    check(answer, cached, CACHE_EXAMPLES, mistakes, use=_filled, call=_filling)


def _new_and_past(seed: int, n_new: int, n_past: int, width: int) -> tuple[Tensor, ...]:
    return draw(seed, *[(n_new, width)] * 3, *[(n_past, width)] * 2)


READ_EXAMPLES = [
    _new_and_past(42, 2, 3, 4),
    _new_and_past(43, 3, 2, 6),
    _new_and_past(41, 1, 3, 2),
    _new_and_past(44, 4, 0, 2),
    _new_and_past(45, 3, 7, 4),
    _new_and_past(40, 1, 1, 2),
]


def turn(row: Tensor, position: int) -> Tensor:
    """A key or query turned to its position, pair by pair as complex numbers: (D,) -> (D,).

    Args:
        row: D channels, shape (D,).
        position: of the token, counted from 0.
    """
    turned = []
    for k in range(0, len(row), 2):
        number = complex(row[k], row[k + 1]) * cmath.exp(1j * position * 10_000.0 ** (-k / len(row)))
        turned += [number.real, number.imag]
    return torch.tensor(turned)


def read_on(q: Tensor, k: Tensor, v: Tensor, past_k: Tensor, past_v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One head's attention from T new tokens to P old ones and to themselves, number by number.

    Args:
        q: queries of the new tokens, not turned, shape (T, D).
        k: their keys, not turned, shape (T, D).
        v: their values, shape (T, D).
        past_k: keys of the old tokens, turned, shape (P, D).
        past_v: their values, shape (P, D).

    Returns:
        The mixed values of the new tokens, shape (T, D); all keys, turned, and all values, shape (P + T, D) each.
    """
    start = len(past_k)
    keys, values, out = list(past_k), list(past_v), []
    for t in range(len(q)):
        keys.append(turn(k[t], start + t))
        values.append(v[t])
        query = turn(q[t], start + t)
        out.append(mixed(query, keys, values))
    return torch.stack(out), torch.stack(keys), torch.stack(values)


def mixed(query: Tensor, keys: list[Tensor], values: list[Tensor]) -> Tensor:
    """What one query makes of the tokens that it may look at.

    Args:
        query: D channels, shape (D,).
        keys: one of each token, shape (D,) each.
        values: likewise.

    Returns:
        The weighted sum of the values, shape (D,).
    """
    scores = [math.fsum((query * key).tolist()) / math.sqrt(len(query)) for key in keys]
    powers = [math.exp(score - max(scores)) for score in scores]
    return sum(power / sum(powers) * value for power, value in zip(powers, values, strict=True))


def check_read_on(answer: Callable) -> None:
    """Check `my_read_on(q, k, v, past_k, past_v)`: what `read_on` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, read_on, READ_EXAMPLES, READ_MISTAKES)
