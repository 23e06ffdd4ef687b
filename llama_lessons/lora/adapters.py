"""LoRA: train a low-rank change of some weights and leave the weights themselves alone."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from llama_lessons.model import Llama
from llama_lessons.quantization import quantized_layers

TARGETS = ("wq", "wk", "wv", "wo", "w_gate", "w_up", "w_down")


class LoraLinear(nn.Linear):
    """A linear layer and, beside it, a change of rank r: `x W^T + alpha / r * x A^T B^T`.

    A starts as noise and B as zeros, so the layer begins as it was. Both are float32 or wider: small steps would be
    lost in 16 bits.

    Args:
        layer: the layer to change; its weight is shared, not copied.
        rank: rows of A (r).
        alpha: strength of the change, no unit.

    Source: LoRA, arXiv:2106.09685, section 4.1.
    """

    def __init__(self, layer: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__(layer.in_features, layer.out_features, bias=False, device="meta")
        self.weight = layer.weight
        kind = {"device": layer.weight.device, "dtype": torch.promote_types(layer.weight.dtype, torch.float32)}
        bound = layer.in_features**-0.5
        self.lora_a = nn.Parameter(torch.empty(rank, layer.in_features, **kind).uniform_(-bound, bound))  # (r, C)
        self.lora_b = nn.Parameter(torch.zeros(layer.out_features, rank, **kind))  # (F, r)
        self.alpha, self.scale = alpha, alpha / rank

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., F), for any number of channels in and out."""
        change = linear(linear(x.to(self.lora_a.dtype), self.lora_a), self.lora_b) * self.scale
        return linear(x, self.weight) + change.type_as(x)

    def change(self) -> Tensor:
        """What the adapter adds to the weight: (F, C), channels out and in."""
        return self.lora_b @ self.lora_a * self.scale


def add_lora(model: Llama, rank: int, alpha: float, targets: Iterable[str] = ("wq", "wv")) -> list[nn.Parameter]:
    """Put adapters into every layer of a model and freeze all else, in place.

    Args:
        model: a plain Llama; it computes the same as before until the adapters are trained.
        rank: r, at least 1.
        alpha: strength; the change is scaled by alpha / rank, so that another rank hardly needs another rate.
        targets: which of wq, wk, wv, wo, w_gate, w_up, w_down; the default is the paper's.

    Returns:
        The new parameters, two for each adapter.

    Raises:
        ValueError: an argument is out of range, a target is none of the seven, or there are adapters already.

    Source: LoRA, arXiv:2106.09685, sections 4.1 and 4.2.
    """
    targets = list(targets)
    unknown = [target for target in targets if target not in TARGETS]
    if unknown or not targets:
        raise ValueError(f"targets must be some of {', '.join(TARGETS)}, got {unknown[0] if unknown else 'none'!r}")
    check_size(rank, alpha)
    refuse_second_set(model)
    names = [name for name, _ in model.named_modules() if name.split(".")[-1] in targets]
    return inject(model, {name: LoraLinear(model.get_submodule(name), rank, alpha) for name in names})


def check_size(rank: int, alpha: float) -> None:
    """Raise ValueError, naming the argument, unless rank is a whole number of at least 1 and alpha is above 0."""
    if not isinstance(rank, int) or rank < 1:
        raise ValueError(f"rank must be a whole number of at least 1, got {rank!r}")
    if not isinstance(alpha, (int, float)) or not 0 < alpha < math.inf:
        raise ValueError(f"alpha must be above 0, got {alpha!r}")


def adapters(model: nn.Module) -> dict[str, LoraLinear]:
    """The layers with an adapter, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, LoraLinear)}


@torch.no_grad()
def merge_lora(model: Llama) -> dict[str, LoraLinear]:
    """Add every adapter's change to its weight and make the model a plain Llama again, in place.

    Returns:
        The adapters that were taken out, by name: `unmerge_lora` puts them back.

    Raises:
        ValueError: the model has no adapters.
    """
    found = some_adapters(model)
    for name, layer in found.items():
        plain = nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
        plain.weight = layer.weight
        plain.weight.copy_(plain.weight + layer.change())  # added in the wider dtype of the two
        model.set_submodule(name, plain)
    model.requires_grad_(True)
    return found


@torch.no_grad()
def unmerge_lora(model: Llama, merged: dict[str, LoraLinear]) -> list[nn.Parameter]:
    """Undo `merge_lora`: the weights are what they were, within rounding.

    Args:
        model: the model that `merge_lora` was given.
        merged: what it returned.

    Returns:
        The adapters' parameters, as `add_lora` gives them.

    Raises:
        ValueError: the model has adapters, or `merged` is from another model, whose weights would be changed.
    """
    refuse_second_set(model)
    weights = dict(model.named_parameters())
    for name, layer in merged.items():
        if weights.get(f"{name}.weight") is not layer.weight:
            raise ValueError(f"merged holds adapters of another model: its {name} is not this model's")
    for layer in merged.values():
        layer.weight.copy_(layer.weight - layer.change())
    return inject(model, merged)


def inject(model: Llama, layers: dict[str, LoraLinear]) -> list[nn.Parameter]:
    """Put layers with adapters into a model, freeze all else, and give the adapters' parameters."""
    model.requires_grad_(False)
    for name, layer in layers.items():
        model.set_submodule(name, layer)
    return [weight.requires_grad_() for layer in layers.values() for weight in (layer.lora_a, layer.lora_b)]


def refuse_second_set(model: Llama) -> None:
    """Raise ValueError if a model has adapters, or quantized layers, which take none."""
    if quantized_layers(model):
        raise ValueError("model is quantized: put adapters into the original, merge them, then quantize it")
    if adapters(model):
        raise ValueError("model has adapters already: merge them first (merge_lora), or load the model anew")


def some_adapters(model: Llama) -> dict[str, LoraLinear]:
    """The layers with an adapter, by name; ValueError if there are none."""
    found = adapters(model)
    if not found:
        raise ValueError("model has no adapters: add_lora or load_lora puts them in")
    return found
