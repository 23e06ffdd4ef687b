"""Wrong answers to lesson 03's exercise on the other layout, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _even_then_odd(weight: Tensor, n_heads: int) -> Tensor:
    return weight.unflatten(0, (n_heads, -1, 2)).transpose(1, 2).flatten(0, 2)


def _export(query: Callable = _even_then_odd, key: Callable = _even_then_odd) -> Callable:
    """Both matrices, reordered by functions of (weight, its own number of heads)."""
    return lambda wq, wk, n_heads, n_kv_heads: (query(wq, n_heads), key(wk, n_kv_heads))


def _both(reorder: Callable) -> Callable:
    return _export(reorder, reorder)


def _afterwards(change: Callable) -> Callable:
    """Both matrices, sorted rightly and then changed."""
    return _both(lambda weight, n_heads: change(_even_then_odd(weight, n_heads)))


def _as_it_is(weight: Tensor, n_heads: int) -> Tensor:
    return weight.clone()


def _columns_sorted(weight: Tensor, n_heads: int) -> Tensor:
    return weight[:, torch.arange(weight.shape[1]).view(n_heads, -1, 2).transpose(1, 2).flatten()]


def _first_head_only(weight: Tensor, n_heads: int) -> Tensor:
    width = len(weight) // n_heads
    return torch.cat((_even_then_odd(weight[:width], 1), weight[width:]))


def _taken_for_square(weight: Tensor, n_heads: int) -> Tensor:
    return weight.reshape(n_heads, -1, 2, len(weight)).transpose(1, 2).reshape(len(weight), -1)


def _one_half(first: int) -> Callable:
    return lambda weight, n_heads: weight.unflatten(0, (n_heads, -1))[:, first::2].flatten(0, 1)


EXPORT_MISTAKES = {
    "you left the rows as they are: that is the classic bug, a text that decays": _both(_as_it_is),
    "you cut wk into n_heads heads: it has n_kv_heads of them": (
        lambda wq, wk, n_heads, n_kv_heads: (_even_then_odd(wq, n_heads), _even_then_odd(wk, n_heads))
    ),
    "you cut wq into n_kv_heads heads: it has n_heads of them": (
        lambda wq, wk, n_heads, n_kv_heads: (_even_then_odd(wq, n_kv_heads), _even_then_odd(wk, n_kv_heads))
    ),
    "you exchanged n_heads and n_kv_heads: wq has n_heads heads, wk has n_kv_heads": (
        lambda wq, wk, n_heads, n_kv_heads: (_even_then_odd(wq, n_kv_heads), _even_then_odd(wk, n_heads))
    ),
    "you exchanged the axis of heads with that of pairs: each head's rows stay together": (
        _both(lambda w, n: w.unflatten(0, (n, -1, 2)).transpose(0, 1).flatten(0, 2))
    ),
    "you sorted the rows of the whole matrix: each head is sorted by itself": _both(lambda w, n: _even_then_odd(w, 1)),
    "you sorted the first head only: all other heads are sorted alike": _both(_first_head_only),
    "this is the way back, from Hugging Face's order to Meta's": (
        _both(lambda w, n: w.unflatten(0, (n, 2, -1)).transpose(1, 2).flatten(0, 2))
    ),
    "you sorted twice: the even rows come first once": _both(lambda w, n: _even_then_odd(_even_then_odd(w, n), n)),
    "the odd rows come first: the even ones are the first channels of the pairs": (
        _both(lambda w, n: w.unflatten(0, (n, -1, 2)).flip(2).transpose(1, 2).flatten(0, 2))
    ),
    "you exchanged the two rows of each pair: first come all even rows of a head, then the odd ones": (
        _both(lambda w, n: w.unflatten(0, (-1, 2)).flip(1).flatten(0, 1))
    ),
    "you exchanged the halves of each head: first the even rows, then the odd ones": (
        _both(lambda w, n: w.unflatten(0, (n, 2, -1)).flip(1).flatten(0, 2))
    ),
    "you put the heads in reverse order": _both(
        lambda w, n: _even_then_odd(w, n).unflatten(0, (n, -1)).flip(0).flatten(0, 1)
    ),
    "you put the rows of each head in reverse order": (
        _both(lambda w, n: _even_then_odd(w, n).unflatten(0, (n, -1)).flip(1).flatten(0, 1))
    ),
    "you sorted the columns: the channels that turn are what comes out, and a Linear keeps those in rows": (
        _both(_columns_sorted)
    ),
    "you sorted rows and columns: only the rows are channels that turn": (
        _both(lambda w, n: _columns_sorted(_even_then_odd(w, n), n))
    ),
    "you sorted rows and columns, these over their whole length: only the rows are channels that turn": (
        _both(lambda w, n: _columns_sorted(_even_then_odd(w, n), 1))
    ),
    "you took the matrices for square: they have C columns, which need not be the number of rows": _both(
        _taken_for_square
    ),
    "you left wk as it is: keys turn as well as queries": _export(key=_as_it_is),
    "you left wq as it is: queries turn as well as keys": _export(query=_as_it_is),
    "you gave wk first: wq comes first": (
        lambda wq, wk, n_heads, n_kv_heads: (_even_then_odd(wk, n_kv_heads), _even_then_odd(wq, n_heads))
    ),
    "you gave wq twice": lambda wq, wk, n_heads, n_kv_heads: (_even_then_odd(wq, n_heads),) * 2,
    "you left the heads apart: put their rows below each other": (
        _both(lambda w, n: _even_then_odd(w, n).unflatten(0, (n, -1)))
    ),
    "you left the halves of each head apart: put their rows below each other": (
        _both(lambda w, n: w.unflatten(0, (n, -1, 2)).transpose(1, 2))
    ),
    "you kept the even rows only: the odd ones come behind them": _both(_one_half(0)),
    "you kept the odd rows only: the even ones come before them": _both(_one_half(1)),
    "you turned the matrices on their sides": _afterwards(lambda w: w.T),
    "you gave the numbers of the rows: give the rows themselves, weight[order]": (
        _both(lambda w, n: _even_then_odd(torch.arange(len(w)), n))
    ),
}
