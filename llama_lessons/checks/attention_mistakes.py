"""Wrong answers to the exercises of lesson 02, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def lower(n_rows: int, n_columns: int, shift: int = 0) -> Tensor:
    """True up to the diagonal and `shift` columns beyond it, shape (T, S)."""
    return torch.ones(n_rows, n_columns).tril(shift).bool()


def attend(
    q: Tensor, k: Tensor, v: Tensor, scale: float | None = None, seen: Tensor | None = None, dim: int = -1
) -> Tensor:
    """Attention (..., T, D), (..., T, D), (..., T, Dv) -> (..., T, Dv), with scale, mask and softmax to choose."""
    scores = q @ k.mT / (q.shape[-1] ** 0.5 if scale is None else scale)
    seen = lower(*scores.shape[-2:]) if seen is None else seen
    return scores.masked_fill(~seen, -torch.inf).softmax(dim) @ v


def _weights(q: Tensor, k: Tensor) -> Tensor:
    """All weights without a mask."""
    return (q @ k.T / q.shape[1] ** 0.5).softmax(-1)


def _divided(weights: Tensor) -> Tensor:
    """What a mask after the softmax leaves, or powers, brought to sums of 1."""
    return weights.tril() / weights.tril().sum(-1, keepdim=True)


ATTENTION_MISTAKES = {
    "you left out the scale: divide the scores by the square root of D, the width of a query": (
        lambda q, k, v: attend(q, k, v, scale=1)
    ),
    "you divided by D: divide by its square root": lambda q, k, v: attend(q, k, v, scale=q.shape[1]),
    "you multiplied by the square root of D: divide by it": lambda q, k, v: attend(q, k, v, scale=q.shape[1] ** -0.5),
    "you divided by the square root of T, the number of tokens: D is the width of a query": (
        lambda q, k, v: attend(q, k, v, scale=len(q) ** 0.5)
    ),
    "you divided by the square root of the values' width: D is the width of queries and keys": (
        lambda q, k, v: attend(q, k, v, scale=v.shape[1] ** 0.5)
    ),
    "you scaled after the softmax: divide the scores, so that the weights still sum to 1": (
        lambda q, k, v: attend(q, k, v, scale=1) / q.shape[1] ** 0.5
    ),
    "you left out the mask: token t may see the tokens 0 ... t only": lambda q, k, v: _weights(q, k) @ v,
    "you masked after the softmax: the rows do not sum to 1 any more, and know of the future. "
    "Set scores to minus infinity before it": lambda q, k, v: _weights(q, k).tril() @ v,
    "you masked after the softmax and divided by what is left: that is 0 / 0 where the future has all the weight": (
        lambda q, k, v: _divided(_weights(q, k)) @ v
    ),
    "you raised e to the bare scores: large ones overflow. Use softmax, which first subtracts the largest": (
        lambda q, k, v: _divided((q @ k.T / q.shape[1] ** 0.5).exp()) @ v
    ),
    "you set masked scores to 0: e to the 0 is 1, so the future is still seen. Set them to minus infinity": (
        lambda q, k, v: (q @ k.T / q.shape[1] ** 0.5).tril().softmax(-1) @ v
    ),
    "your mask is off by one and shows the next token: token t may see itself and what came before": (
        lambda q, k, v: attend(q, k, v, seen=lower(len(q), len(q), 1))
    ),
    "your mask is off by one and hides the token itself: row 0 then sees nothing and becomes nan": (
        lambda q, k, v: attend(q, k, v, seen=lower(len(q), len(q), -1))
    ),
    "your mask is the wrong way round: it shows the future and hides the past": (
        lambda q, k, v: attend(q, k, v, seen=lower(len(q), len(q)).T)
    ),
    "you took the softmax down the columns: the weights of one query, a row, must sum to 1 (dim=-1)": (
        lambda q, k, v: attend(q, k, v, dim=0)
    ),
    "you exchanged queries and keys: row t belongs to the query of token t": lambda q, k, v: attend(k, q, v),
    "you left out the softmax: scores are not weights": lambda q, k, v: (q @ k.T / q.shape[1] ** 0.5).tril() @ v,
}


def cut(x: Tensor, n_heads: int) -> Tensor:
    """The right cut: (B, T, C) -> (B, H, T, D)."""
    return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)


def _in_heads(cut: Callable, join: Callable, **changed: float | Tensor) -> Callable:
    """Attention in heads with another way to cut them, to join them, or to attend."""

    def heads(q: Tensor, k: Tensor, v: Tensor, n_heads: int) -> Tensor:
        out = attend(*(cut(x, n_heads) for x in (q, k, v)), **changed)
        return join(out, q.shape)

    return heads


def _join(out: Tensor, shape: torch.Size) -> Tensor:
    return out.transpose(1, 2).reshape(shape)


HEADS_MISTAKES = {
    "you scaled twice: causal_attention divides by the square root of D already": (
        lambda q, k, v, n_heads: _in_heads(cut, _join, scale=q.shape[-1] / n_heads)(q, k, v, n_heads)
    ),
    "you cut the heads with one reshape to (B, H, T, D), which mixes tokens: cut each token's channels, to "
    "(B, T, H, D), then transpose": _in_heads(lambda x, n: x.reshape(x.shape[0], n, x.shape[1], -1), torch.reshape),
    "you forgot to transpose back before putting the heads together: (B, H, T, D) to (B, T, H, D), then to (B, T, C)": (
        _in_heads(cut, torch.reshape)
    ),
    "you cut rightly to (B, T, H, D) and did not transpose: now the heads of one token look at each other": (
        _in_heads(lambda x, n: x.unflatten(-1, (n, -1)), torch.reshape)
    ),
    "you dealt the channels out like cards: head 0 has the first C / H channels, not every H-th": (
        _in_heads(
            lambda x, n: x.unflatten(-1, (-1, n)).movedim(-1, 1), lambda out, shape: out.movedim(1, -1).reshape(shape)
        )
    ),
    "you exchanged H and D: you made D heads of H channels each": (
        _in_heads(lambda x, n: cut(x, x.shape[-1] // n), _join)
    ),
    "you put the channels together in the wrong order: all of head 0, then all of head 1": (
        _in_heads(cut, lambda out, shape: out.movedim(1, -1).reshape(shape))
    ),
    "you left the heads together: with one softmax for all C channels there is one head": (
        lambda q, k, v, n_heads: attend(q, k, v)
    ),
    "you divided by the square root of C: a head's queries have D = C / H channels": (
        lambda q, k, v, n_heads: _in_heads(cut, _join, scale=q.shape[-1] ** 0.5)(q, k, v, n_heads)
    ),
    "you left out the mask: a token may see itself and what came before": (
        _in_heads(cut, _join, seen=torch.tensor(True))
    ),
}


def _forgets_the_cache(n_new: int, n_all: int) -> Tensor:
    return torch.cat([torch.zeros(n_new, n_all - n_new).bool(), lower(n_new, n_new)], dim=1)


def _sees_only_the_cache(n_new: int, n_all: int) -> Tensor:
    return torch.cat([torch.ones(n_new, n_all - n_new), torch.eye(n_new)], dim=1).bool()


MASK_MISTAKES = {
    "you put the triangle at the top left, as is_causal=True does: the new tokens are the last ones, not the first": (
        lambda n_new, n_all: lower(n_new, n_all)
    ),
    "your mask is off by one and shows the next token": lambda n_new, n_all: lower(n_new, n_all, n_all - n_new + 1),
    "your mask is off by one and hides the token itself": lambda n_new, n_all: lower(n_new, n_all, n_all - n_new - 1),
    "you turned True and False around: True is where it may look": (
        lambda n_new, n_all: ~lower(n_new, n_all, n_all - n_new)
    ),
    "your mask is the wrong way round: it shows the future and hides the past": (
        lambda n_new, n_all: torch.ones(n_new, n_all).triu(n_all - n_new).bool()
    ),
    "you let the new tokens see everything: among each other the mask still holds": (
        lambda n_new, n_all: torch.ones(n_new, n_all).bool()
    ),
    "you hid the tokens in the cache: a new token may see all that came before it": _forgets_the_cache,
    "you let the new tokens see the cache and themselves, but not each other": _sees_only_the_cache,
}
