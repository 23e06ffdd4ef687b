"""The checks of lesson 08 on an adapter as a class, and on merging it.

The references take another road than the lesson: they add outer products to the weight, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from llama_lessons.checks.exercise import check
from llama_lessons.checks.lora_mistakes import LORA_MISTAKES, MERGE_MISTAKES


def _draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


LORA_EXAMPLES = [  # weight (F, C), rank, alpha, then x (N, C) and the a (r, C) and b (F, r) to try it with
    (torch.tensor([[1.0, 2.0]]), 1, 3.0, *(torch.tensor(rows) for rows in ([[1.0, 1.0]], [[2.0, 5.0]], [[10.0]]))),
    (_draw(4, 3, seed=1), 2, 6.0, _draw(5, 3, seed=2), _draw(2, 3, seed=3), _draw(4, 2, seed=4)),
    (_draw(3, 3, seed=5), 3, 0.5, _draw(2, 3, seed=6), _draw(3, 3, seed=7), _draw(3, 3, seed=8)),
    (_draw(2, 5, seed=9), 4, 8.0, _draw(2, 6, 5, seed=10), _draw(4, 5, seed=11), _draw(2, 4, seed=12)),
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


class _Observed:
    """What a class of adapters does, as a function of an example: made, run, and run once more with given a and b."""

    def __init__(self, kind: type) -> None:
        self.kind, self.__name__ = kind, getattr(kind, "__name__", "your answer")
        if isinstance(kind, type) and "__init__" in vars(kind):
            self.__code__ = kind.__init__.__code__  # where the reader's own lines are

    def __call__(self, weight: Tensor, rank: int, alpha: float, x: Tensor, a: Tensor, b: Tensor) -> dict:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
            layer.weight.data = weight
            adapter = self.kind(layer, rank, alpha)
            first = adapter(x)
            found = {
                "a": tuple(adapter.a.shape),
                "b": tuple(adapter.b.shape),
                "trained": _trained(adapter, layer),
                "begins as the layer": torch.allclose(first, x @ weight.T, atol=1e-5),
                "gradients": _gradients(first, adapter),
                "rows of a alike": rank > 1 and bool(adapter.a.any()) and bool((adapter.a == adapter.a[:1]).all()),
            }
            if (found["a"], found["b"]) != (a.shape, b.shape):
                return found | {"output": "not tried"}
            with torch.no_grad():
                adapter.a.copy_(a)
                adapter.b.copy_(b)
            output = adapter(x)
            learns = [_learns(output, factor) for factor in (adapter.a, adapter.b)]
            return found | {"output": output.detach(), "a and b learn": learns}


def _trained(adapter: nn.Module, layer: nn.Linear) -> list[str]:
    """The names of what an optimizer would train."""
    names = {id(adapter.a): "a", id(adapter.b): "b", id(layer.weight): "the layer's weight"}
    found = {id(weight) for weight in (*adapter.parameters(), layer.weight) if weight.requires_grad}
    return sorted(names.get(key, "something else") for key in found)


def _gradients(output: Tensor, adapter: nn.Module) -> str:
    """Whether any number of a or b would move at the first step."""
    factors = [weight for weight in (adapter.a, adapter.b) if weight.requires_grad]
    if not output.requires_grad or not factors:
        return "none"
    gradients = torch.autograd.grad(output.square().sum(), factors, allow_unused=True)
    found = [gradient for gradient in gradients if gradient is not None]
    return "some" if any(bool(gradient.any()) for gradient in found) else "all zero" if found else "none"


def _learns(output: Tensor, factor: Tensor) -> bool:
    """Whether a factor gets a gradient where neither is zero."""
    if not (output.requires_grad and factor.requires_grad):
        return False
    [gradient] = torch.autograd.grad(output.square().sum(), factor, retain_graph=True, allow_unused=True)
    return gradient is not None and bool(gradient.any())


def check_lora(answer: type) -> None:
    """Check `MyLora`: a module made of (layer, rank, alpha) with parameters a of shape (r, C) and b of shape (F, r).

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    mistakes = {advice: _Observed(mistake) for advice, mistake in LORA_MISTAKES.items()}
    check(_Observed(answer), _Observed(_Reference), LORA_EXAMPLES, mistakes)


MERGE_EXAMPLES = [  # weight (F, C), a (r, C), b (F, r), alpha
    (
        *(
            torch.tensor(rows)
            for rows in ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 0.0]], [[0.0, 5.0], [10.0, 0.0]])
        ),
        4.0,
    ),
    (_draw(3, 3, seed=21), _draw(3, 3, seed=22), _draw(3, 3, seed=23), 6.0),
    (_draw(4, 3, seed=24), _draw(2, 3, seed=25), _draw(4, 2, seed=26), 5.0),
    (_draw(6, 5, seed=27).bfloat16(), _draw(2, 5, seed=28), _draw(6, 2, seed=29), 3.0),
]


def check_merge(answer: Callable) -> None:
    """Check `my_merge(weight, a, b, alpha)`: what `effective_weight` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, effective_weight, MERGE_EXAMPLES, MERGE_MISTAKES)
