"""The checks of lesson 05 on the whole: the block that joins the parts, and the number of parameters.

The references list what is added and sum it, and count what is really built.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from llama_lessons.checks.block_mistakes import BLOCK_MISTAKES
from llama_lessons.checks.exercise import check
from llama_lessons.checks.parameter_count_mistakes import COUNT_MISTAKES
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama


def _draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Part:
    """A function that a message can print: a sub-layer or a norm for `block`, from (T, C) to (T, C).

    Args:
        rule: what it does, as one would write it.
        function: does it.
    """

    def __init__(self, rule: str, function: Callable) -> None:
        self.rule, self.function = rule, function

    def __call__(self, x: Tensor) -> Tensor:
        """(T, C) -> (T, C)."""
        return self.function(x)

    def __repr__(self) -> str:
        return f"<{self.rule}>"


def _parts(seed: int, n_channels: int) -> tuple[Part, ...]:
    """Attention, its norm, feed-forward, its norm; attention looks back, feed-forward is no straight line."""
    mix, think, first, second = (_draw(n_channels, n_channels, seed=seed + k) for k in range(4))
    return (
        Part("attention", lambda x: x.cumsum(0) @ mix),
        Part("attention's norm", lambda x: x / x.square().mean(-1, keepdim=True).sqrt() * first[0]),
        Part("feed-forward", lambda x: (x @ think).relu()),
        Part("feed-forward's norm", lambda x: x / x.square().mean(-1, keepdim=True).sqrt() * second[0]),
    )


BLOCK_EXAMPLES = [
    (
        torch.tensor([[1.0, 2.0], [3.0, 5.0]]),
        Part("attention: 10 * x", lambda x: 10 * x),
        Part("its norm: x / 2", lambda x: x / 2),
        Part("feed-forward: x + 100", lambda x: x + 100),
        Part("its norm: x / 4", lambda x: x / 4),
    ),
    (_draw(3, 2, seed=11), *_parts(20, 2)),
    (_draw(5, 4, seed=12), *_parts(30, 4)),
]


def block(
    x: Tensor, attention: Callable, attention_norm: Callable, feed_forward: Callable, feed_forward_norm: Callable
) -> Tensor:
    """A Llama's block: what is added to the stream is listed, then summed.

    Args:
        x: the residual stream, shape (T, C).
        attention: a function, (T, C) -> (T, C).
        attention_norm: likewise, and so the others.
        feed_forward: the other sub-layer.
        feed_forward_norm: its norm.

    Returns:
        The stream after the block, shape (T, C).
    """
    written = [x]
    for part, norm in ((attention, attention_norm), (feed_forward, feed_forward_norm)):
        written.append(part(norm(torch.stack(written).sum(0))))
    return torch.stack(written).sum(0)


def check_block(answer: Callable) -> None:
    """Check `my_block(x, attention, attention_norm, feed_forward, feed_forward_norm)`: as `block` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, block, BLOCK_EXAMPLES, BLOCK_MISTAKES)


def _shape(*sizes: int, tied: bool = False) -> tuple[LlamaConfig]:
    names = ("dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "hidden_dim", "max_seq_len")
    return (LlamaConfig(**dict(zip(names, sizes, strict=True)), tie_embeddings=tied),)


COUNT_EXAMPLES = [
    _shape(24, 2, 6, 3, 9, 50, 16),
    _shape(24, 2, 6, 3, 9, 50, 16, tied=True),
    _shape(40, 3, 10, 2, 11, 70, 32),
    *((LlamaConfig.preset(name),) for name in ("llama2-7b", "llama2-70b", "stories15m")),
]


@cache
def count(config: LlamaConfig) -> int:
    """Parameters of a Llama: it is built, without memory for its weights, and they are counted; a shared table once."""
    with torch.device("meta"):
        model = Llama(config)
    return sum(weight.numel() for weight in model.parameters())


def check_count(answer: Callable) -> None:
    """Check `my_count(config)`: what `count` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, count, COUNT_EXAMPLES, COUNT_MISTAKES)
