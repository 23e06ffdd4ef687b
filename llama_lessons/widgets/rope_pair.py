"""One query and one key under a magnifying glass: where each pair of their channels points, and what they score."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from llama_lessons.model import Llama
from llama_lessons.widgets.rope_ways import Run, Turn, Way

LONGEST = 1.25  # of a hand: a wrong turn may stretch it, and it should stay in its clock


@dataclass(frozen=True)
class Pair:
    """A query and a key of one head, not turned yet, and where they stand.

    Args:
        query: shape (D,).
        key: shape (D,).
        position: where the query stands, in tokens from the start.
        distance: how many tokens before it the key stands.
        query_alone: whether the query's token was read alone, behind a cache, and not together with a text.
        key_alone: likewise for the key.
    """

    query: Tensor
    key: Tensor
    position: int
    distance: int
    query_alone: bool = False
    key_alone: bool = False

    @classmethod
    def of(cls, model: Llama, run: Run, layer: int, head: int, query: int, key: int, shift: int = 0) -> Pair:
        """Two tokens of a text as one head of the model meets them.

        Args:
            model: the model that read the text.
            run: what it read and wrote.
            layer: whose attention it is.
            head: which of its query heads.
            query: the token that looks.
            key: the token that it looks at, `query` or one before it.
            shift: tokens that are put before the text.
        """
        attention, x = model.blocks[layer].attention, run.inputs[layer]
        group = model.config.n_heads // model.config.n_kv_heads  # query heads that share a key head
        return cls(
            _row(attention.wq.weight, x[query], head, attention.head_dim),
            _row(attention.wk.weight, x[key], head // group, attention.head_dim),
            position=query + shift,
            distance=query - key,
            query_alone=query >= run.n_prompt,
            key_alone=key >= run.n_prompt,
        )

    def turned(self, way: Way, theta: float) -> tuple[Tensor, Tensor]:
        """The query at its position, (D,), and the key at every one up to it, the nearest first, (position + 1, D)."""
        width, positions = len(self.query), torch.arange(self.position + 1)
        together = way.angles(positions, width, theta)  # (position + 1, D//2)
        alone = way.angles(positions[-1:], width, theta)  # (1, D//2)
        query = _turn(way.turn_query, self.query[None], alone if self.query_alone else together[-1:])
        if self.key_alone:
            together = torch.cat([way.angles(position, width, theta) for position in positions[:, None]])
        keys = _turn(way.turn_key, self.key.expand(len(positions), -1), together)
        return query[0], keys.flip(0)

    def scores(self, way: Way, theta: float) -> Tensor:
        """The score at every distance from 0 to `position`, scaled as attention does; shape (S,), S = position + 1."""
        query, keys = self.turned(way, theta)
        return keys @ query / math.sqrt(len(query))

    def hands(self, way: Way, theta: float) -> Tensor:
        """For each pair of neighbouring channels the query's hand, the key's, and their share of the score.

        Returns:
            Shape (D//2, 5): x and y of either hand, which has length 1 if its pair is as long as before it was
            turned; then the pair's part of the score. The parts add up to the score.
        """
        query, keys = self.turned(way, theta)
        key = keys[self.distance]
        share = (query * key).unflatten(0, (-1, 2)).sum(1, keepdim=True) / math.sqrt(len(query))
        return torch.cat((_hand(query, self.query), _hand(key, self.key), share), dim=1)


def _row(weight: Tensor, x: Tensor, head: int, head_dim: int) -> Tensor:
    """One head's query or key of one token: (H * D, C), (C,) -> (D,)."""
    return (weight.detach()[head * head_dim : (head + 1) * head_dim] @ x).float().cpu()


def _turn(turn: Turn, rows: Tensor, angles: Tensor) -> Tensor:
    """Rows (N, D), turned by angles (N, D//2)."""
    return turn(rows[None, :, None], angles.cos(), angles.sin())[0, :, 0]


def _hand(turned: Tensor, before: Tensor) -> Tensor:
    """Pairs (D,) in units of their length before they were turned, shape (D//2, 2)."""
    pairs = turned.unflatten(0, (-1, 2))
    hands = pairs / before.unflatten(0, (-1, 2)).norm(dim=1, keepdim=True).clamp(min=1e-9)
    length = hands.norm(dim=1, keepdim=True)
    return hands * (length.clamp(max=LONGEST) / length.clamp(min=1e-9))
