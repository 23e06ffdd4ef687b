"""Training on several ranks, by hand: data parallel and fully sharded. Each function is one rank's part."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import pad

from llama_lessons.batches import IGNORE, token_loss
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.parallel.ranks import Ranks
from llama_lessons.rope import rope_angles


class Head(nn.Module):
    """What stands behind the last block, up to the loss.

    Args:
        model: its last norm and its head are used.
    """

    def __init__(self, model: Llama) -> None:
        super().__init__()
        self.norm, self.output = model.norm, model.output

    def forward(self, x: Tensor, targets: Tensor) -> Tensor:
        """Sum of the losses in nats, one number; x (B, T, C), targets (B, T)."""
        asks = targets != IGNORE
        return token_loss(self.output(self.norm(x[asks])), targets[asks])


def units(model: Llama, targets: Tensor) -> dict[str, tuple[nn.Module, tuple]]:
    """A model in the parts that are gathered one at a time, each with what it takes besides x; targets (B, T).

    Head and embedding table must be two: a tied table would be in two units.
    """
    if model.config.tie_embeddings:
        raise ValueError("fully sharded by hand needs a head of its own, got a config with tie_embeddings=True")
    angles = angles_of(model.config, targets)
    blocks = {f"layer {k}": (block, angles) for k, block in enumerate(model.blocks)}
    return {"embedding": (model.embedding, ()), **blocks, "head": (Head(model), (targets,))}


def angles_of(config: LlamaConfig, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines for all positions of targets (B, T): (T, D//2) each."""
    positions = torch.arange(targets.shape[1], device=targets.device)
    angles = rope_angles(positions, config.head_dim, config.rope_theta)
    return angles.cos(), angles.sin()


def flatten(tensors: dict[str, Tensor]) -> Tensor:
    """All numbers of tensors of any shape, one after the other, shape (N,)."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors.values()])


def unflatten(flat: Tensor, like: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors again, with the shapes of others, of a vector (N,) that may be longer than they are."""
    parts = flat[: sum(tensor.numel() for tensor in like.values())].split([t.numel() for t in like.values()])
    return {name: part.view_as(tensor) for part, (name, tensor) in zip(parts, like.items(), strict=True)}


def average_gradients(ranks: Ranks, buckets: dict[str, nn.Module], n_own: int) -> None:
    """Data parallel: make gradients of each rank's *summed* loss those of the *mean* over all ranks' tokens.

    Args:
        ranks: the others.
        buckets: modules by name; the gradients of one go round together.
        n_own: tokens that this rank's loss was summed over.
    """
    n_all = ranks.all_reduce(torch.tensor(float(n_own)), "number of tokens")
    for name, module in buckets.items():
        weights = {key: weight for key, weight in module.named_parameters() if weight.grad is not None}
        own = flatten({key: weight.grad for key, weight in weights.items()})
        ranks.hold("gradient", name, own)
        for key, gradient in unflatten(ranks.all_reduce(own, f"gradient of {name}") / n_all, weights).items():
            weights[key].grad = gradient


def shard(flat: Tensor, ranks: Ranks) -> Tensor:
    """A rank's share of a vector (N,), filled up with zeros at the end: all shares are alike, (N / size,)."""
    return pad(flat, (0, -len(flat) % ranks.size)).chunk(ranks.size)[ranks.rank].clone()


def fully_sharded(ranks: Ranks, model_units: dict, shards: dict[str, Tensor], x: Tensor) -> tuple[Tensor, dict]:
    """Forward and backward with each unit's weights whole only while it computes (and computed twice, from its input).

    Args:
        ranks: the others.
        model_units: as `units` gives them.
        shards: this rank's share of each unit's weights, shape (N,).
        x: this rank's own tokens, shape (B, T).

    Returns:
        Sum of this rank's losses, one number, and its share of each unit's gradient, summed over all ranks, (N,).

    Source: ZeRO, arXiv:1910.02054, section 5.3; PyTorch FSDP, arXiv:2304.11277; checkpointing, arXiv:1604.06174.
    """

    def compute(name: str, x: Tensor, gathered: Tensor) -> Tensor:
        module, others = model_units[name]
        return functional_call(module, unflatten(gathered, dict(module.named_parameters())), (x, *others))

    def gather(name: str) -> Tensor:
        gathered = ranks.all_gather(shards[name], f"weights of {name}")
        ranks.hold("gathered", name, gathered)
        return gathered

    inputs, gradients = {}, {}
    for name in model_units:
        inputs[name] = x  # all that is kept for the way back
        with torch.no_grad():
            x = compute(name, x, gather(name))
        ranks.hold("gathered", name, None)
    loss, gradient = x, torch.ones_like(x)
    for name in reversed(model_units):
        weights, x = gather(name).requires_grad_(), inputs.pop(name)
        wanted = [weights, x.requires_grad_()] if x.is_floating_point() else [weights]  # token ids have no gradient
        of_weights, *gradient = torch.autograd.grad(compute(name, x, weights), wanted, gradient)
        ranks.hold("gradient", name, of_weights)
        gradients[name] = ranks.reduce_scatter(of_weights, f"gradient of {name}")
        ranks.hold("gathered", name, None)
        ranks.hold("gradient", name, gradients[name])
    return loss, gradients
