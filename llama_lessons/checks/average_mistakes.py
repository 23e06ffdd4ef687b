"""Wrong averages of gradients, lesson 13, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _weighted(weight: Callable) -> Callable:
    """A wrong average: each gradient times `weight(n of its rank, n of all ranks)`, summed up."""

    def wrong(gradients: list[Tensor], n_tokens: list[int]) -> Tensor:
        return torch.stack([g * weight(n, n_tokens) for g, n in zip(gradients, n_tokens, strict=True)]).sum(0)

    return wrong


AVERAGE_MISTAKES = {
    "you gave every rank the same weight: a token of a rank with few then counts more than one of a rank with many": (
        _weighted(lambda n, every: 1 / len(every))
    ),
    "you added the gradients up without weights: they are of means, each over the rank's own tokens": (
        _weighted(lambda n, every: 1)
    ),
    "you forgot to divide by the number of all tokens": _weighted(lambda n, every: n),
    "you divided by the number of ranks: by that of all tokens": _weighted(lambda n, every: n / len(every)),
    "you divided by the number of ranks as well: the weights already add up to 1": (
        _weighted(lambda n, every: n / sum(every) / len(every))
    ),
    "you divided each gradient by its rank's tokens: it is of a mean, which has been divided": (
        _weighted(lambda n, every: 1 / n)
    ),
    "you divided each gradient by its rank's tokens, and by the ranks: it is of a mean, which has been divided": (
        _weighted(lambda n, every: 1 / n / len(every))
    ),
    "you divided the plain sum by all tokens: each gradient is of a mean, multiply it by its tokens first": (
        _weighted(lambda n, every: 1 / sum(every))
    ),
    "you divided the mean of the gradients by all tokens: multiply each by its tokens first": (
        _weighted(lambda n, every: 1 / len(every) / sum(every))
    ),
    "you multiplied the plain sum by all tokens: each gradient by its own, and divide by all": (
        _weighted(lambda n, every: sum(every))
    ),
    "you divided by the square of all tokens: once is enough": _weighted(lambda n, every: n / sum(every) ** 2),
    "you rounded the weights to whole numbers": _weighted(lambda n, every: round(n / sum(every))),
    "you weighted the wrong way round: a rank with more tokens counts more": (
        _weighted(lambda n, every: (1 / n) / sum(1 / other for other in every))
    ),
    "you took the largest number of tokens in place of the sum": _weighted(lambda n, every: n / max(every)),
    "you took the mean number of tokens in place of the sum: the result is too large": (
        _weighted(lambda n, every: n * len(every) / sum(every))
    ),
    "you weighted with the squares of the numbers of tokens": (
        _weighted(lambda n, every: n**2 / sum(other**2 for other in every))
    ),
    "you weighted with the roots of the numbers of tokens": (
        _weighted(lambda n, every: n**0.5 / sum(other**0.5 for other in every))
    ),
    "you weighted with a softmax of the numbers: divide each by their sum": (
        lambda gradients, n_tokens: torch.einsum(
            "r,r...->...", torch.tensor(n_tokens).float().softmax(0), torch.stack(gradients)
        )
    ),
    "you rounded the weights down to whole numbers: / divides, // cuts off": _weighted(
        lambda n, every: n // sum(every)
    ),
    "you gave the first rank's gradient": lambda gradients, n_tokens: gradients[0].clone(),
    "you gave the last rank's gradient": lambda gradients, n_tokens: gradients[-1].clone(),
    "you gave the gradient of the rank with most tokens: all of them count": (
        lambda gradients, n_tokens: gradients[n_tokens.index(max(n_tokens))].clone()
    ),
    "you gave each rank's part: add them up": lambda gradients, n_tokens: [
        g * n / sum(n_tokens) for g, n in zip(gradients, n_tokens, strict=True)
    ],
    "you gave each rank's part in one tensor: add them up": lambda gradients, n_tokens: torch.stack(
        [g * n / sum(n_tokens) for g, n in zip(gradients, n_tokens, strict=True)]
    ),
    "you gave one number: add up over the ranks, not within a gradient": lambda gradients, n_tokens: sum(
        (g * n / sum(n_tokens)).sum() for g, n in zip(gradients, n_tokens, strict=True)
    ),
    "you left the last rank out": lambda gradients, n_tokens: _weighted(lambda n, every: n / sum(every))(
        [*gradients[:-1], 0 * gradients[-1]], n_tokens
    ),
    "you left the first rank out": lambda gradients, n_tokens: _weighted(lambda n, every: n / sum(every))(
        [0 * gradients[0], *gradients[1:]], n_tokens
    ),
    "you weighted the ranks in reverse order": lambda gradients, n_tokens: _weighted(lambda n, every: n / sum(every))(
        gradients, n_tokens[::-1]
    ),
}
