"""Lesson 02b, its exercise: the induction score."""

from __future__ import annotations

import torch

from llama_lessons.checks.attention import check_induction_score
from tests.answers.bank import Bank

bank = Bank(check_induction_score)


def places(ids):
    """(t, s) for each token t that has occurred before, at s the last time."""
    return [(t, max(s for s in range(t) if ids[s] == ids[t])) for t in range(len(ids)) if ids[t] in ids[:t]]


@bank.right
def by_matching_ids(weights, ids):
    ids = torch.tensor(ids)
    same = (ids[:, None] == ids).tril(-1)  # (T, T)
    last = same & (same.flip(1).cumsum(1).flip(1) == 1)
    return weights[:, :, 1:][:, last[:, :-1]].mean(1)


@bank.right
def head_by_head(weights, ids):
    scores = [sum(float(head[t, s + 1]) for t, s in places(ids)) / len(places(ids)) for head in weights]
    return torch.tensor(scores)


@bank.wrong("the earlier occurrence itself")
def finds_duplicates(weights, ids):
    return torch.stack([weights[:, t, s] for t, s in places(ids)]).mean(0)


@bank.wrong("two places after")
def one_too_far(weights, ids):
    return torch.stack([weights[:, t, s + 2] for t, s in places(ids)]).mean(0)


@bank.wrong("took the first occurrence")
def finds_the_first(weights, ids):
    found = [(t, ids.index(token) + 1) for t, token in enumerate(ids) if token in ids[:t]]
    return sum(weights[:, t, k] for t, k in found) / len(found)


@bank.wrong("row of the token before")
def predicts(weights, ids):
    return torch.stack([weights[:, t - 1, s + 1] for t, s in places(ids)]).mean(0)


@bank.wrong("exchanged rows and columns")
def columns(weights, ids):
    return torch.stack([weights.mT[:, t, s + 1] for t, s in places(ids)]).mean(0)


@bank.wrong("scored the previous token")
def previous(weights, ids):
    return torch.stack([weights[:, t, t - 1] for t, _ in places(ids)]).mean(0)


@bank.wrong("the sum over all earlier occurrences")
def all_earlier(weights, ids):
    rows = [sum(weights[:, t, s + 1] for s in range(t) if ids[s] == ids[t]) for t, _ in places(ids)]
    return torch.stack(rows).mean(0)


@bank.wrong("to Python 0 is false")
def zero_is_false(weights, ids):
    last, found = {}, []
    for t, token in enumerate(ids):
        if s := last.get(token):
            found.append(weights[:, t, s + 1])
        last[token] = t
    return torch.stack(found).mean(0)


@bank.wrong("added up")
def adds_up(weights, ids):
    return sum(weights[:, t, s + 1] for t, s in places(ids))


@bank.wrong("divided by all tokens: ")
def mean_over_all(weights, ids):
    return sum(weights[:, t, s + 1] for t, s in places(ids)) / weights.shape[1]


@bank.wrong("the mean of these means")
def mean_of_means(weights, ids):
    rows = {}
    for t, s in places(ids):
        rows.setdefault(ids[t], []).append(weights[:, t, s + 1])
    return sum(sum(own) / len(own) for own in rows.values()) / len(rows)


@bank.wrong("over the heads, not over the tokens")
def wrong_axis(weights, ids):
    return torch.stack([weights[:, t, s + 1] for t, s in places(ids)]).mean(-1)


@bank.wrong("scored the first head only")
def one_head(weights, ids):
    return sum(weights[0, t, s + 1] for t, s in places(ids)) / len(places(ids))


@bank.wrong("left over from an earlier call")
def remembers(weights, ids, last={}):  # noqa: B006
    found = []
    for t, token in enumerate(ids):
        if last.get(token, t) < t:
            found.append(weights[:, t, last[token] + 1])
        last[token] = t
    return torch.stack(found).mean(0)


@bank.wrong()
def with_a_little_added(weights, ids):
    return torch.stack([weights[:, t, s + 1] for t, s in places(ids)]).mean(0) + 0.01
