"""Lesson 03, exercise 3: scores of new tokens behind a cache."""

from __future__ import annotations

import torch

from llama_lessons.checks.rope import check_scores
from llama_lessons.rope import rope_angles, rotate
from tests.answers.bank import Bank

bank = Bank(check_scores)


def turn(x, positions):
    angles = rope_angles(positions, x.shape[-1])
    return rotate(x[None, :, None], angles.cos(), angles.sin())[0, :, 0]


def places(q, cached):
    return torch.arange(len(cached), len(cached) + len(q))


@bank.right
def by_a_shift_back(q, k, cached):
    """Everything is turned back by len(cached): only distances count."""
    new = torch.arange(len(q))
    old = turn(cached, torch.full((len(cached),), -len(cached)))
    return turn(q, new) @ torch.cat((old, turn(k, new))).T


@bank.right
def score_by_score(q, k, cached):
    keys = [*cached, *turn(k, places(q, cached))]
    return torch.tensor([[float(row @ key) for key in keys] for row in turn(q, places(q, cached))])


@bank.wrong("ignored the offset: ")
def starts_at_zero(q, k, cached):
    new = torch.arange(len(q))
    return torch.cat((turn(q, new) @ cached.T, turn(q, new) @ turn(k, new).T), dim=1)


@bank.wrong("ignored the offset for the new keys")
def keys_from_zero(q, k, cached):
    return turn(q, places(q, cached)) @ torch.cat((cached, turn(k, torch.arange(len(k))))).T


@bank.wrong("turned the cached keys once more")
def turns_all_keys(q, k, cached):
    keys = torch.cat((cached, k))
    return turn(q, places(q, cached)) @ turn(keys, torch.arange(len(keys))).T


@bank.wrong("the keys are not turned")
def forgets_the_keys(q, k, cached):
    return turn(q, places(q, cached)) @ torch.cat((cached, k)).T


@bank.wrong("offset is one too large")
def one_too_far(q, k, cached):
    new = places(q, cached) + 1
    return turn(q, new) @ torch.cat((cached, turn(k, new))).T


@bank.wrong("offset is one too small")
def behind_the_last_but_one(q, k, cached):
    new = places(q, cached) - 1
    return turn(q, new) @ torch.cat((cached, turn(k, new))).T


@bank.wrong("the queries are one too far")
def queries_too_far(q, k, cached):
    new = places(q, cached)
    return turn(q, new + 1) @ torch.cat((cached, turn(k, new))).T


@bank.wrong("gave all new tokens one place")
def one_place(q, k, cached):
    angles = rope_angles(torch.tensor([len(cached)]), q.shape[1])  # one row, which serves for all tokens
    q, k = (rotate(x[None, :, None], angles.cos(), angles.sin())[0, :, 0] for x in (q, k))
    return q @ torch.cat((cached, k)).T


@bank.wrong("queries stand at the last place")
def last_place(q, k, cached):
    new = places(q, cached)
    return turn(q, new[-1:].expand(len(q))) @ torch.cat((cached, turn(k, new))).T


@bank.wrong("reverse order")
def reversed_places(q, k, cached):
    new = places(q, cached).flip(0)
    return turn(q, new) @ torch.cat((cached, turn(k, new))).T


@bank.wrong("before the cached ones")
def new_keys_first(q, k, cached):
    new = places(q, cached)
    return turn(q, new) @ torch.cat((turn(k, new), cached)).T


@bank.wrong("queries are turned twice")
def turns_twice(q, k, cached):
    new = places(q, cached)
    return turn(turn(q, new), new) @ torch.cat((cached, turn(k, new))).T


@bank.wrong("took the softmax")
def weights(q, k, cached):
    return score_by_score(q, k, cached).softmax(-1)


@bank.wrong("divided by the root of D")
def scales(q, k, cached):
    return score_by_score(q, k, cached) / q.shape[1] ** 0.5


@bank.wrong("left out the cached keys")
def new_keys_only(q, k, cached):
    new = places(q, cached)
    return turn(q, new) @ turn(k, new).T


@bank.wrong("cannot be called with 3 arguments")
def forgets_a_parameter(q, k):
    return q @ k.T


@bank.wrong()
def twice_as_large(q, k, cached):
    return 2 * score_by_score(q, k, cached)
