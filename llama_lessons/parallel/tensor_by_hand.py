"""Tensor parallel, by hand: every rank has a part of each matrix, and all tokens. Each function is one rank's part."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import linear

from llama_lessons.batches import IGNORE
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.parallel.by_hand import angles_of
from llama_lessons.parallel.ranks import Ranks


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

    angles, asks = angles_of(model.config, targets), targets != IGNORE
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
