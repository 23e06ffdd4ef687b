"""The check of lesson 05 on the assembling: table, layers, norm and head, and what they are handed.

The reference keeps weights in a dictionary and goes through the tokens one by one.
"""

from __future__ import annotations

import math
import zlib
from functools import partial

import torch
from torch import Tensor, nn

from llama_lessons.checks.exercise import check
from llama_lessons.checks.llama_mistakes import LLAMA_MISTAKES
from llama_lessons.config import LlamaConfig


class Layer(nn.Module):
    """A layer that is quickly computed, and shows what it was handed: `x * w`, squashed, and the tables, are added."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(config.dim))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """(B, T, C), twice (T, D//2) -> (B, T, C)."""
        turns = torch.cat((cos, sin), dim=-1)  # (T, D)
        return x + (x * self.w).tanh() + turns.repeat(1, x.shape[-1] // turns.shape[-1])


class Length(nn.Module):
    """A norm that is quickly computed."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return x / (x.abs().amax(-1, keepdim=True) + self.eps) * self.weight


def _shape(dim: int, n_layers: int, n_heads: int, vocab_size: int, **more: float) -> LlamaConfig:
    sizes = {"n_kv_heads": n_heads, "hidden_dim": 8, "max_seq_len": 64}
    return LlamaConfig(dim=dim, n_layers=n_layers, n_heads=n_heads, vocab_size=vocab_size, **sizes, **more)


LLAMA_EXAMPLES = [  # config, tokens (B, T), place of the first token
    (_shape(4, 2, 1, 5, norm_eps=0.5), torch.tensor([[3, 1, 4]]), 0),
    (_shape(8, 3, 2, 7, norm_eps=0.25, rope_theta=50.0), torch.tensor([[6, 2, 2, 0], [1, 5, 3, 4]]), 0),
    (_shape(8, 2, 1, 6, norm_eps=1.0), torch.tensor([[5, 0]] * 3), 9),
    (_shape(8, 2, 2, 9, norm_eps=0.1, tie_embeddings=True), torch.tensor([[8, 1, 6], [7, 0, 2]]), 4),
]


def _draw(name: str, *shape: int) -> Tensor:
    """The numbers of a weight, the same for the same name; any shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(name.encode())))


def assembled(config: LlamaConfig, tokens: Tensor, start: int) -> dict:
    """What a Llama holds and says, token by token.

    Args:
        config: its shape.
        tokens: ids, shape (B, T).
        start: the position of the first of them.

    Returns:
        Its weights' names with their shapes, whether table and head are one, and the logits, shape (B, T, V).
    """
    width, vocab_size = config.dim, config.vocab_size
    shapes = {"embedding.weight": (vocab_size, width), "norm.weight": (width,), "output.weight": (vocab_size, width)}
    shapes |= {f"blocks.{layer}.w": (width,) for layer in range(config.n_layers)}
    weights = {name: _draw(name, *shape) for name, shape in shapes.items()}
    if config.tie_embeddings:
        weights["output.weight"] = weights["embedding.weight"]
    logits = torch.zeros(*tokens.shape, vocab_size)
    for text in range(tokens.shape[0]):
        for t in range(tokens.shape[1]):
            speeds = [config.rope_theta ** (-2 * pair / config.head_dim) for pair in range(config.head_dim // 2)]
            turns = [turn((start + t) * speed) for turn in (math.cos, math.sin) for speed in speeds]
            x = weights["embedding.weight"][tokens[text, t]]
            for layer in range(config.n_layers):
                x = x + torch.tanh(x * weights[f"blocks.{layer}.w"]) + torch.tensor(turns * config.n_heads)
            x = x / (max(abs(number) for number in x.tolist()) + config.norm_eps) * weights["norm.weight"]
            logits[text, t] = (weights["output.weight"] * x).sum(1)
    return {"names": _names(shapes), "one table for both": config.tie_embeddings, "own layers": True, "logits": logits}


def _names(shapes: dict[str, tuple]) -> list[str]:
    return sorted(f"{name} {tuple(shape)}" for name, shape in shapes.items())


@torch.no_grad()
def _observed(kind: type, config: LlamaConfig, tokens: Tensor, start: int) -> dict | None:
    """What a reader's class holds and says."""
    model = kind(config, Layer, Length)
    first = model(tokens, start)  # a stub says so before anything else is looked at
    if first is None or first is ...:
        return first
    stored = model.state_dict()
    found = {"names": _names({name: weight.shape for name, weight in stored.items()})}
    if found["names"] != assembled(config, tokens[:0], start)["names"]:
        return found
    one_table = model.output.weight is model.embedding.weight
    found |= {
        "one table for both": one_table,
        "own layers": len({id(block) for block in model.blocks}) == config.n_layers,
    }
    for name, weight in stored.items():
        weight.copy_(_draw("embedding.weight" if one_table and name == "output.weight" else name, *weight.shape))
    return found | {"logits": model(tokens, start)}


def _trying(config: LlamaConfig, tokens: Tensor, start: int) -> str:
    """How a reader would write it."""
    ids = " ".join(repr(tokens.tolist()).split())
    tied = ", tied" if config.tie_embeddings else ""
    return f"MyLlama(config, block, norm)(torch.tensor({ids}), {start}), {config.n_layers} layers{tied}"


def check_llama(answer: type) -> None:
    """Check the class `MyLlama`: made of (config, block, norm), its `forward(tokens, start)` gives logits.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    mistakes = {advice: partial(_observed, mistake) for advice, mistake in LLAMA_MISTAKES.items()}
    check(answer, assembled, LLAMA_EXAMPLES, mistakes, use=_observed, call=_trying)
