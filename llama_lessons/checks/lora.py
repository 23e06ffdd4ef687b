"""The checks of lesson 08 on an adapter as a class, and on merging it.

The references take another road than the lesson: they add outer products to the weight, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from llama_lessons.checks.exercise import check
from llama_lessons.checks.lora_mistakes import LORA_MISTAKES
from llama_lessons.checks.merge_mistakes import MERGE_MISTAKES


def _draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


LORA_EXAMPLES = [  # weight (F, C), rank, alpha, then x (..., C) and the a (r, C) and b (F, r) to try it with
    (_draw(4, 3, seed=1), 2, 5.0, _draw(5, 3, seed=2), _draw(2, 3, seed=3), _draw(4, 2, seed=4)),
    (_draw(3, 3, seed=5), 2, 0.5, _draw(4, 3, seed=6), _draw(2, 3, seed=7), _draw(3, 2, seed=8)),
    (_draw(2, 5, seed=9), 4, 7.0, _draw(2, 6, 5, seed=10), _draw(4, 5, seed=11), _draw(2, 4, seed=12)),
    (_draw(1, 2, seed=13), 1, 3.0, _draw(9, 2, seed=14), _draw(1, 2, seed=15), _draw(1, 1, seed=16)),
]


def effective_weight(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """The weight with the change in it, one outer product after the other.

    Args:
        weight: shape (F, C), as nn.Linear keeps it.
        a: shape (r, C).
        b: shape (F, r).
        alpha: strength; the change is scaled by alpha / r.

    Returns:
        Shape (F, C), in the weight's dtype; sums are made in float32 and rounded once.
    """
    total = weight.float()
    for row, column in zip(a, b.T, strict=True):
        total = total + torch.outer(column, row) * (alpha / len(a))
    return total.type_as(weight)


class _Reference(nn.Module):
    """An adapter by another road: the changed weight is made, then applied."""

    def __init__(self, layer: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.layer, self.alpha = layer.requires_grad_(False), alpha
        self.a = nn.Parameter(torch.randn(rank, layer.in_features))
        self.b = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., F)."""
        return x @ effective_weight(self.layer.weight, self.a, self.b, self.alpha).T


def _observed(kind: type, weight: Tensor, rank: int, alpha: float, x: Tensor, a: Tensor, b: Tensor) -> dict | None:
    """What an adapter is and does: as it is made, and once more with given a and b."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        layer.weight.data = weight
        adapter = kind(layer, rank, alpha)
        first = adapter(x)
        if not isinstance(first, Tensor):
            return first
        found = {name: _kind_of(adapter, name) for name in ("a", "b")}
        if any("Parameter" not in words and "Tensor" not in words for words in found.values()):
            return found
        found |= {
            "trained": _trained(adapter, layer),
            "the layer is part of the module": _holds(adapter, weight),
            "begins as the layer": _beginning(first, x @ weight.T, adapter),
            "gradients at the beginning": _first_gradients(first, adapter),
            "rows of a alike": rank > 1 and bool(adapter.a.any()) and bool((adapter.a == adapter.a[:1]).all()),
        }
        return found | _tried(adapter, x, a, b)


def adapter(*example: Any) -> dict | None:
    """What the reference is and does on an example, whose tensors have the shapes (F, C), (..., C), (r, C), (F, r)."""
    return _observed(_Reference, *example)


def _tried(adapter: nn.Module, x: Tensor, a: Tensor, b: Tensor) -> dict:
    """What an adapter computes with given a and b, and which gradients that has."""
    if (adapter.a.shape, adapter.b.shape) != (a.shape, b.shape):
        return {"output": "not tried"}
    with torch.no_grad():
        adapter.a.copy_(a)
        adapter.b.copy_(b)
    x = x.clone().requires_grad_()
    output = adapter(x)
    if not torch.equal(output, adapter(x)):
        return {"the same output twice": False}
    gradients = zip(("x", "a", "b"), _gradients(output, x, adapter.a, adapter.b), strict=True)
    return {"the same output twice": True, "output": output.detach()} | {
        f"gradient of {name}": part for name, part in gradients
    }


def _kind_of(adapter: nn.Module, name: str) -> str:
    """What `self.a` or `self.b` is."""
    part = getattr(adapter, name, None)
    return "missing" if part is None else f"{type(part).__name__} {tuple(getattr(part, 'shape', ()))}"


def _trained(adapter: nn.Module, layer: nn.Linear) -> list[str]:
    """The names of what an optimizer would train."""
    names = {id(adapter.a): "a", id(adapter.b): "b", id(layer.weight): "the layer's weight"}
    found = {id(weight) for weight in (*adapter.parameters(), layer.weight) if weight.requires_grad}
    return sorted(names.get(key, "something else") for key in found)


def _holds(adapter: nn.Module, weight: Tensor) -> bool:
    """Whether the layer's weight is saved with the adapter."""
    matrices = [part for part in adapter.state_dict().values() if part.dim() == 2]
    return any(torch.equal(part, weight) or torch.equal(part.T, weight) for part in matrices)


def _beginning(output: Tensor, wanted: Tensor, adapter: nn.Module) -> str:
    """Whether the output is the layer's own, with a and b as they begin."""
    if output.shape == wanted.shape and torch.allclose(output, wanted, atol=1e-5):
        return "yes"
    return ", ".join(["no", *(f"{name} holds {_numbers(getattr(adapter, name))}" for name in ("a", "b"))])


def _numbers(part: Tensor) -> str:
    if not part.any():
        return "zeros"
    return "one number" if bool((part == part.flatten()[0]).all()) else "noise"


def _first_gradients(output: Tensor, adapter: nn.Module) -> str:
    """Whether any number of a or b would move at the first step."""
    found = [gradient for gradient in _gradients(output, adapter.a, adapter.b) if gradient is not None]
    return "some" if any(bool(gradient.any()) for gradient in found) else "all zero" if found else "none"


def _gradients(output: Tensor, *parts: Tensor) -> list[Tensor | None]:
    """Of the sum of the output's squares, each in the shape of its part, any shape; None where it does not matter."""
    asked = [part for part in parts if part.requires_grad]
    if not (output.requires_grad and asked):
        return [None] * len(parts)
    found = iter(torch.autograd.grad(output.square().sum(), asked, allow_unused=True))
    return [next(found) if part.requires_grad else None for part in parts]


def _trying(weight: Tensor, rank: int, alpha: float, x: Tensor, a: Tensor, b: Tensor) -> str:
    """How a reader would write it."""
    layer = f"layer = nn.Linear({weight.shape[1]}, {weight.shape[0]}, bias=False)"
    return f"{layer}; lora = MyLora(layer, {rank}, {alpha}); lora(x) with x of shape {tuple(x.shape)}"


def check_lora(answer: type) -> None:
    """Check `MyLora`: a module made of (layer, rank, alpha) with parameters a of shape (r, C) and b of shape (F, r).

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    mistakes = {advice: partial(_observed, mistake) for advice, mistake in LORA_MISTAKES.items()}
    check(answer, adapter, LORA_EXAMPLES, mistakes, use=_observed, call=_trying)


MERGE_EXAMPLES = [  # weight (F, C), a (r, C), b (F, r), alpha
    (
        torch.tensor([[1.0, 2.0, 3.0]]),
        torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]]),
        torch.tensor([[10.0, 1.0]]),
        5.0,
    ),
    (_draw(3, 3, seed=21), _draw(3, 3, seed=22), _draw(3, 3, seed=23), 7.0),
    (_draw(4, 3, seed=24), _draw(2, 3, seed=25), _draw(4, 2, seed=26), 5.0),
    (_draw(6, 5, seed=27).bfloat16(), _draw(3, 5, seed=28), _draw(6, 3, seed=29), 4.0),
    (_draw(9, 12, seed=30).bfloat16(), _draw(4, 12, seed=31), _draw(9, 4, seed=32), 6.0),
]


def check_merge(answer: Callable) -> None:
    """Check `my_merge(weight, a, b, alpha)`: what `effective_weight` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, effective_weight, MERGE_EXAMPLES, MERGE_MISTAKES)
