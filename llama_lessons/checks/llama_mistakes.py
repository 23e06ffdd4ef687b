"""Wrong Llamas of lesson 05, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from llama_lessons.config import LlamaConfig
from llama_lessons.rope import rope_angles


class Whole(nn.Module):
    """A right answer, step by step, for the wrong ones to change one step of.

    Args:
        config: its shape.
        block: makes a layer of a config.
        norm: makes a norm of a width and an eps.
    """

    def __init__(self, config: LlamaConfig, block: Callable, norm: Callable) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        self.blocks = self.layers(config, block)
        self.norm = norm(config.dim, config.norm_eps)
        self.output = nn.Linear(config.dim, config.vocab_size, bias=self.bias())
        self.tie()

    def bias(self) -> bool:
        """Whether the head has one."""
        return False

    def layers(self, config: LlamaConfig, block: Callable) -> nn.ModuleList:
        """The layers."""
        return nn.ModuleList(block(config) for _ in range(config.n_layers))

    def tie(self) -> None:
        """Make one table of two, if it shall be one."""
        if self.config.tie_embeddings:
            self.output.weight = self.embedding.weight

    def positions(self, tokens: Tensor, start: int) -> Tensor:
        """(B, T) -> (T,)."""
        return torch.arange(start, start + tokens.shape[1])

    def theta(self) -> float:
        """RoPE's base."""
        return self.config.rope_theta

    def tables(self, angles: Tensor) -> tuple[Tensor, Tensor]:
        """(T, D//2) -> what the layers are handed, (T, D//2) each."""
        return angles.cos(), angles.sin()

    def begin(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, T, C)."""
        return self.embedding(tokens)

    def through(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """All layers, (B, T, C) -> (B, T, C)."""
        for block in self.blocks:
            x = block(x, cos, sin)
        return x

    def head(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, V)."""
        return self.output(self.norm(x))

    def forward(self, tokens: Tensor, start: int = 0) -> Tensor:
        """(B, T) -> (B, T, V)."""
        angles = rope_angles(self.positions(tokens, start), self.config.head_dim, self.theta())
        return self.head(self.through(self.begin(tokens), *self.tables(angles)))


def _llama(**steps: Callable) -> type[Whole]:
    return type("Whole", (Whole,), steps)


def _each_reads_the_table(self: Whole, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    for block in self.blocks:
        out = block(x, cos, sin)
    return out


def _backwards(self: Whole, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    for block in reversed(self.blocks):
        x = block(x, cos, sin)
    return x


def _norm_each(self: Whole, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    for block in self.blocks:
        x = self.norm(block(x, cos, sin))
    return x


def _tie_always(self: Whole) -> None:
    self.output.weight = self.embedding.weight


LLAMA_MISTAKES: dict[str, Callable] = {
    "you counted the positions from 0, whatever `start` says: behind a cache the first token is not the first": _llama(
        positions=lambda self, tokens, start: torch.arange(tokens.shape[1])
    ),
    "you began one place too late: the first token is at `start` itself": _llama(
        positions=lambda self, tokens, start: torch.arange(start + 1, start + 1 + tokens.shape[1])
    ),
    "you handed cos and sin to the layers in the wrong order": _llama(
        tables=lambda self, angles: (angles.sin(), angles.cos())
    ),
    "you handed the angles themselves to the layers: they take their cos and sin": _llama(
        tables=lambda self, angles: (angles, angles)
    ),
    "you took 10 000 as the base of the angles: it is `config.rope_theta`": _llama(theta=lambda self: 10_000.0),
    "you forgot the last norm: the head reads `self.norm(x)`": _llama(head=lambda self, x: self.output(x)),
    "you normalised the stream before the first layer, and not after the last": _llama(
        begin=lambda self, tokens: self.norm(self.embedding(tokens)), head=lambda self, x: self.output(x)
    ),
    "you normalised the stream itself between the layers: the last norm comes once, after all of them": _llama(
        through=_norm_each, head=lambda self, x: self.output(x)
    ),
    "you returned the stream and not the scores: `self.output` makes logits of it": _llama(
        head=lambda self, x: self.norm(x)
    ),
    "you returned probabilities: logits are the scores before the softmax": _llama(
        head=lambda self, x: self.output(self.norm(x)).softmax(-1)
    ),
    "you gave every layer the embedding: each reads what the one before it gave": _llama(through=_each_reads_the_table),
    "you went through the layers from the last to the first": _llama(through=_backwards),
    "you made one layer and used it for all: call `block(config)` once for each": _llama(
        layers=lambda self, config, block: nn.ModuleList([block(config)] * config.n_layers)
    ),
    "you kept the layers in a plain list, where PyTorch does not see them: it takes an `nn.ModuleList`": _llama(
        layers=lambda self, config, block: [block(config) for _ in range(config.n_layers)]
    ),
    "you made a layer too few": _llama(
        layers=lambda self, config, block: nn.ModuleList(block(config) for _ in range(config.n_layers - 1))
    ),
    "your head has a bias: nothing in a Llama has one (`bias=False`)": _llama(bias=lambda self: True),
    "you tied table and head always: only where `config.tie_embeddings` says so": _llama(tie=_tie_always),
    "you never tied table and head: where `config.tie_embeddings` says so they are one": _llama(tie=lambda self: None),
    "you multiplied the embedding by the root of dim: that was in 2017, and a Llama does not": _llama(
        begin=lambda self, tokens: self.embedding(tokens) * self.config.dim**0.5
    ),
}
