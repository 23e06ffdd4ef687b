"""Ways to turn queries and keys: the right one, and wrong ones put in its place while a model reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from llama_lessons import attention
from llama_lessons.attention import Attention, KVCache
from llama_lessons.model import AttentionMaps, Llama
from llama_lessons.rope import rope_angles, rotate
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.attention_live import read

Turn = Callable[[Tensor, Tensor, Tensor], Tensor]  # x (B, T, H, D), cos and sin (T, D//2) -> (B, T, H, D)


@dataclass(frozen=True)
class Way:
    """How positions enter the attention; what is not said is done as the package does it.

    Args:
        angles: stands in for `rope_angles`: positions (T,), head_dim, theta -> (T, D//2).
        turn_query: stands in for `rotate` where queries are turned.
        turn_key: likewise for keys.
    """

    angles: Callable[[Tensor, int, float], Tensor] = rope_angles
    turn_query: Turn = rotate
    turn_key: Turn = rotate


@dataclass
class Run:
    """A text that a model read and continued, turning in some way.

    Args:
        ids: the text's tokens, and behind them those that were written.
        n_prompt: how many of them are the text's.
        maps: the attention, as `record_attention` gives it.
        inputs: per layer what its attention was given, shape (S, C).
    """

    ids: list[int]
    n_prompt: int
    maps: AttentionMaps | None = None
    inputs: list[Tensor] = field(default_factory=list)

    @property
    def written(self) -> list[int]:
        """The tokens that the model added."""
        return self.ids[self.n_prompt :]


@contextmanager
def turning(model: Llama, way: Way) -> Iterator[None]:
    """Let every attention of a model turn queries and keys in another way while the block runs; may be nested."""
    layers = [block.attention for block in model.blocks]
    before = [vars(layer).pop("forward", None) for layer in layers]
    for layer in layers:
        layer.forward = partial(_forward, layer, way, model.config.rope_theta)
    try:
        yield
    finally:
        for layer, forward in zip(layers, before, strict=True):
            del layer.forward  # the class's own shows again
            if forward is not None:
                layer.forward = forward


def _forward(
    module: Attention,
    way: Way,
    theta: float,
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
    cache: KVCache | None = None,
    layer: int = 0,
) -> Tensor:
    """`Attention.forward` with other tables and other turns; (B, T, C) -> (B, T, C)."""
    start = 0 if cache is None else cache.length
    positions = torch.arange(start, start + x.shape[1], device=x.device)  # (T,)
    angles = way.angles(positions, module.head_dim, theta)  # (T, D//2)
    turns = iter((way.turn_query, way.turn_key))  # the order in which Attention.forward turns them
    attention.rotate = lambda *arguments: next(turns)(*arguments)
    try:
        return Attention.forward(module, x, angles.cos(), angles.sin(), cache, layer)
    finally:
        attention.rotate = rotate


@torch.inference_mode()
def read_turning(
    model: Llama, ids: list[int], max_new_tokens: int, stop_ids: Collection[int] = (), way: Way | None = None
) -> Run:
    """Read a text at once, then add the likeliest token and read it, one at a time, with a cache.

    Args:
        model: the model.
        ids: the text; not empty.
        max_new_tokens: the most tokens to add.
        stop_ids: ids that end the writing; they are not added.
        way: how to turn; None as the package does.
    """
    given: list[list[Tensor]] = [[] for _ in model.blocks]
    hooks = [
        block.attention.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0][0]))
        for block, seen in zip(model.blocks, given, strict=True)
    ]
    try:
        with turning(model, way or Way()):
            maps, written, _ = read(model, ids, max_new_tokens, stop_ids)
    finally:
        for hook in hooks:
            hook.remove()
    return Run(ids + written, len(ids), maps, [torch.cat(seen) for seen in given])


def first_difference(found: list[int], usual: list[int]) -> int:
    """How many tokens two texts have in common before they differ or one of them ends."""
    pairs = enumerate(zip(found, usual, strict=False))
    return next((k for k, (one, other) in pairs if one != other), min(len(found), len(usual)))


def compared(run: Run, usual: Run, tokenizer: Tokenizer) -> dict:
    """A run as text, cut where it leaves what the model writes as trained.

    Args:
        run: what was read and written in some way.
        usual: the same text, read and continued as trained.
        tokenizer: of both.

    Returns:
        pieces and n_prompt; what was written: the same as usual, and the rest; what is usual; a verdict in words.
    """
    same = first_difference(run.written, usual.written)
    ends = run.n_prompt, run.n_prompt + same, len(run.ids)
    read, agreed, whole = (tokenizer.decode(run.ids[:end]) for end in ends)
    if run.written == usual.written:
        verdict = f"the same {len(run.written)} tokens as trained"
    else:
        verdict = f"differs from what it writes as trained from new token {same + 1} on"
    return {
        "pieces": tokenizer.pieces(run.ids),
        "n_prompt": run.n_prompt,
        "same": agreed[len(read) :],
        "rest": whole[len(agreed) :],
        "usual": tokenizer.decode(usual.ids)[len(read) :],
        "verdict": verdict,
    }
