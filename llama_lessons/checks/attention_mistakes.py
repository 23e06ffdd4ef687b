"""Wrong answers to lesson 02's exercise on one head, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def lower(n_rows: int, n_columns: int, shift: int = 0) -> Tensor:
    """True up to the diagonal and `shift` columns beyond it, shape (T, S)."""
    return torch.ones(n_rows, n_columns).tril(shift).bool()


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scale: float | None = None,
    seen: Tensor | None = None,
    dim: int = -1,
    hidden: float = -torch.inf,
) -> Tensor:
    """Attention (..., T, D), (..., T, D), (..., T, Dv) -> (..., T, Dv), with scale, mask and softmax to choose."""
    scores = q @ k.mT / (q.shape[-1] ** 0.5 if scale is None else scale)
    seen = lower(*scores.shape[-2:]) if seen is None else seen
    return scores.masked_fill(~seen, hidden).softmax(dim) @ v


def _scaled(scale: Callable) -> Callable:
    """Scores divided by another number: `scale(q, v)`."""
    return lambda q, k, v: attend(q, k, v, scale=scale(q, v))


def _masked(seen: Callable) -> Callable:
    """Another mask: `seen(T, D)`."""
    return lambda q, k, v: attend(q, k, v, seen=seen(*q.shape))


def _hidden(value: float) -> Callable:
    """Another number in place of minus infinity."""
    return lambda q, k, v: attend(q, k, v, hidden=value)


def _scores(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.T / q.shape[1] ** 0.5


def _weighed(weigh: Callable) -> Callable:
    """Values mixed by other weights: `weigh(scores)` of the scaled scores (T, T), which are not masked."""
    return lambda q, k, v: weigh(_scores(q, k)) @ v


def _masked_scores(scores: Tensor) -> Tensor:
    return scores.masked_fill(~lower(*scores.shape), -torch.inf)


def _weights(q: Tensor, k: Tensor) -> Tensor:
    return _masked_scores(_scores(q, k)).softmax(-1)


def _to_sum_of_1(powers: Tensor) -> Tensor:
    return powers.tril() / powers.tril().sum(-1, keepdim=True)


def _of_length_1(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


_SCALES = {
    "you left out the scale: divide the scores by the square root of D, the width of a query": _scaled(lambda q, v: 1),
    "you divided by D, or by its square root twice: divide by the square root once": _scaled(lambda q, v: q.shape[1]),
    "you multiplied by the square root of D: divide by it": _scaled(lambda q, v: q.shape[1] ** -0.5),
    "you divided by the square root of T, the number of tokens: D is the width of a query": (
        _scaled(lambda q, v: len(q) ** 0.5)
    ),
    "you divided by the square root of the values' width: D is the width of queries and keys": (
        _scaled(lambda q, v: v.shape[1] ** 0.5)
    ),
    "you cut the square root of D to a whole number": _scaled(lambda q, v: math.isqrt(q.shape[1])),
    "you divided by half of D: divide by its square root": _scaled(lambda q, v: q.shape[1] / 2),
    "you multiplied the square root by 2": _scaled(lambda q, v: 2 * q.shape[1] ** 0.5),
    "you scaled after the softmax: divide the scores, so that the weights still sum to 1": (
        lambda q, k, v: attend(q, k, v, scale=1) / q.shape[1] ** 0.5
    ),
    "you divided the length of the keys out: a score is the bare dot product, scaled": (
        lambda q, k, v: attend(q, _of_length_1(k), v, scale=1)
    ),
    "you divided the lengths of queries and keys out: a score is the bare dot product, scaled": (
        lambda q, k, v: attend(_of_length_1(q), _of_length_1(k), v, scale=1)
    ),
    **{
        f"you divided by the square root of a fixed D, {width}, whatever is given: take D from q.shape": (
            _scaled(lambda q, v, width=width: width**0.5)
        )
        for width in (2, 3, 4, 8, 16, 32, 64, 128)
    },
}

_MASKS = {
    "you left out the mask: token t may see the tokens 0 ... t only": _masked(lambda n, width: torch.tensor(True)),
    "your mask is off by one and shows the next token: token t may see itself and what came before": (
        _masked(lambda n, width: lower(n, n, 1))
    ),
    "your mask is off by one and hides the token itself: row 0 then sees nothing and becomes nan": (
        _masked(lambda n, width: lower(n, n, -1))
    ),
    "your mask is the wrong way round: it shows the future and hides the past": _masked(lambda n, width: lower(n, n).T),
    "your mask is the wrong way round: it hides the past and the token itself, and shows the future": (
        _masked(lambda n, width: ~lower(n, n))
    ),
    "your mask has the size D x D: it goes from tokens to tokens, (T, T)": _masked(
        lambda n, width: lower(width, width)
    ),
    "each token sees only itself: what came before it may be seen, too": _masked(lambda n, width: torch.eye(n).bool()),
    "you masked with plus infinity: masked scores become minus infinity, for e to that is 0": _hidden(torch.inf),
    "you set masked scores to 0: e to the 0 is 1, so the future is still seen. Set them to minus infinity": _hidden(
        0.0
    ),
    "you set masked scores to -1: e to that is more than a third. Set them to minus infinity": _hidden(-1.0),
    "you set masked scores to -10, which is not low enough: set them to minus infinity": _hidden(-10.0),
    "you set masked scores to a number that is not low enough, for scores can be lower: set them to minus infinity": (
        _hidden(-30.0)
    ),
    "you added a mask of zeros and ones: what is added must be 0 where it may look, and minus infinity elsewhere": (
        _weighed(lambda scores: (scores + lower(*scores.shape).float()).softmax(-1))
    ),
    "you added a mask of zeros and ones, with the ones on the future: these must be minus infinity": (
        _weighed(lambda scores: (scores + (~lower(*scores.shape)).float()).softmax(-1))
    ),
    "you masked after the softmax: the rows do not sum to 1 any more, and know of the future. "
    "Set scores to minus infinity before it": _weighed(lambda scores: scores.softmax(-1).tril()),
    "you masked after the softmax and divided by what is left: that is 0 / 0 where the future has all the weight": (
        _weighed(lambda scores: _to_sum_of_1(scores.softmax(-1)))
    ),
}

_SOFTMAX = {
    "you raised e to the bare scores: large ones overflow. Use softmax, which first subtracts the largest": (
        _weighed(lambda scores: _to_sum_of_1(scores.exp()))
    ),
    "you raised e to the scores and did not divide by the sum of the row": _weighed(lambda s: _masked_scores(s).exp()),
    "you took the softmax down the columns: the weights of one query, a row, must sum to 1 (dim=-1)": (
        lambda q, k, v: attend(q, k, v, dim=0)
    ),
    "you took one softmax over all scores: the weights of each query, a row, must sum to 1 (dim=-1)": (
        _weighed(lambda scores: _masked_scores(scores).flatten().softmax(0).view_as(scores))
    ),
    "you took the softmax twice": _weighed(
        lambda scores: _masked_scores(_masked_scores(scores).softmax(-1)).softmax(-1)
    ),
    "you took the logarithm of the softmax: the weights are the softmax itself": (
        _weighed(lambda scores: _masked_scores(scores).log_softmax(-1))
    ),
    "you left out the softmax: scores are not weights": _weighed(Tensor.tril),
    "you divided by the sum of the scores: weights come from the softmax, e to the score by the sum of these": (
        _weighed(_to_sum_of_1)
    ),
    "you weighed all tokens that may be seen alike: the scores were not used": (
        _weighed(lambda scores: _to_sum_of_1(torch.ones_like(scores)))
    ),
}

ATTENTION_MISTAKES = {
    **_SCALES,
    **_MASKS,
    **_SOFTMAX,
    "you exchanged queries and keys: row t belongs to the query of token t": lambda q, k, v: attend(k, q, v),
    "you scored queries with queries: queries meet keys": lambda q, k, v: attend(q, q, v),
    "you scored keys with keys: queries meet keys": lambda q, k, v: attend(k, k, v),
    "you scored queries with values: queries meet keys": lambda q, k, v: attend(q, v, v),
    "you mixed the keys in place of the values": lambda q, k, v: attend(q, k, k),
    "you mixed the queries in place of the values": lambda q, k, v: attend(q, k, q),
    "you exchanged keys and values": lambda q, k, v: attend(q, v, k),
    "you gave the weights and left out the values: mix these, weights @ v": lambda q, k, v: _weights(q, k),
    "you gave the scores: softmax makes weights of them, and these mix the values": lambda q, k, v: _scores(q, k),
    "you mixed by columns: row t of the weights mixes the values for token t, weights @ v": (
        lambda q, k, v: _weights(q, k).T @ v
    ),
    "you gave the result turned on its side, (Dv, T)": lambda q, k, v: attend(q, k, v).T,
    "you reshaped the keys to (D, T): that mixes tokens. Transpose them": (
        lambda q, k, v: attend(q, k.reshape(k.shape[::-1]).T, v)
    ),
}
