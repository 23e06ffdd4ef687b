"""The checks of lessons 00 and 04 on memory: of a cache, what is left on a card, and how many sequences it holds.

Each reference takes another road than the formula of the lesson: it counts, vector by vector and sequence by sequence.
"""

from __future__ import annotations

from collections.abc import Callable

from llama_lessons.checks.batch_size_mistakes import BATCH_MISTAKES
from llama_lessons.checks.exercise import check
from llama_lessons.checks.memory_mistakes import CACHE_MISTAKES, GB, GIB, LEFT_MISTAKES

LLAMA_7B, LLAMA_13B, LLAMA_70B = (6_738_415_616, 262_144), (13_015_864_320, 409_600), (68_976_648_192, 163_840)

CACHE_EXAMPLES = [  # n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number
    (80, 64, 8, 128, 4096, 2),
    (80, 64, 8, 128, 4096, 4),
    (80, 64, 8, 128, 1000, 1),
    (48, 40, 10, 96, 2048, 2),
    (32, 32, 32, 128, 4096, 2),
    (60, 56, 14, 80, 13_000, 1),
]


def cache_gib(
    n_layers: int, n_heads: int, n_kv_heads: int, head_dim: int, n_tokens: int, bytes_per_number: int
) -> float:
    """GiB of the cache of one sequence, counted vector by vector.

    Args:
        n_layers: layers.
        n_heads: query heads of each layer.
        n_kv_heads: key and value heads of each layer.
        head_dim: numbers in the vector of a head.
        n_tokens: tokens that are kept.
        bytes_per_number: 2 in float16.
    """
    n_bytes = 0
    for _layer in range(n_layers):
        for _vector in ("key", "value"):
            for _head in range(n_kv_heads):
                n_bytes += n_tokens * head_dim * bytes_per_number
    return n_bytes / GIB


def check_cache_gib(answer: Callable) -> None:
    """Check `my_cache_gib`: what `cache_gib` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, cache_gib, CACHE_EXAMPLES, CACHE_MISTAKES)


LEFT_EXAMPLES = [  # card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number
    (25, *LLAMA_7B, 4096, 1, 2),
    (25, *LLAMA_7B, 4096, 8, 2),
    (25, *LLAMA_7B, 2048, 3, 1),
    (150, *LLAMA_70B, 4096, 5, 2),
    (85, *LLAMA_13B, 1000, 7, 4),
]


def gb_left(
    card_gb: float, n_params: int, cached_per_token: int, n_tokens: int, batch_size: int, bytes_per_number: int
) -> float:
    """GB that a model and the caches of a batch leave free on a card, taken away sequence by sequence.

    Args:
        card_gb: memory of the card, in GB of 10**9 bytes: 25.8 for one that is sold as 24 GB.
        n_params: numbers of the model.
        cached_per_token: numbers that the cache keeps for each token, keys and values together.
        n_tokens: tokens of each sequence.
        batch_size: sequences.
        bytes_per_number: of weights and cache.

    Returns:
        What is left; below 0, what is lacking.
    """
    left = card_gb * GB - n_params * bytes_per_number
    for _sequence in range(batch_size):
        left -= n_tokens * cached_per_token * bytes_per_number
    return left / GB


def check_gb_left(answer: Callable) -> None:
    """Check `my_gb_left`: what `gb_left` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, gb_left, LEFT_EXAMPLES, LEFT_MISTAKES)


BATCH_EXAMPLES = [  # card_gb, n_params, cached_per_token, n_tokens, bytes_per_number
    (25, *LLAMA_7B, 4096, 2),
    (25, *LLAMA_7B, 2048, 1),
    (85, *LLAMA_13B, 4096, 2),
    (25, *LLAMA_13B, 1024, 2),
    (150, *LLAMA_70B, 3000, 1),
    (85, *LLAMA_7B, 512, 4),
    (16, *LLAMA_13B, 1024, 2),
    (2, 250_000_000, 1000, 125_000, 2),  # six fill the card to the last byte
    (2, 250_000_000, 1000, 500, 2),
]


def largest_batch(card_gb: float, n_params: int, cached_per_token: int, n_tokens: int, bytes_per_number: int) -> int:
    """The most sequences that fit on a card beside the weights, found by adding one after the other.

    Args:
        card_gb: memory of the card, in GB of 10**9 bytes: 25.8 for one that is sold as 24 GB.
        n_params: numbers of the model.
        cached_per_token: numbers that the cache keeps for each token, keys and values together.
        n_tokens: tokens of each sequence.
        bytes_per_number: of weights and cache.

    Returns:
        A whole number; 0 if not even one fits.
    """
    batch_size = 0
    while gb_left(card_gb, n_params, cached_per_token, n_tokens, batch_size + 1, bytes_per_number) >= 0:
        batch_size += 1
    return batch_size


def check_largest_batch(answer: Callable) -> None:
    """Check `my_largest_batch`: what `largest_batch` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, largest_batch, BATCH_EXAMPLES, BATCH_MISTAKES)
