"""Wrong adapters and wrong merges of lesson 08, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Lora(nn.Module):
    """A right answer, part by part, for the wrong ones to change one part of.

    Args:
        layer: the layer to change.
        rank: rows of a (r).
        alpha: strength of the change.
    """

    def __init__(self, layer: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.layer, self.rank, self.alpha = layer, rank, alpha
        self.a, self.b = self.start(rank, layer.in_features, layer.out_features)
        self.freeze()

    def start(self, rank: int, n_in: int, n_out: int) -> tuple[nn.Parameter, nn.Parameter]:
        """a of shape (r, C) and b of shape (F, r)."""
        return nn.Parameter(torch.randn(rank, n_in)), nn.Parameter(torch.zeros(n_out, rank))

    def freeze(self) -> None:
        """The weight is not to be trained."""
        self.layer.requires_grad_(False)

    def factor(self) -> float:
        """What the change is multiplied with."""
        return self.alpha / self.rank

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) -> (N, F)."""
        return self.layer(x) + self.factor() * (x @ self.a.T @ self.b.T)


def _lora(**parts: Callable) -> type[Lora]:
    return type("Lora", (Lora,), parts)


def _parameters(*tensors: Tensor) -> tuple[nn.Parameter, ...]:
    return tuple(map(nn.Parameter, tensors))


class _PlainTensors(Lora):
    def start(self, rank: int, n_in: int, n_out: int) -> tuple[Tensor, Tensor]:
        return torch.randn(rank, n_in, requires_grad=True), torch.zeros(n_out, rank, requires_grad=True)


class _OnlyB(Lora):
    def freeze(self) -> None:
        self.layer.requires_grad_(False)
        self.a.requires_grad_(False)


class _Copied(Lora):
    def freeze(self) -> None:
        self.layer.requires_grad_(False)
        self.weight = nn.Parameter(self.layer.weight.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) -> (N, F)."""
        return x @ self.weight.T + self.factor() * (x @ self.a.T @ self.b.T)


def _without_gradients(self: Lora, x: Tensor) -> Tensor:
    with torch.no_grad():
        change = self.factor() * (x @ self.a.T @ self.b.T)
    return self.layer(x) + change


LORA_MISTAKES = {
    "you scaled by alpha: scale by alpha / rank": _lora(factor=lambda self: self.alpha),
    "you forgot the scale: multiply the change by alpha / rank": _lora(factor=lambda self: 1.0),
    "you scaled by rank / alpha: it is alpha / rank": _lora(factor=lambda self: self.rank / self.alpha),
    "you scaled by alpha * rank: divide by the rank": _lora(factor=lambda self: self.alpha * self.rank),
    "you scaled by alpha / sqrt(rank): that is another method (rsLoRA); LoRA divides by the rank": (
        _lora(factor=lambda self: self.alpha / self.rank**0.5)
    ),
    "you scaled the layer's own output too: alpha / rank belongs to the change alone": (
        _lora(forward=lambda self, x: self.factor() * (self.layer(x) + x @ self.a.T @ self.b.T))
    ),
    "you left out the layer: the change comes on top of what it computes": (
        _lora(forward=lambda self, x: self.factor() * (x @ self.a.T @ self.b.T))
    ),
    "you left out the change: add it to what the layer computes": _lora(forward=lambda self, x: self.layer(x)),
    "you subtracted the change: add it": (
        _lora(forward=lambda self, x: self.layer(x) - self.factor() * (x @ self.a.T @ self.b.T))
    ),
    "you put the change behind the layer: it reads the same x as the layer, beside it": (
        _lora(forward=lambda self, x: self.layer(x + self.factor() * (x @ self.a.T @ self.b.T)[..., : x.shape[-1]]))
    ),
    "you started b as noise: with b at zero the model begins as it was": (
        _lora(start=lambda self, r, n, out: _parameters(torch.randn(r, n), torch.randn(out, r)))
    ),
    "you started both at zero: then each one's gradient is a product with the other, zero, and nothing ever moves": (
        _lora(start=lambda self, r, n, out: _parameters(torch.zeros(r, n), torch.zeros(out, r)))
    ),
    "you left the weight to be trained: freeze it with layer.requires_grad_(False)": _lora(freeze=lambda self: None),
    "you made plain tensors: an optimizer finds nn.Parameter only": _PlainTensors,
    "you froze a: both a and b are trained": _OnlyB,
    "you swapped the shapes of a and b: a is (rank, in), b is (out, rank)": (
        _lora(
            start=lambda self, r, n, out: _parameters(torch.zeros(out, r), torch.randn(r, n)),
            forward=lambda self, x: self.layer(x) + self.factor() * (x @ self.b.T @ self.a.T),
        )
    ),
    "you made a of shape (in, rank) and b of shape (rank, out): store them the other way round, as nn.Linear does": (
        _lora(
            start=lambda self, r, n, out: _parameters(torch.randn(n, r), torch.zeros(r, out)),
            forward=lambda self, x: self.layer(x) + self.factor() * (x @ self.a @ self.b),
        )
    ),
    "you computed the change without gradients: nothing can be learned": _lora(forward=_without_gradients),
    "you copied the weight into a parameter of your own, which is trained: keep the layer, frozen": _Copied,
    "a gets no gradient: something detaches it": (
        _lora(forward=lambda self, x: self.layer(x) + self.factor() * (x @ self.a.detach().T @ self.b.T))
    ),
    "you started all rows of a alike: they get the same gradient for ever, and the rank stays 1; begin with noise": (
        _lora(start=lambda self, r, n, out: _parameters(torch.ones(r, n), torch.zeros(out, r)))
    ),
}


def _merge(change: Callable) -> Callable:
    """A wrong merge: `change(weight, a, b, scale)` in float32, rounded to the weight's type at the end."""

    def wrong(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
        return change(weight.float(), a, b, alpha / a.shape[0]).type_as(weight)

    return wrong


MERGE_MISTAKES = {
    "you forgot the scale: the change is alpha / rank * b @ a": _merge(lambda w, a, b, s: w + b @ a),
    "you scaled by alpha: scale by alpha / rank": lambda w, a, b, alpha: (w.float() + alpha * b @ a).type_as(w),
    "you divided by the wrong side of a: its rank is a.shape[0], its number of rows": (
        lambda w, a, b, alpha: (w.float() + alpha / a.shape[1] * b @ a).type_as(w)
    ),
    "you scaled by alpha / sqrt(rank): LoRA divides by the rank": (
        lambda w, a, b, alpha: (w.float() + alpha / a.shape[0] ** 0.5 * b @ a).type_as(w)
    ),
    "you multiplied in the wrong order: b @ a, not a @ b": _merge(lambda w, a, b, s: w + s * a @ b),
    "you transposed the product: weight is (out, in), and so is b @ a": _merge(lambda w, a, b, s: w + s * (b @ a).T),
    "you merged twice: add the change once": _merge(lambda w, a, b, s: w + 2 * s * b @ a),
    "you subtracted the change: that is how one takes it out again": _merge(lambda w, a, b, s: w - s * b @ a),
    "you gave the change alone: add it to the weight": _merge(lambda w, a, b, s: s * b @ a),
    "you scaled the weight too: alpha / rank belongs to the change alone": _merge(lambda w, a, b, s: s * (w + b @ a)),
    "you rounded the change to the weight's type before you added it: add in float32, round once": (
        lambda w, a, b, alpha: w + (alpha / a.shape[0] * b @ a).type_as(w)
    ),
    "you rounded a and b to the weight's type first: multiply and add in float32, round once": (
        lambda w, a, b, alpha: w + alpha / a.shape[0] * b.type_as(w) @ a.type_as(w)
    ),
}
