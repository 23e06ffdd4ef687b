"""Wrong adapters of lesson 08, each under the words that a reader who made the mistake is told.

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

    def change(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., F)."""
        return self.factor() * (x @ self.a.T @ self.b.T)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., F)."""
        return self.layer(x) + self.change(x)


def _lora(**parts: Callable) -> type[Lora]:
    return type("Lora", (Lora,), parts)


def _started(start: Callable) -> type[Lora]:
    """An adapter whose a and b are made by `start(r, C, F)`."""
    return _lora(start=lambda self, *sizes: tuple(nn.Parameter(part) for part in start(*sizes)))


def _frozen(*names: str) -> type[Lora]:
    """An adapter that freezes these, too."""

    def freeze(self: Lora) -> None:
        for name in ("layer", *names):
            getattr(self, name).requires_grad_(False)

    return _lora(freeze=freeze)


def _plain(*names: str, grad: bool = True) -> type[Lora]:
    """An adapter with plain tensors in place of these parameters."""

    def freeze(self: Lora) -> None:
        self.layer.requires_grad_(False)
        for name in names:
            tensor = getattr(self, name).detach().clone().requires_grad_(grad)
            delattr(self, name)
            setattr(self, name, tensor)

    return _lora(freeze=freeze)


def _copied(self: Lora) -> None:
    self.layer.requires_grad_(False)
    self.weight = nn.Parameter(self.layer.weight.detach().clone())


def _layers(self: Lora, rank: int, n_in: int, n_out: int) -> tuple[nn.Linear, nn.Linear]:
    a, b = nn.Linear(n_in, rank, bias=False), nn.Linear(rank, n_out, bias=False)
    nn.init.zeros_(b.weight)
    return a, b


def _hidden(self: Lora) -> None:
    kept = self.layer.requires_grad_(False)
    del self.layer
    self.kept = [kept]


def _without_gradients(self: Lora, x: Tensor) -> Tensor:
    with torch.no_grad():
        change = self.change(x)
    return self.layer(x) + change


def _flattened(self: Lora, x: Tensor) -> Tensor:
    return Lora.forward(self, x.reshape(-1, x.shape[-1]))


LORA_MISTAKES = {
    "you scaled by alpha: scale by alpha / rank": _lora(factor=lambda self: self.alpha),
    "you forgot the scale: multiply the change by alpha / rank": _lora(factor=lambda self: 1.0),
    "you scaled by rank / alpha: it is alpha / rank": _lora(factor=lambda self: self.rank / self.alpha),
    "you scaled by alpha * rank: divide by the rank": _lora(factor=lambda self: self.alpha * self.rank),
    "you scaled by alpha / sqrt(rank): that is another method (rsLoRA); LoRA divides by the rank": (
        _lora(factor=lambda self: self.alpha / self.rank**0.5)
    ),
    "you scaled by alpha / in_features, the number of inputs: divide by the rank": (
        _lora(factor=lambda self: self.alpha / self.layer.in_features)
    ),
    "you scaled twice, at a and at b: once is enough": _lora(factor=lambda self: (self.alpha / self.rank) ** 2),
    "you scaled the layer's own output too: alpha / rank belongs to the change alone": (
        _lora(forward=lambda self, x: self.factor() * self.layer(x) + self.change(x))
    ),
    "you scaled the layer's own output, and not the change: alpha / rank belongs to the change alone": (
        _lora(forward=lambda self, x: self.factor() * self.layer(x) + x @ self.a.T @ self.b.T)
    ),
    "you left out the layer: the change comes on top of what it computes": (
        _lora(forward=lambda self, x: self.change(x))
    ),
    "you left out the change, or made it once, in __init__: add it in forward to what the layer computes": _lora(
        forward=lambda self, x: self.layer(x)
    ),
    "you subtracted the change: add it": _lora(forward=lambda self, x: self.layer(x) - self.change(x)),
    "you put the change before the layer: it reads the same x as the layer, beside it": (
        _lora(forward=lambda self, x: self.layer(x + self.change(x)))
    ),
    "you put the change behind the layer: it reads the same x as the layer, beside it": (
        _lora(forward=lambda self, x: Lora.change(self, y := self.layer(x)) + y)
    ),
    "you put dropout into it, which is always on here and draws at random: the exercise asks for none": (
        _lora(change=lambda self, x: Lora.change(self, nn.functional.dropout(x, 0.5)))
    ),
    "you started b as noise: with b at zero the model begins as it was": (
        _started(lambda r, n, out: (torch.randn(r, n), torch.randn(out, r)))
    ),
    "you started b as ones: with b at zero the model begins as it was": (
        _started(lambda r, n, out: (torch.randn(r, n), torch.ones(out, r)))
    ),
    "you started both at zero: then each one's gradient is a product with the other, zero, and nothing ever moves": (
        _started(lambda r, n, out: (torch.zeros(r, n), torch.zeros(out, r)))
    ),
    "you started all rows of a alike: they get the same gradient for ever, and the rank stays 1; begin with noise": (
        _started(lambda r, n, out: (torch.ones(r, n), torch.zeros(out, r)))
    ),
    "you left the weight to be trained: freeze it with layer.requires_grad_(False)": _lora(freeze=lambda self: None),
    "you froze a: both a and b are trained": _frozen("a"),
    "you froze b: both a and b are trained": _frozen("b"),
    "you froze everything: both a and b are trained": _frozen("a", "b"),
    "you made plain tensors: an optimizer finds nn.Parameter only": _plain("a", "b"),
    "you made a a plain tensor: an optimizer finds nn.Parameter only": _plain("a"),
    "you made b a plain tensor: an optimizer finds nn.Parameter only": _plain("b"),
    "you made a and b layers: they are parameters, not nn.Linear; write nn.Parameter(...)": (
        _lora(start=_layers, change=lambda self, x: self.factor() * self.b(self.a(x)))
    ),
    "you swapped the shapes of a and b: a is (rank, in), b is (out, rank)": _lora(
        start=lambda self, r, n, out: (nn.Parameter(torch.zeros(out, r)), nn.Parameter(torch.randn(r, n))),
        change=lambda self, x: self.factor() * (x @ self.b.T @ self.a.T),
    ),
    "you made a of shape (in, rank) and b of shape (rank, out): store them the other way round, as nn.Linear does": (
        _lora(
            start=lambda self, r, n, out: (nn.Parameter(torch.randn(n, r)), nn.Parameter(torch.zeros(r, out))),
            change=lambda self, x: self.factor() * (x @ self.a @ self.b),
        )
    ),
    "you computed the change without gradients: nothing can be learned": _lora(forward=_without_gradients),
    "a gets no gradient: something detaches it": (
        _lora(change=lambda self, x: self.factor() * (x @ self.a.detach().T @ self.b.T))
    ),
    "what a makes of x is computed without gradients: a gets no gradient, and x too little": (
        _lora(change=lambda self, x: self.factor() * ((x @ self.a.T).detach() @ self.b.T))
    ),
    "the frozen layer is computed without gradients (no_grad, or detach): its weight needs none, but x does, or the "
    "layers before this one learn from the change alone": (
        _lora(forward=lambda self, x: self.layer(x).detach() + self.change(x))
    ),
    "x gets no gradient: something detaches it, and the layers before this one cannot learn": (
        _lora(forward=lambda self, x: Lora.forward(self, x.detach()))
    ),
    "x gets no gradient from the change: something detaches it, and the layers before this one learn the wrong thing": (
        _lora(forward=lambda self, x: self.layer(x) + self.change(x.detach()))
    ),
    "the layer is no part of the module, hidden in a list: it must be registered (self.layer = layer), or state_dict "
    "and .to forget it": _lora(freeze=_hidden, forward=lambda self, x: self.kept[0](x) + self.change(x)),
    "you copied the weight into a parameter of your own, which is trained: keep the layer, frozen": (
        _lora(freeze=_copied, forward=lambda self, x: x @ self.weight.T + self.change(x))
    ),
    "you flattened x to rows: the output has the same axes as x": _lora(forward=_flattened),
}
