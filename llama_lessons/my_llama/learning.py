"""The third part, for who has done lessons 06 and 08: training all weights, or adapters."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.functional import cross_entropy


# Part: batch
def my_batch(ids, n_rows, n_columns):
    """What is read and what comes next: a list of ids -> two of (B, T)."""
    rows = torch.tensor(ids[: n_rows * (n_columns + 1)]).view(n_rows, n_columns + 1)
    return rows[:, :-1], rows[:, 1:]


# Part: adamw
def my_adamw(weight, gradient, mean, square, step, rate, decay):
    """One step of AdamW: the new weight, mean and square, all of any shape."""
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    move = (mean / (1 - 0.9**step)) / ((square / (1 - 0.95**step)).sqrt() + 1e-8)
    return weight * (1 - rate * decay) - rate * move, mean, square


# Part: learning_rate
def my_learning_rate(step, n_steps, peak, warmup):
    """The rate of a step, counted from 0: warm-up, then a cosine to a tenth."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * (step - warmup) / (n_steps - 1 - warmup))))


# Part: clip
def my_clip(gradients, limit):
    """Gradients, of any shapes, whose norm together is at most the limit."""
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    return [gradient * (limit / norm).clamp(max=1) for gradient in gradients]


# Part: lora
class MyLora(nn.Module):
    """A frozen layer with an adapter of rank r beside it."""

    def __init__(self, layer, rank, alpha):
        super().__init__()
        self.layer, self.scale = layer.requires_grad_(False), alpha / rank
        self.a = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x):
        """(..., C) -> (..., F)."""
        return self.layer(x) + self.scale * (x @ self.a.T) @ self.b.T


# Part: merge
def my_merge(weight, a, b, alpha):
    """The weight with the change in it: (F, C), (r, C), (F, r) -> (F, C)."""
    return (weight.float() + alpha / len(a) * b @ a).type_as(weight)


# Around the parts: the loop, and adapters in a model
@torch.enable_grad()
def train(model, batch_at, n_steps, peak, n_rows, n_columns, warmup=0):
    """Train in place, with decay 0.1 on matrices and gradients clipped at 1; batch_at(step) gives a list of ids.

    Returns the loss of each step, in nats.
    """
    losses, weights = [], [weight for weight in model.parameters() if weight.requires_grad]
    memory = [(torch.zeros_like(weight), torch.zeros_like(weight)) for weight in weights]
    for step in range(n_steps):
        tokens, targets = (part.to(weights[0].device) for part in my_batch(batch_at(step), n_rows, n_columns))
        loss = cross_entropy(model(tokens).flatten(0, 1), targets.flatten())
        gradients = my_clip(list(torch.autograd.grad(loss, weights)), 1.0)
        rate = my_learning_rate(step, n_steps, peak, warmup)
        with torch.no_grad():
            for k, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
                decay = 0.1 if weight.dim() == 2 else 0.0
                moved, *memory[k] = my_adamw(weight.clone(), gradient, *memory[k], step + 1, rate, decay)
                weight.copy_(moved)
        losses.append(loss.item())
    return losses


def add_lora(model, rank, alpha, targets=("wq", "wv")):
    """Freeze a model and put adapters beside these matrices of every layer's attention, in place."""
    model.requires_grad_(False)
    for block in model.blocks:
        for target in targets:
            layer = getattr(block.attention, target)
            setattr(block.attention, target, MyLora(layer, rank, alpha).to(layer.weight.device))


@torch.no_grad()
def merge_lora(model, plain, alpha):
    """Give a model without adapters, in place, what one with them has learned."""
    for block, other in zip(model.blocks, plain.blocks, strict=True):
        for target, layer in block.attention.named_children():
            weight = getattr(other.attention, target).weight
            if hasattr(layer, "a"):
                weight.copy_(my_merge(weight, layer.a, layer.b, alpha))
