"""Wrong answers to lesson 02's exercise on the mask, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.checks.attention_mistakes import lower


def _right(n_new: int, n_all: int) -> Tensor:
    return lower(n_new, n_all, n_all - n_new)


def _cache_and(among: Callable[[int], Tensor], cache: bool = True) -> Callable:
    """The cache seen or hidden, and `among(n_new)` for the new tokens among each other."""

    def mask(n_new: int, n_all: int) -> Tensor:
        return torch.cat([torch.full((n_new, n_all - n_new), cache), among(n_new)], dim=1)

    return mask


def _itself(n_new: int) -> Tensor:
    return torch.eye(n_new).bool()


def _triangle(n_new: int) -> Tensor:
    return lower(n_new, n_new)


def _none(n_new: int) -> Tensor:
    return torch.zeros(n_new, n_new).bool()


def _first_hidden(n_new: int, n_all: int) -> Tensor:
    right = _right(n_new, n_all)
    right[:, 0] = False
    return right


MASK_MISTAKES = {
    "you put the triangle at the top left, as is_causal=True does: the new tokens are the last ones, not the first": (
        lower
    ),
    "your mask is off by one and shows the next token": lambda n_new, n_all: lower(n_new, n_all, n_all - n_new + 1),
    "your mask is off by one and hides the token itself": lambda n_new, n_all: lower(n_new, n_all, n_all - n_new - 1),
    "the shift of the diagonal has the wrong sign: it is n_all - n_new, not n_new - n_all": (
        lambda n_new, n_all: lower(n_new, n_all, n_new - n_all)
    ),
    "you shifted the diagonal by n_new: shift it by n_all - n_new, the tokens in the cache": (
        lambda n_new, n_all: lower(n_new, n_all, n_new)
    ),
    **{
        f"you shifted the diagonal by {fixed}, whatever is given: shift it by n_all - n_new, the tokens in the cache": (
            lambda n_new, n_all, fixed=fixed: lower(n_new, n_all, fixed)
        )
        for fixed in (1, 2, 3, 4)
    },
    "you turned True and False around: True is where it may look": lambda n_new, n_all: ~_right(n_new, n_all),
    "you put the triangle at the top left, and turned True and False around": lambda n_new, n_all: ~lower(n_new, n_all),
    "your mask is the wrong way round: it shows the future and hides the past": (
        lambda n_new, n_all: torch.ones(n_new, n_all).triu(n_all - n_new).bool()
    ),
    "your mask is the wrong way round, and its triangle at the top left": (
        lambda n_new, n_all: torch.ones(n_new, n_all).triu().bool()
    ),
    "you let the new tokens see everything: among each other the mask still holds": (
        lambda n_new, n_all: torch.ones(n_new, n_all).bool()
    ),
    "you let the new tokens see nothing": lambda n_new, n_all: torch.zeros(n_new, n_all).bool(),
    "you hid the tokens in the cache: a new token may see all that came before it": _cache_and(_triangle, cache=False),
    "you let the new tokens see the cache and themselves, but not each other": _cache_and(_itself),
    "you let the new tokens see the cache only: each may see itself and the new ones before it, too": _cache_and(_none),
    "you let the new tokens see only themselves": _cache_and(_itself, cache=False),
    "you hid the first token: all that came before may be seen": _first_hidden,
    "you put the cache behind the new tokens: the new ones are the last": (
        lambda n_new, n_all: _right(n_new, n_all).roll(n_new, dims=1)
    ),
    "the rows stand in reverse order: the first new token sees the least": (
        lambda n_new, n_all: _right(n_new, n_all).flip(0)
    ),
    "the triangle starts in the wrong corner: the columns stand in reverse order": (
        lambda n_new, n_all: _right(n_new, n_all).flip(1)
    ),
    "the triangle starts in the wrong corner: turned upside down, from the top left": (
        lambda n_new, n_all: lower(n_new, n_all).flip(0)
    ),
    "you gave the rows of all tokens: only the new ones, the last n_new, have a row": (
        lambda n_new, n_all: lower(n_all, n_all)
    ),
    "you exchanged rows and columns: a row for each new token, a column for each of all": (
        lambda n_new, n_all: _right(n_new, n_all).T
    ),
    "you gave the mask of the new tokens among each other: it needs a column for each of all tokens": (
        lambda n_new, n_all: lower(n_new, n_new)
    ),
    "you gave numbers, 1 and 0: turn them into True and False, with .bool()": lambda n_new, n_all: _right(
        n_new, n_all
    ).float(),
    "you gave what is added to scores, 0 and minus infinity: here True and False (bool) are asked for": (
        lambda n_new, n_all: torch.zeros(n_new, n_all).masked_fill(~_right(n_new, n_all), -torch.inf)
    ),
}
