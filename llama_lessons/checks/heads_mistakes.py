"""Wrong answers to lesson 02's exercises on several heads, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.checks.attention_mistakes import attend


def _cut(x: Tensor, n_heads: int) -> Tensor:
    """The right cut: (B, T, C) -> (B, H, T, D)."""
    return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)


def _join(out: Tensor, shape: torch.Size) -> Tensor:
    """The right way back: (B, H, T, D) -> (B, T, C)."""
    return out.transpose(1, 2).reshape(shape)


def _heads(cut: Callable = _cut, join: Callable = _join, attend: Callable = attend) -> Callable:
    """Attention in heads with another way to cut them, to join them, or to attend."""

    def heads(q: Tensor, k: Tensor, v: Tensor, n_heads: int) -> Tensor:
        return join(attend(*(cut(x, n_heads) for x in (q, k, v))), q.shape)

    return heads


def _changed(**change: float | Tensor | Callable) -> Callable:
    """Attention with a changed scale or mask; a scale is a function of the shape of q, (B, H, T, D)."""
    scale = change.pop("scale", None)
    return lambda q, k, v: attend(q, k, v, scale=scale(q.shape) if scale else None, **change)


def _at_once(x: Tensor, n_heads: int) -> Tensor:
    return x.reshape(x.shape[0], n_heads, x.shape[1], -1)


def _not_transposed(x: Tensor, n_heads: int) -> Tensor:
    return x.unflatten(-1, (n_heads, -1))


def _like_cards(x: Tensor, n_heads: int) -> Tensor:
    return x.unflatten(-1, (-1, n_heads)).movedim(-1, 1)


def _by_channel(out: Tensor, shape: torch.Size) -> Tensor:
    return out.movedim(1, -1).reshape(shape)


def _over_channels(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return attend(q.mT, k.mT, v.mT).mT


def _in_parts_of_the_text(q: Tensor, k: Tensor, v: Tensor, n_heads: int) -> Tensor:
    return torch.cat([attend(*part) for part in zip(*(x.chunk(n_heads, 1) for x in (q, k, v)), strict=True)], 1)


def _only(kept: Callable) -> Callable:
    """All heads but those that `kept(number of heads)` keeps are left at zero."""

    def join(out: Tensor, shape: torch.Size) -> Tensor:
        left = torch.zeros_like(out)
        left[:, kept(out.shape[1])] = out[:, kept(out.shape[1])]
        return _join(left, shape)

    return _heads(join=join)


def _first_of(x: Tensor) -> Tensor:
    return x[:, :1].expand_as(x)


_ONE_RESHAPE = (
    "you cut the heads with one reshape to (B, H, T, D), which mixes tokens: cut each token's channels, to "
    "(B, T, H, D), then transpose"
)

HEADS_MISTAKES = {
    f"{_ONE_RESHAPE}. Put together they were with one reshape, too": _heads(_at_once, torch.reshape),
    _ONE_RESHAPE: _heads(_at_once),
    "you transposed tokens and channels, and then reshaped, which mixes tokens: cut each token's channels, to "
    "(B, T, H, D), then transpose": _heads(lambda x, n: _at_once(x.mT.reshape(x.shape), n)),
    "you forgot to transpose back before putting the heads together: (B, H, T, D) to (B, T, H, D), then to (B, T, C)": (
        _heads(join=torch.reshape)
    ),
    "you cut rightly to (B, T, H, D) and did not transpose: now the heads of one token look at each other": (
        _heads(_not_transposed, torch.reshape)
    ),
    "you did not transpose before attention, only after it: the heads of one token look at each other": (
        _heads(_not_transposed)
    ),
    "you dealt the channels out like cards: head 0 has the first C / H channels, not every H-th": (
        _heads(_like_cards, _by_channel)
    ),
    "you dealt the channels out like cards, every H-th to head 0, and put them together by heads: head 0 has the first "
    "C / H channels": _heads(_like_cards),
    "you exchanged H and D: you made D heads of H channels each": _heads(lambda x, n: _cut(x, x.shape[-1] // n)),
    "you put the channels together in the wrong order: all of head 0, then all of head 1": _heads(join=_by_channel),
    "you put the heads together in reverse order: the last head came first": (
        _heads(join=lambda out, shape: _join(out.flip(1), shape))
    ),
    "you added up the heads: put them side by side": _heads(join=lambda out, shape: out.sum(1)),
    "you took the mean of the heads: put them side by side": _heads(join=lambda out, shape: out.mean(1)),
    "you left the heads apart, (B, H, T, D): put them side by side, (B, T, C)": _heads(join=lambda out, shape: out),
    "you left the heads apart, (B, T, H, D): put them side by side, (B, T, C)": (
        _heads(join=lambda out, shape: out.transpose(1, 2))
    ),
    "you left the heads together: with one softmax for all C channels there is one head": lambda q, k, v, n: attend(
        q, k, v
    ),
    "you computed the first head only": _only(lambda n: slice(1)),
    "you kept the last head only: the others were overwritten": _only(lambda n: slice(n - 1, n)),
    "you left out the last head": _only(lambda n: slice(n - 1)),
    "you gave the first text only: each text of the batch has a row of its own": lambda *given: _heads()(*given)[:1],
    "you cut the tokens, not the channels: every head sees all tokens, and C / H channels of them": (
        _in_parts_of_the_text
    ),
    "you let the channels of a head look at each other: attention goes from token to token": _heads(
        attend=_over_channels
    ),
    "you exchanged keys and values": _heads(attend=lambda q, k, v: attend(q, v, k)),
    "you exchanged queries and keys": _heads(attend=lambda q, k, v: attend(k, q, v)),
    "all heads use the keys and values of head 0: each head has its own": (
        _heads(attend=lambda q, k, v: attend(q, _first_of(k), _first_of(v)))
    ),
    "all heads use the queries of head 0: each head has its own": _heads(
        attend=lambda q, k, v: attend(_first_of(q), k, v)
    ),
    "you scaled twice: causal_attention divides by the square root of D already": (
        _heads(attend=_changed(scale=lambda shape: shape[-1]))
    ),
    "you divided by the square root of C: a head's queries have D = C / H channels": (
        _heads(attend=_changed(scale=lambda shape: (shape[1] * shape[-1]) ** 0.5))
    ),
    "you scaled by the square root of C on top of what causal_attention does: it divides by the square root of D": (
        _heads(attend=_changed(scale=lambda shape: shape[1] ** 0.5 * shape[-1]))
    ),
    "you left out the scale: divide the scores by the square root of D": _heads(attend=_changed(scale=lambda shape: 1)),
    "you left out the mask: a token may see itself and what came before": _heads(
        attend=_changed(seen=torch.tensor(True))
    ),
    **{
        f"you cut into a fixed number of heads, {fixed}, whatever is given: take n_heads": (
            lambda q, k, v, n_heads, fixed=fixed: _heads()(q, k, v, fixed)
        )
        for fixed in (2, 3, 4, 8)
    },
    **{
        f"you gave each head a fixed number of channels, {fixed}, whatever is given: it has C / n_heads": (
            lambda q, k, v, n_heads, fixed=fixed: _heads()(q, k, v, q.shape[-1] // fixed)
        )
        for fixed in (2, 4)
    },
}
