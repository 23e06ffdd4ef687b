"""Lesson 07, exercise 3: the log-probability of each token of a text but the first."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from llama_lessons.checks.sampling import check_log_probs
from tests.answers.bank import Bank

bank = Bank(check_log_probs)


@bank.right
def by_the_loss(logits, ids):
    return cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none").neg()


@bank.right
def token_by_token(logits, ids):
    found = torch.empty(len(ids) - 1)
    for t, token in enumerate(ids[1:]):
        found[t] = logits[t, token] - torch.logsumexp(logits[t], 0)
    return found


def gathered(table, ids, rows=slice(0, -1), tokens=slice(1, None)):
    return table[rows].gather(1, torch.tensor(ids)[tokens].unsqueeze(1)).squeeze(1)


for says, answer in {
    "you did not shift: row t": lambda logits, ids: gathered(logits.log_softmax(-1), ids, rows=slice(1, None)),
    "its own row and left out the last": lambda logits, ids: gathered(logits.log_softmax(-1), ids, tokens=slice(-1)),
    "its own row, and gave one number too many": lambda logits, ids: gathered(
        logits.log_softmax(-1), ids, slice(None), slice(None)
    ),
    "you shifted the wrong way": lambda logits, ids: gathered(
        logits.log_softmax(-1), ids, slice(1, None), slice(0, -1)
    ),
    "you left out the logarithm": lambda logits, ids: gathered(logits.softmax(-1), ids),
    "you left out the softmax": gathered,
    "the logarithm of a softmax: a": lambda logits, ids: torch.log(gathered(torch.softmax(logits, dim=-1), ids)),
    "above 1e-09 by adding": lambda logits, ids: torch.log(gathered(torch.softmax(logits, dim=-1), ids) + 1e-9),
    "to the base 2": lambda logits, ids: by_the_loss(logits, ids) / torch.tensor(2.0).log(),
    "down the columns": lambda logits, ids: gathered(logits - logits.logsumexp(0, keepdim=True), ids),
    "over the whole table": lambda logits, ids: gathered(logits - logits.double().exp().sum().log(), ids).float(),
    "your signs are wrong": lambda logits, ids: -by_the_loss(logits, ids),
    "the likeliest token instead": lambda logits, ids: logits.log_softmax(-1)[:-1].max(dim=-1).values,
    "as you went": lambda logits, ids: by_the_loss(logits, ids).cumsum(0),
    "you added them up: give": lambda logits, ids: by_the_loss(logits, ids).sum(),
    "you took the softmax twice": lambda logits, ids: by_the_loss(logits.softmax(-1), ids),
    "you gave a list": lambda logits, ids: by_the_loss(logits, ids).tolist(),
}.items():
    bank.wrong(says)(answer)


@bank.wrong("changed the arguments")
def in_place(logits, ids):
    logits -= logits.logsumexp(-1, keepdim=True)
    return gathered(logits, ids)


@bank.wrong()
def a_temperature_of_its_own(logits, ids):
    return by_the_loss(logits / 0.7, ids)
