"""Wrong answers to lesson 03's exercise on the rotation, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.rope import rotate


def halves(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn channel i with i + D/2, as Hugging Face's code does: right for weights in that layout, wrong for Meta's.

    Args:
        x: queries or keys, shape (B, T, H, D).
        cos: cosines, shape (T, D//2).
        sin: sines, shape (T, D//2).

    Returns:
        Shape (B, T, H, D).
    """
    first, second = x.chunk(2, dim=-1)
    return torch.cat(_turn(first, second, cos, sin), dim=-1).type_as(x)


def _turn(first: Tensor, second: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """Both channels of every pair, (B, T, H, D//2) each, turned."""
    cos, sin = cos[:, None], sin[:, None]
    return first * cos - second * sin, first * sin + second * cos


def _pairs(new: Callable) -> Callable:
    """A rotation of neighbours whose new channels are `new(first, second, cos, sin)`."""

    def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        return torch.stack(new(x[..., 0::2], x[..., 1::2], cos[:, None], sin[:, None]), dim=-1).flatten(-2).type_as(x)

    return rotated


def _overwritten(first: Tensor, second: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    first = first * cos - second * sin
    return first, first * sin + second * cos


def _half_turned(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def _neighbours_turned(x: Tensor) -> Tensor:
    return torch.stack((-x[..., 1::2], x[..., 0::2]), dim=-1).flatten(-2)


def _angles_of_heads(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    return rotate(x.transpose(1, 2), cos, sin).transpose(1, 2)


def _tables(spread: Callable, other: Callable) -> Callable:
    """x * cos + other(x) * sin, with tables spread to all channels."""
    return lambda x, cos, sin: (x * spread(cos)[:, None] + other(x) * spread(sin)[:, None]).type_as(x)


def _twice(table: Tensor) -> Tensor:
    return torch.cat((table, table), dim=-1)


def _tables_changed(change: Callable) -> Callable:
    """The right turn by other tables: `change(cos, sin)`."""
    return lambda x, cos, sin: rotate(x, *change(cos, sin))


def _part(choose: Callable) -> Callable:
    """The turn of a part of x alone; `choose(x)` gives the index of that part."""

    def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        out = x.clone()
        out[choose(x)] = rotate(x, cos, sin)[choose(x)]
        return out

    return rotated


def _first_with_last(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    first, second = _turn(first, second.flip(-1), cos, sin)
    return torch.cat((first, second.flip(-1)), dim=-1).type_as(x)


def _apart(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    return torch.stack(_turn(x[..., 0::2], x[..., 1::2], cos, sin), dim=-1).type_as(x)


ROTATE_MISTAKES = {
    "you rotated the two halves, not adjacent pairs: right for Hugging Face's layout, wrong for Meta's": halves,
    "you paired first and last channel, second and last but one: pairs are neighbours": (_first_with_last),
    "you turned the wrong way: the second channel gets + first * sin, the first gets - second * sin": (
        _tables_changed(lambda cos, sin: (cos, -sin))
    ),
    "every pair turns at one speed: give pair k column k of the tables": (
        _tables_changed(lambda cos, sin: (cos[:, :1].expand_as(cos), sin[:, :1].expand_as(sin)))
    ),
    "the angles are reversed: pair 0 takes column 0, the last pair the last column": (
        _tables_changed(lambda cos, sin: (cos.flip(-1), sin.flip(-1)))
    ),
    "the tokens are reversed: token 0 takes row 0 of the tables": (
        _tables_changed(lambda cos, sin: (cos.flip(0), sin.flip(0)))
    ),
    "every token turns by the angles of token 0: row t of the tables belongs to token t": (
        _tables_changed(lambda cos, sin: (cos[:1].expand_as(cos), sin[:1].expand_as(sin)))
    ),
    "you gave the angles to the heads: row t of the tables belongs to token t, and every head turns alike": (
        _angles_of_heads
    ),
    "you exchanged cos and sin": _tables_changed(lambda cos, sin: (sin, cos)),
    "you took cos and sin of the tables: they are cosines and sines already, and are no angles": (
        _tables_changed(lambda cos, sin: (cos.cos(), sin.sin()))
    ),
    "you took the table of cosines for the angles: it holds cosines, and these are no angles": (
        _tables_changed(lambda cos, sin: (cos.cos(), cos.sin()))
    ),
    "you took the table of sines for the angles: it holds sines, and these are no angles": (
        _tables_changed(lambda cos, sin: (sin.cos(), sin.sin()))
    ),
    "you turned twice": lambda x, cos, sin: rotate(rotate(x, cos, sin), cos, sin),
    "you took neighbours, but put them back as two halves: first and second of a pair stay side by side": (
        lambda x, cos, sin: torch.cat(_turn(x[..., 0::2], x[..., 1::2], cos, sin), dim=-1).type_as(x)
    ),
    "you took the two halves, but put them back as neighbours: take x[..., 0::2] and x[..., 1::2]": (
        lambda x, cos, sin: torch.stack(_turn(*x.chunk(2, dim=-1), cos, sin), dim=-1).flatten(-2).type_as(x)
    ),
    "you left the pairs apart, (B, T, H, D//2, 2): flatten the last two axes": _apart,
    "you used the new first channel for the second one: compute both from the old ones": _pairs(_overwritten),
    "you used the new second channel for the first one: compute both from the old ones": (
        _pairs(lambda a, b, cos, sin: (a * cos - (a * sin + b * cos) * sin, a * sin + b * cos))
    ),
    "a minus sign is missing: the first channel becomes first * cos - second * sin": (
        _pairs(lambda a, b, cos, sin: (a * cos + b * sin, a * sin + b * cos))
    ),
    "there are two minus signs: the second channel becomes first * sin + second * cos": (
        _pairs(lambda a, b, cos, sin: (a * cos - b * sin, a * sin - b * cos))
    ),
    "there are two minus signs, the second at first * sin: the second channel becomes first * sin + second * cos": (
        _pairs(lambda a, b, cos, sin: (a * cos - b * sin, b * cos - a * sin))
    ),
    "the order of the two terms is exchanged: the first channel becomes first * cos - second * sin, not the negative": (
        _pairs(lambda a, b, cos, sin: (b * sin - a * cos, a * sin + b * cos))
    ),
    "both channels have the wrong sign": _pairs(lambda a, b, cos, sin: (b * sin - a * cos, -a * sin - b * cos)),
    "you put the two of each pair back in the wrong order: the first channel comes first": (
        _pairs(lambda a, b, cos, sin: (a * sin + b * cos, a * cos - b * sin))
    ),
    "you took the two of each pair in the wrong order: the first channel is x[..., 0::2]": (
        _pairs(lambda a, b, cos, sin: (b * cos - a * sin, b * sin + a * cos))
    ),
    "you turned the first channel of each pair only": _pairs(lambda a, b, cos, sin: (a * cos - b * sin, b)),
    "you turned the second channel of each pair only": _pairs(lambda a, b, cos, sin: (a, a * sin + b * cos)),
    "you left out the other channel: first * cos and second * cos shrink the pair, and do not turn it": (
        _pairs(lambda a, b, cos, sin: (a * cos, b * cos))
    ),
    "you multiplied the first channel by cos and the second by sin: each new channel is made of both old ones": (
        _pairs(lambda a, b, cos, sin: (a * cos, b * sin))
    ),
    "you turned the first head only: all other heads turn alike": _part(lambda x: (slice(None), slice(None), 0)),
    "you turned the first text only: all texts turn alike": _part(lambda x: 0),
    "you turned the last token only: each token turns, by its own row": _part(lambda x: (slice(None), -1)),
    "you turned the first pair only: all further pairs turn, each by its own column": (
        _part(lambda x: (..., slice(2)))
    ),
    "you turned the first two pairs only: all further pairs turn, each by its own column": (
        _part(lambda x: (..., slice(4)))
    ),
    "you turned half of the pairs only: all turn, each by its own column": (
        _part(lambda x: (..., slice(x.shape[-1] // 4 * 2)))
    ),
    "you left out the last pair": _part(lambda x: (..., slice(x.shape[-1] - 2))),
    "you laid the tables twice end to end: channels 2 k and 2 k + 1 both take column k, so repeat each column": (
        _tables(_twice, _neighbours_turned)
    ),
    "the tables go by neighbours, but the channels by halves: these are two layouts in one": (
        _tables(lambda table: table.repeat_interleave(2, dim=-1), _half_turned)
    ),
    "nothing was turned": lambda x, cos, sin: x.clone(),
}
