"""Lesson 05, exercise 4: the whole model, assembled."""

from __future__ import annotations

import torch
from torch import nn

from llama_lessons.checks.llama import check_llama
from llama_lessons.rope import rope_angles
from tests.answers.bank import Bank

bank = Bank(check_llama)


@bank.right
class Sequence(nn.Module):
    """Layers in an nn.Sequential, positions by adding, the head's matrix multiplied by hand."""

    def __init__(self, config, block, norm):
        super().__init__()
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        self.output = nn.Linear(config.dim, config.vocab_size, bias=False)
        if config.tie_embeddings:
            self.embedding.weight = self.output.weight
        self.norm = norm(config.dim, config.norm_eps)
        self.blocks = nn.Sequential(*[block(config) for _ in range(config.n_layers)])
        self.shape = config

    def forward(self, tokens, start=0):
        places = torch.arange(tokens.shape[-1]) + start
        angles = self.angles(places)
        return self.norm(self.stream(tokens, angles)) @ self.output.weight.T

    def angles(self, places):
        return rope_angles(places, self.shape.head_dim, self.shape.rope_theta)

    def stream(self, tokens, angles):
        x = self.embedding.weight[tokens]
        for layer in self.blocks:
            x = layer(x, torch.cos(angles), torch.sin(angles))
        return x


class Written(nn.Module):
    """The usual answer, from which the wrong ones depart."""

    def __init__(self, config, block, norm):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        self.blocks = nn.ModuleList([block(config) for _ in range(config.n_layers)])
        self.norm = norm(config.dim, config.norm_eps)
        self.output = nn.Linear(config.dim, config.vocab_size, bias=False)
        self.finish(config, block)

    def finish(self, config, block):
        if config.tie_embeddings:
            self.output.weight = self.embedding.weight

    def forward(self, tokens, start=0):
        positions = torch.arange(start, start + tokens.shape[1])
        angles = rope_angles(positions, self.config.head_dim, self.config.rope_theta)
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, angles.cos(), angles.sin())
        return self.output(self.norm(x))


bank.right(Written)


@bank.wrong("you counted the positions from 0")
class ForgetsTheCache(Written):
    def forward(self, tokens, start=0):
        return super().forward(tokens)


@bank.wrong("you began one place too late")
class CountsFromOne(Written):
    def forward(self, tokens, start=0):
        return super().forward(tokens, start + 1)


@bank.wrong("cos and sin to the layers in the wrong order")
class SinFirst(Sequence):
    def angles(self, places):
        return torch.pi / 2 - super().angles(places)


@bank.wrong("10 000 as the base")
class UsualBase(Sequence):
    def angles(self, places):
        return rope_angles(places, self.shape.head_dim)


@bank.wrong("you forgot the last norm")
class NoLastNorm(Sequence):
    def forward(self, tokens, start=0):
        return self.output(self.stream(tokens, self.angles(torch.arange(start, start + tokens.shape[1]))))


@bank.wrong("before the first layer")
class NormFirst(Sequence):
    def forward(self, tokens, start=0):
        angles = self.angles(torch.arange(start, start + tokens.shape[1]))
        x = self.norm(self.embedding(tokens))
        for layer in self.blocks:
            x = layer(x, angles.cos(), angles.sin())
        return self.output(x)


@bank.wrong("you returned the stream")
class NoHead(Written):
    def forward(self, tokens, start=0):
        angles = rope_angles(torch.arange(tokens.shape[1]) + start, self.config.head_dim, self.config.rope_theta)
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, angles.cos(), angles.sin())
        return self.norm(x)


@bank.wrong("you returned probabilities")
class Chances(Written):
    def forward(self, tokens, start=0):
        return super().forward(tokens, start).softmax(dim=-1)


@bank.wrong("you gave every layer the embedding")
class LayersSideBySide(Sequence):
    def stream(self, tokens, angles):
        return [layer(self.embedding(tokens), angles.cos(), angles.sin()) for layer in self.blocks][-1]


@bank.wrong("one layer and used it for all")
class OneLayer(Written):
    def finish(self, config, block):
        super().finish(config, block)
        self.blocks = nn.ModuleList(config.n_layers * [block(config)])


@bank.wrong("in a plain list")
class PlainList(Written):
    def finish(self, config, block):
        super().finish(config, block)
        layers = list(self.blocks)
        del self.blocks
        self.blocks = layers


@bank.wrong("a layer too few")
class OffByOne(Written):
    def finish(self, config, block):
        super().finish(config, block)
        self.blocks = self.blocks[1:]


@bank.wrong("your head has a bias")
class WithBias(Written):
    def finish(self, config, block):
        self.output = nn.Linear(config.dim, config.vocab_size)
        super().finish(config, block)


@bank.wrong("only where `config.tie_embeddings` says so")
class AlwaysTied(Written):
    def finish(self, config, block):
        self.output.weight = self.embedding.weight


@bank.wrong("you never tied table and head")
class CopiesTheTable(Written):
    def finish(self, config, block):
        if config.tie_embeddings:
            self.output.weight.data = self.embedding.weight.data.clone()


@bank.wrong("that was in 2017")
class Scaled(Sequence):
    def stream(self, tokens, angles):
        x = self.embedding(tokens) * self.shape.dim**0.5
        for layer in self.blocks:
            x = layer(x, angles.cos(), angles.sin())
        return x


@bank.wrong("Is a `return` missing")
class NoReturn(Written):
    def forward(self, tokens, start=0):
        super().forward(tokens, start)


@bank.wrong("blocks")
class OtherNames(Written):
    def finish(self, config, block):
        super().finish(config, block)
        self.layers = self.blocks
        del self.blocks

    def forward(self, tokens, start=0):
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(
                x,
                torch.ones(tokens.shape[1], self.config.head_dim // 2),
                torch.zeros(tokens.shape[1], self.config.head_dim // 2),
            )
        return self.output(self.norm(x))


@bank.wrong()
class TwiceAround(Sequence):
    def stream(self, tokens, angles):
        x = super().stream(tokens, angles)
        for layer in self.blocks:
            x = layer(x, angles.cos(), angles.sin())
        return x
