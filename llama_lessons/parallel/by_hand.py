"""Training on several ranks, by hand: data, fully sharded, tensor parallel. Each function is one rank's part."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import linear, pad

from llama_lessons.batches import IGNORE, token_loss
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.parallel.lockstep import Ranks
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
    angles = _angles(model.config, targets)
    blocks = {f"layer {k}": (block, angles) for k, block in enumerate(model.blocks)}
    return {"embedding": (model.embedding, ()), **blocks, "head": (Head(model), (targets,))}


def _angles(config: LlamaConfig, targets: Tensor) -> tuple[Tensor, Tensor]:
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


class _Enter(torch.autograd.Function):
    """Where all ranks read the same x: nothing to do, but each has its part of the gradient."""

    @staticmethod
    def forward(ctx, x: Tensor, ranks: Ranks, what: str) -> Tensor:
        ctx.ranks, ctx.what = ranks, what
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple:
        return ctx.ranks.all_reduce(gradient, f"gradient of {ctx.what}'s input"), None, None


class _Leave(torch.autograd.Function):
    """Where each rank has a part of a sum; the gradient of a sum is everybody's."""

    @staticmethod
    def forward(ctx, x: Tensor, ranks: Ranks, what: str) -> Tensor:
        return ranks.all_reduce(x, what)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple:
        return gradient, None, None


def cut(name: str, weight: Tensor, ranks: Ranks, config: LlamaConfig) -> Tensor:
    """A rank's part of a weight, for tensor parallel: rows of what reads the stream, columns of what writes to it.

    Args:
        name: of the weight in the model.
        weight: matrices (rows, columns), norms (C,); norms stay whole.
        ranks: its rank and size count.
        config: of the model. With fewer key-value heads than ranks, neighbours have the same one.

    Source: Megatron-LM, arXiv:1909.08053, section 3.
    """
    kind = name.split(".")[-2]
    if kind in ("wk", "wv"):
        n_own, first = max(1, config.n_kv_heads // ranks.size), ranks.rank * config.n_kv_heads // ranks.size
        return weight.unflatten(0, (config.n_kv_heads, -1))[first : first + n_own].flatten(0, 1)
    if kind in ("wo", "w_down"):
        return weight.chunk(ranks.size, 1)[ranks.rank]
    return weight if kind.endswith("norm") else weight.chunk(ranks.size)[ranks.rank]


def check_sizes(config: LlamaConfig, size: int) -> None:
    """Raise ValueError unless heads, hidden channels and vocabulary can be shared by so many ranks."""
    shared = {name: getattr(config, name) for name in ("n_heads", "hidden_dim", "vocab_size")}
    wrong = [f"{name}={value}" for name, value in shared.items() if value % size]
    if config.n_kv_heads % size and size % config.n_kv_heads:
        wrong.append(f"n_kv_heads={config.n_kv_heads}")
    if wrong:
        raise ValueError(f"{size} ranks cannot share {', '.join(wrong)} evenly")


def tensor_parallel(ranks: Ranks, model: Llama, parts: dict[str, Tensor], tokens: Tensor, targets: Tensor) -> Tensor:
    """Sum of the losses, one number, of tokens and targets (B, T) that all ranks have, with a part of each matrix.

    Args:
        ranks: the others.
        model: whose modules compute; its own weights are not used.
        parts: what `cut` gives of each weight.
        tokens: ids.
        targets: ids.
    """

    def call(name: str, *given: Tensor) -> Tensor:
        own = {key.removeprefix(f"{name}."): part for key, part in parts.items() if key.startswith(f"{name}.")}
        return functional_call(model.get_submodule(name), own, given)

    angles, asks = _angles(model.config, targets), targets != IGNORE
    own_ids, is_own = _own_ids(ranks, parts["embedding.weight"], tokens)
    x = _Leave.apply(parts["embedding.weight"][own_ids] * is_own[..., None], ranks, "embedding")
    for k in range(len(model.blocks)):
        name = f"blocks.{k}.attention"
        entered = _Enter.apply(call(f"{name}_norm", x), ranks, f"attention {k}")
        x = x + _Leave.apply(call(name, entered, *angles), ranks, f"attention {k}")
        name = f"blocks.{k}.feed_forward"
        entered = _Enter.apply(call(f"{name}_norm", x), ranks, f"feed-forward {k}")
        x = x + _Leave.apply(call(name, entered), ranks, f"feed-forward {k}")
    return vocabulary_loss(ranks, call("norm", x)[asks], parts["output.weight"], targets[asks])


def _own_ids(ranks: Ranks, rows: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Which of a rank's rows of a table (V / size, C) ids of any shape mean, and whether it has them at all."""
    own = ids - ranks.rank * len(rows)
    return own.clamp(0, len(rows) - 1), (own >= 0) & (own < len(rows))


def vocabulary_loss(ranks: Ranks, x: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """Sum of the losses in nats, one number; no rank ever has all logits.

    Args:
        ranks: the others.
        x: shape (N, C), the same on all ranks.
        head: this rank's rows, shape (V / size, C).
        targets: ids, shape (N,).
    """
    logits = linear(_Enter.apply(x, ranks, "head"), head)  # (N, V / size)
    top = ranks.all_reduce(logits.detach().amax(1), "largest logit", largest=True)  # (N,)
    total = _Leave.apply((logits - top[:, None]).exp().sum(1), ranks, "sum of exponentials")
    own_ids, is_own = _own_ids(ranks, head, targets)
    said = _Leave.apply(logits.gather(1, own_ids[:, None])[:, 0] * is_own, ranks, "target's logit")
    return (total.log() + top - said).sum()


def shared_gradient(name: str, gradient: Tensor, ranks: Ranks, config: LlamaConfig) -> Tensor:
    """The gradient of a rank's part (any shape): ranks with the same key-value head add theirs up.

    Args:
        name: of the weight in the model.
        gradient: what this rank's own query heads say.
        ranks: the others.
        config: of the model.
    """
    if name.split(".")[-2] not in ("wk", "wv") or config.n_kv_heads >= ranks.size:
        return gradient
    place = ranks.rank * config.n_kv_heads // ranks.size
    whole = gradient.new_zeros(config.n_kv_heads, *gradient.shape)  # a smaller group would do, of those who share it
    whole[place] = gradient
    return ranks.all_reduce(whole, f"gradient of {name.removesuffix('.weight')}")[place]


def joined(name: str, part: Tensor, ranks: Ranks, config: LlamaConfig) -> Tensor:
    """The whole weight, of all ranks' parts: what `cut` has cut, any shape."""
    kind = name.split(".")[-2]
    if kind.endswith("norm"):
        return part
    columns = kind in ("wo", "w_down")
    whole = ranks.all_gather(part.T if columns else part, f"{name.removesuffix('.weight')}, to be saved")
    if kind in ("wk", "wv") and config.n_kv_heads < ranks.size:  # one of those that are alike
        whole = whole.unflatten(0, (ranks.size, -1))[:: ranks.size // config.n_kv_heads].flatten(0, 1)
    return whole.T if columns else whole
