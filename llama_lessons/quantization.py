"""Weights in 8 or 4 bits: whole numbers, and a scale for every row or every group of a row; all else as it was."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from llama_lessons.model import Llama

LARGEST = {"int8": 127, "int4": 7}  # codes run from minus to plus this number: the same on both sides of 0
OFFSET = 8  # makes an int4 code a number from 1 to 15, which half a byte can hold


def to_codes(weight: Tensor, kind: str, group: int) -> tuple[Tensor, Tensor]:
    """The whole numbers that stand for a weight, and the scales that they are multiplied with.

    Args:
        weight: shape (F, C), any floating-point type; finite.
        kind: "int8" or "int4".
        group: neighbours in a row that share a scale (G); the last group is filled up with zeros.

    Returns:
        Codes, int8, shape (F, n, G) for n groups, and scales, bfloat16, shape (F, n); codes are those that are best
        for the scale as it is kept.

    Source: absmax quantization, LLM.int8(), arXiv:2208.07339, section 2.1.
    """
    parts = pad(weight.float(), (0, -weight.shape[1] % group)).unflatten(1, (-1, group))  # (F, n, G)
    scale = (parts.abs().amax(-1) / LARGEST[kind]).bfloat16()  # (F, n)
    steps = parts / scale.float().where(scale > 0, 1.0).unsqueeze(-1)  # nothing but zeros: any scale will do
    return steps.round().clamp(-LARGEST[kind], LARGEST[kind]).to(torch.int8), scale


def pack(codes: Tensor) -> Tensor:
    """Two int4 codes in a byte: (F, n, G) int8 -> (F, n, G/2) uint8, the group's second half in the upper four bits."""
    first, second = (codes + OFFSET).to(torch.uint8).chunk(2, dim=-1)
    return first | (second << 4)


def unpack(packed: Tensor) -> Tensor:
    """What `pack` was given: (F, n, G/2) uint8 -> (F, n, G) int8."""
    return torch.cat((packed & 15, packed >> 4), dim=-1).to(torch.int8) - OFFSET


class QuantizedLinear(nn.Module):
    """A linear layer whose weight is kept as codes and scales. It cannot be trained; gradients pass through it.

    Args:
        weight: shape (F, C).
        kind: "int8" or "int4".
        group: neighbours in a row that share a scale; None is the whole row.
    """

    def __init__(self, weight: Tensor, kind: str, group: int | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.kind, self.group = kind, group
        self.width = min(group or self.in_features, self.in_features) + 1 & ~1  # of a group here; two codes, one byte
        codes, scale = to_codes(weight, kind, self.width)
        self.register_buffer("codes", pack(codes) if kind == "int4" else codes)
        self.register_buffer("scale", scale)

    def dequantize(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The weight that the codes stand for: (F, C)."""
        codes = unpack(self.codes) if self.kind == "int4" else self.codes
        weight = codes.to(dtype) * self.scale.to(dtype).unsqueeze(-1)  # (F, n, G)
        return weight.flatten(1)[:, : self.in_features]

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., F); the weight of one row in a compiled step exists only number by number."""
        if torch.compiler.is_compiling() and x.numel() == self.in_features:
            return self._one_row(x.float()).type_as(x)
        return linear(x, self.dequantize(x.dtype))

    def _one_row(self, x: Tensor) -> Tensor:
        """As `compiled` writes products of one row, as sums; a scale is applied once for its whole group."""
        x = pad(x, (0, self.codes.shape[1] * self.width - self.in_features))
        x = x.as_strided(x.shape, x.stride())  # written, or the compiler computes x anew for every row of the weight
        parts = x.unflatten(-1, (1, -1, self.width))  # (..., 1, n, G)
        if self.kind == "int8":
            sums = (self.codes.float() * parts).sum(-1)  # (..., F, n)
        else:
            first, second = parts.chunk(2, dim=-1)
            pairs = self.codes.int()  # bytes in wide numbers: shifting them is one instruction
            sums = ((pairs & 15) * first + (pairs >> 4) * second).sum(-1) - OFFSET * parts.sum(-1)
        return (sums * self.scale.float()).sum(-1)


def quantize(model: Llama, kind: str, group: int | None = None) -> Llama:
    """Replace a model's matrices by quantized ones, in place, one after the other.

    The embedding table stays as it is, and so does a head that is tied to it; norms, too. What is left is frozen.

    Args:
        model: a plain Llama, on any device, the meta device as well.
        kind: "int8" or "int4".
        group: neighbours in a row that share a scale, an even number, which need not divide the row; None: all of it.

    Returns:
        The same model: it runs, is compiled, saved and opened as before, and is not trained.

    Raises:
        ValueError: an argument is out of range, the model is quantized or has adapters, or a weight is not finite.
    """
    if kind not in LARGEST:
        raise ValueError(f"kind must be one of {', '.join(LARGEST)}, got {kind!r}")
    if group is not None and (not isinstance(group, int) or group < 2 or group % 2):
        raise ValueError(f"group must be an even number of at least 2, or None for a whole row, got {group!r}")
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear | QuantizedLinear)}
    if model.config.tie_embeddings:
        del layers["output"]
    for name, layer in layers.items():
        if type(layer) is not nn.Linear:
            what = "is quantized already" if isinstance(layer, QuantizedLinear) else "has adapters: merge them first"
            raise ValueError(f"model {what} ({name} is a {type(layer).__name__})")
        if not (layer.weight.is_meta or torch.stack(layer.weight.aminmax()).isfinite().all()):
            raise ValueError(f"model holds NaN or infinite numbers in {name}: it broke, most likely in training")
    model.requires_grad_(False)
    for name in list(layers):
        model.set_submodule(name, QuantizedLinear(layers.pop(name).weight, kind, group))
    return model


def quantized_layers(model: nn.Module) -> dict[str, QuantizedLinear]:
    """The quantized layers of a model, by name."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, QuantizedLinear)}
