"""The checks of lesson 14: int8 with a scale for each row, two 4-bit codes in a byte, the bytes of a quantized model.

The references go number by number, and row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from llama_lessons.checks.exercise import check
from llama_lessons.checks.int8_mistakes import INT8_MISTAKES
from llama_lessons.checks.pack_mistakes import PACK_MISTAKES
from llama_lessons.checks.quantized_gb_mistakes import GB, GB_MISTAKES
from llama_lessons.config import LlamaConfig


def _draw(seed: int, *shape: int) -> Tensor:
    """Random weights of any shape, the same each time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


INT8_EXAMPLES = [  # weight
    (torch.tensor([[1.27, -0.507, 0.123], [-2.54, 0.307, 1.013]]),),
    (_draw(0, 3, 5),),
    (_draw(1, 4, 4) - 3,),
    (_draw(2, 2, 7).abs() * torch.tensor([[0.01], [40.0]]),),
    (_draw(3, 5, 2) * 100,),
]


def int8_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Codes and scales of a weight, number by number.

    Args:
        weight: shape (F, C); no row is all zeros.

    Returns:
        Codes from -127 to 127, int8, shape (F, C), and a scale for each row, shape (F, 1).
    """
    codes, scales = torch.zeros(weight.shape, dtype=torch.int8), torch.zeros(len(weight), 1)
    for f, row in enumerate(weight.tolist()):
        scales[f] = max(abs(number) for number in row) / 127
        for c, number in enumerate(row):
            codes[f, c] = round(number / scales[f].item())
    return codes, scales


def check_int8(answer: Callable) -> None:
    """Check `my_int8(weight)`: what `int8_rows` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, int8_rows, INT8_EXAMPLES, INT8_MISTAKES)


def _codes(seed: int, *shape: int) -> Tensor:
    return torch.randint(-7, 8, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.int8)


PACK_EXAMPLES = [  # codes
    (torch.tensor([[1, -2, 3, 0]], dtype=torch.int8),),
    (torch.tensor([[-7, 7, 5, -1, 0, 2]], dtype=torch.int8),),
    (_codes(0, 3, 8),),
    (_codes(1, 2, 10),),
    (_codes(2, 4, 4),),
]


def packed(codes: Tensor) -> Tensor:
    """Two codes in each byte, byte by byte.

    Args:
        codes: from -7 to 7, int8, shape (F, C); C is even.

    Returns:
        uint8, shape (F, C/2): byte k of a row holds, each with 8 added, code k in its lower four bits and code
        k + C/2 in its upper four.
    """
    half = codes.shape[1] // 2
    rows = [[(row[k] + 8) + 16 * (row[k + half] + 8) for k in range(half)] for row in codes.tolist()]
    return torch.tensor(rows, dtype=torch.uint8)


def check_pack(answer: Callable) -> None:
    """Check `my_pack(codes)`: what `packed` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, packed, PACK_EXAMPLES, PACK_MISTAKES)


LLAMA_7B, LLAMA_70B = (LlamaConfig.preset(name) for name in ("llama2-7b", "llama2-70b"))
SMALL = LlamaConfig(dim=192, n_layers=6, n_heads=6, n_kv_heads=3, vocab_size=2048, hidden_dim=512, max_seq_len=512)
GB_EXAMPLES = [  # config, bits, group
    (LLAMA_70B, 4, 64),
    (LLAMA_7B, 8, 128),
    (SMALL, 4, 32),
    (SMALL, 8, 100),
    (replace(SMALL, n_layers=2, n_kv_heads=1, dim=96, vocab_size=700), 4, 80),
    (LLAMA_7B, 4, 96),
]


def quantized_gb(config: LlamaConfig, bits: int, group: int) -> float:
    """GB of a model whose matrices are quantized, row by row.

    Args:
        config: the model's shape; its head is not tied to its table.
        bits: of a code.
        group: neighbours in a row that share a scale of two bytes; the last group of a row is filled up with zeros.

    Returns:
        GB of 10**9 bytes. Embedding table and norms keep two bytes a number.
    """
    kv, n_bytes = config.n_kv_heads * config.head_dim, 0.0
    rows = {config.dim: 2 * config.dim + 2 * kv + 2 * config.hidden_dim, config.hidden_dim: config.dim}
    matrices = [(columns, n) for _layer in range(config.n_layers) for columns, n in rows.items()]
    for columns, n_rows in [*matrices, (config.dim, config.vocab_size)]:
        for _start in range(0, columns, group):
            n_bytes += n_rows * (group * bits / 8 + 2)
    table, norms = config.vocab_size * config.dim, (2 * config.n_layers + 1) * config.dim
    return (n_bytes + 2 * (table + norms)) / GB


def check_quantized_gb(answer: Callable) -> None:
    """Check `my_quantized_gb(config, bits, group)`: what `quantized_gb` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, quantized_gb, GB_EXAMPLES, GB_MISTAKES)
