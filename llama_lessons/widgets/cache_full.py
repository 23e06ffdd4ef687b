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
    device, head_dim = cache.keys[0].device, cache.keys[0].shape[-1]
    angles = rope_angles(torch.tensor([n_tokens], device=device), head_dim)  # (1, D//2)
    for keys, values in zip(cache.keys, cache.values, strict=True):  # a layer's, (B, Hkv, max_seq_len, D)
        kept = keys[:, :, old].clone()  # (B, Hkv, S, D)
        if turn:
            kept = rotate(kept.transpose(1, 2), angles.cos(), -angles.sin()).transpose(1, 2)
        keys[:, :, new] = kept
        values[:, :, new] = values[:, :, old].clone()
        keys[:, :, new.stop :] = values[:, :, new.stop :] = 0
    cache.length -= n_tokens


RULES: dict[str, Callable[[KVCache, int], None] | None] = {  # what to do when the cache is full
    "stop": None,
    "forget the oldest": forget,
    "forget the oldest, keep <s>": partial(forget, keep=1),
    "forget the oldest, leave the keys unturned": partial(forget, turn=False),
}
KEEPS = "forget the oldest, keep <s>"
