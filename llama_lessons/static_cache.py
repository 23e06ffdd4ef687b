"""A cache of fixed shape and place: a decoding step is then one graph, compiled once for every position."""

from __future__ import annotations

import torch
from torch import Tensor

from llama_lessons.attention import KVCache


class StaticCache(KVCache):
    """Like KVCache, but every step sees all of its positions, and a mask hides those that are still empty.

    Its `length` is a tensor, so that no number in a compiled graph stands for a position. What it costs: each step
    attends to all max_seq_len positions.

    Args:
        cache: a cache that holds a prompt; its memory is used on.
    """

    def __init__(self, cache: KVCache) -> None:
        self.keys, self.values = cache.keys, cache.values
        self.length = torch.tensor(cache.length, device=self.keys[0].device)
        for tensor in (*self.keys, *self.values, self.length):
            torch._dynamo.mark_static_address(tensor)  # CUDA graphs may then write to them in place

    def check(self, batch_size: int, n_tokens: int) -> None:
        """Nothing: a graph cannot ask how full the cache is. Whoever counts the steps has to."""

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write a layer's new keys and values, (B, Hkv, T, D); return those of all positions, (B, Hkv, S, D)."""
        positions = self.length + torch.arange(keys.shape[2], device=keys.device)  # (T,)
        self.keys[layer].index_copy_(2, positions, keys.type_as(self.keys[layer]))
        self.values[layer].index_copy_(2, positions, values.type_as(self.values[layer]))
        return self.keys[layer], self.values[layer]

    def mask(self, n_new: int) -> Tensor:
        """Which positions the new tokens may look at: (T, S)."""
        positions = torch.arange(self.max_seq_len, device=self.length.device)  # (S,)
        return positions <= self.length + torch.arange(n_new, device=self.length.device)[:, None]
