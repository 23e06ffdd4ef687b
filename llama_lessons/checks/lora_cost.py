"""The checks of lesson 08 on what adapters cost: their numbers, and the memory that training keeps.

The references count layer by layer and part by part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llama_lessons.checks.exercise import check
from llama_lessons.checks.lora_cost_mistakes import COUNT_MISTAKES
from llama_lessons.checks.training_gb_mistakes import BYTES_MISTAKES, GB
from llama_lessons.config import LlamaConfig

LLAMA_7B, LLAMA_70B, VALLEY = (LlamaConfig.preset(name) for name in ("llama2-7b", "llama2-70b", "valley"))
COUNT_EXAMPLES = [  # config, rank, targets
    (LLAMA_70B, 4, ("wq", "wv")),
    (LLAMA_70B, 3, ("wk", "wo")),
    (VALLEY, 3, ("wv", "w_gate", "w_down")),
    (LLAMA_7B, 16, ("w_up",)),
    (LLAMA_70B, 5, ("wo", "w_down")),
    (LLAMA_7B, 8, ("wq", "wk", "wv", "wo")),
]


def lora_numbers(config: LlamaConfig, rank: int, targets: Sequence[str]) -> int:
    """Numbers in a model's adapters, counted layer by layer and matrix by matrix.

    Args:
        config: the model's shape.
        rank: r.
        targets: which of wq, wk, wv, wo, w_gate, w_up, w_down have adapters, in every layer.
    """
    kv_rows = config.n_kv_heads * config.head_dim
    rows = {"wq": config.dim, "wk": kv_rows, "wv": kv_rows, "wo": config.dim, "w_down": config.dim}
    n = 0
    for _layer in range(config.n_layers):
        for target in targets:
            columns = config.hidden_dim if target == "w_down" else config.dim
            n += rank * columns  # a
            n += rows.get(target, config.hidden_dim) * rank  # b
    return n


def check_count(answer: Callable) -> None:
    """Check `my_count(config, rank, targets)`: what `lora_numbers` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, lora_numbers, COUNT_EXAMPLES, COUNT_MISTAKES)


BYTES_EXAMPLES = [  # n_frozen, n_trained, bytes_frozen
    (6_738_415_616, 419_430_400, 2),
    (0, 6_738_415_616, 4),
    (68_976_648_192, 163_840_000, 0.5),
    (2_828_736_000, 32_256_000, 4),
    (13_000_000_000, 1_000_000_000, 1),
]


def training_gb(n_frozen: int, n_trained: int, bytes_frozen: float) -> float:
    """GB that training keeps from one step to the next, part by part; activations are left out.

    Args:
        n_frozen: numbers that stay as they are.
        n_trained: numbers that are trained, in float32 like all that belongs to them.
        bytes_frozen: of each frozen number.
    """
    n_bytes = n_frozen * bytes_frozen
    for _part in ("the number itself", "its gradient", "mean of the gradients", "mean of their squares"):
        n_bytes += n_trained * 4
    return n_bytes / GB


def check_training_gb(answer: Callable) -> None:
    """Check `my_training_gb(n_frozen, n_trained, bytes_frozen)`: what `training_gb` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, training_gb, BYTES_EXAMPLES, BYTES_MISTAKES)
