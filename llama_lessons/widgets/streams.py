"""The residual stream of a model, listened in on while the model runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def streams(model: nn.Module, ids: list[int]) -> tuple[list[Tensor], list[Tensor]]:
    """The residual stream of a text at every place, as the model itself computes it.

    Args:
        model: a Llama, or a model of the same parts under the same names.
        ids: the text.

    Returns:
        The stream after each layer's attention; and the embedding, then the stream after each layer. (T, C) each.
    """
    middle: list[Tensor] = []
    ends: list[Tensor] = []
    tokens = torch.tensor([ids], device=model.embedding.weight.device)  # (1, T)
    with _hooks(model, middle, ends):
        model(tokens)
    return middle, ends


@contextmanager
def _hooks(model: nn.Module, middle: list[Tensor], ends: list[Tensor]) -> Iterator[None]:
    read: list[Tensor] = []  # what the norms were given; the last of it is what the feed-forward layer reads

    def keep(_part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        read.append(inputs[0][0])

    hooks = [model.blocks[0].register_forward_pre_hook(lambda _, inputs: ends.append(inputs[0][0]))]
    for block in model.blocks:
        hooks += [
            block.attention_norm.register_forward_pre_hook(keep),
            block.feed_forward_norm.register_forward_pre_hook(keep),  # a broken block may have exchanged the two
            block.feed_forward.register_forward_pre_hook(lambda _, inputs: middle.append(read[-1])),
            block.register_forward_hook(lambda _, inputs, output: ends.append(output[0])),
        ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
