"""Lesson 02, exercise 3: the mask of new tokens behind a cache."""

from __future__ import annotations

import torch

from llama_lessons.attention import causal_mask
from llama_lessons.checks.attention import check_mask
from tests.answers.bank import Bank

bank = Bank(check_mask)


@bank.right
def the_packages_own(n_new, n_all):
    return causal_mask(n_new, n_all)


@bank.right
def the_last_rows_of_all(n_new, n_all):
    return torch.ones(n_all, n_all, dtype=torch.bool).tril_()[n_all - n_new :]


@bank.right
def place_by_place(n_new, n_all):
    out = torch.zeros(n_new, n_all, dtype=torch.bool)
    for t in range(n_new):
        out[t, : n_all - n_new + t + 1] = True
    return out


@bank.wrong("top left")
def is_causal(n_new, n_all):
    return torch.arange(n_new)[:, None] >= torch.arange(n_all)


@bank.wrong("hides the token itself")
def compares_strictly(n_new, n_all):
    return torch.arange(n_all)[None] < torch.arange(n_all - n_new, n_all)[:, None]


@bank.wrong("shows the next token")
def one_too_far(n_new, n_all):
    return torch.arange(n_all)[None] <= torch.arange(n_all - n_new, n_all)[:, None] + 1


@bank.wrong("turned True and False around")
def says_what_is_hidden(n_new, n_all):
    return torch.ones(n_new, n_all).triu(n_all - n_new + 1) == 1


@bank.wrong("wrong sign")
def shifts_the_other_way(n_new, n_all):
    return torch.ones(n_new, n_all).tril(diagonal=n_new - n_all).bool()


@bank.wrong("by 3, whatever is given")
def of_one_example(n_new, n_all):
    return torch.ones(n_new, n_all).tril(diagonal=3).bool()


@bank.wrong("hides the past")
def upper(n_new, n_all):
    return torch.ones(n_all, n_all).triu().bool()[-n_new:]


@bank.wrong("see everything")
def all_of_them(n_new, n_all):
    return torch.ones(n_new, n_all).tril(n_all).bool()


@bank.wrong("hid the tokens in the cache")
def no_cache(n_new, n_all):
    mask = torch.zeros(n_new, n_all, dtype=torch.bool)
    mask[:, n_all - n_new :] = torch.ones(n_new, n_new).tril().bool()
    return mask


@bank.wrong("see the cache only")
def cache_only(n_new, n_all):
    return (torch.arange(n_all) < n_all - n_new).expand(n_new, n_all)


@bank.wrong("cache behind the new tokens")
def cache_at_the_end(n_new, n_all):
    return torch.cat((torch.ones(n_new, n_new).tril(), torch.ones(n_new, n_all - n_new)), dim=1).bool()


@bank.wrong("hid the first token")
def counts_from_one(n_new, n_all):
    mask = torch.ones(n_new, n_all).tril(n_all - n_new).bool()
    mask[:, :1] = False
    return mask


@bank.wrong("the rows of all tokens")
def all_rows(n_new, n_all):
    return torch.ones(n_all, n_all).tril().bool()


@bank.wrong("with .bool()")
def ones_and_zeros(n_new, n_all):
    return torch.tril(torch.ones(n_new, n_all), n_all - n_new)


@bank.wrong("returns a list and should return a Tensor")
def lists(n_new, n_all):
    return [[s <= n_all - n_new + t for s in range(n_all)] for t in range(n_new)]


MEMORY = torch.ones(16, 16, dtype=torch.bool)


@bank.wrong("left over from an earlier call")
def in_old_memory(n_new, n_all):
    return MEMORY[:n_new, :n_all].tril_(n_all - n_new)


@bank.wrong()
def every_other_token(n_new, n_all):
    return torch.arange(n_all).expand(n_new, n_all) % 2 == 0
