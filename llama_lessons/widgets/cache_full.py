"""What to do when a cache is full: the usual rule, which is to stop, and ways to forget the oldest tokens."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from llama_lessons.attention import KVCache
from llama_lessons.rope import rope_angles, rotate


def forget(cache: KVCache, n_tokens: int, keep: int = 0, turn: bool = True) -> None:
    """Drop the oldest tokens of a cache and move the others up, as if they had been read in their new places.

    What they once took from the dropped tokens stays in them.

    Args:
        cache: changed in place.
        n_tokens: how many to drop.
        keep: how many at the very start to keep.
        turn: turn the keys back by n_tokens positions (for Llama 2's theta); without it they stay where they were read.

    Source: Efficient Streaming Language Models with Attention Sinks, arXiv:2309.17453, section 3.2.
    """
    old, new = slice(keep + n_tokens, cache.length), slice(keep, cache.length - n_tokens)
    keys = cache.keys[:, :, :, old].clone()  # (L, B, Hkv, S, D)
    if turn:
        angles = rope_angles(torch.tensor([n_tokens], device=keys.device), keys.shape[-1])  # (1, D//2)
        rows = keys.flatten(0, 2)[:, :, None]  # each head's keys as the text of one head
        keys = rotate(rows, angles.cos(), -angles.sin())[:, :, 0].view_as(keys)
    cache.keys[:, :, :, new] = keys
    cache.values[:, :, :, new] = cache.values[:, :, :, old].clone()
    cache.length -= n_tokens
    cache.keys[:, :, :, cache.length :] = 0
    cache.values[:, :, :, cache.length :] = 0


RULES: dict[str, Callable[[KVCache, int], None] | None] = {  # what to do when the cache is full
    "stop": None,
    "forget the oldest": forget,
    "forget the oldest, keep <s>": partial(forget, keep=1),
    "forget the oldest, leave the keys unturned": partial(forget, turn=False),
}
KEEPS = "forget the oldest, keep <s>"
