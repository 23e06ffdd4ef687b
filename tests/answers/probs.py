"""Lesson 07, exercise 1: temperature and top-k."""

from __future__ import annotations

import torch

from llama_lessons.checks.sampling import check_probs
from llama_lessons.sampling import next_token_probs
from tests.answers.bank import Bank

bank = Bank(check_probs)
bank.right(lambda logits, temperature, top_k: next_token_probs(logits, temperature, top_k))


@bank.right
def by_hand(logits, temperature, top_k):
    values, places = logits.topk(top_k)
    powers = (values / temperature - values[:, :1] / temperature).exp()
    return torch.zeros_like(logits).scatter(1, places, powers / powers.sum(1, keepdim=True))


@bank.right
def row_by_row_in_double_precision(logits, temperature, top_k):
    out = torch.zeros(logits.shape, dtype=torch.float64)
    for row, scores in enumerate(logits.double()):
        best = scores.argsort(descending=True)[:top_k]
        out[row, best] = scores[best].div(temperature).softmax(0)
    return out.float()


def cut(logits, temperature, top_k, scores=lambda logits, t: logits / t, bar=None, fill=-torch.inf, dim=-1, below=None):
    """The lesson's solution, with a reader's usual mistakes to choose from."""
    logits = scores(logits, temperature)
    least = bar(logits, top_k) if bar else torch.topk(logits, top_k, dim=-1)[0][..., -1, None]
    hidden = below(logits, least) if below else logits < least
    return torch.softmax(logits.masked_fill(hidden, fill), dim=dim)


def divides_probabilities(logits, temperature, top_k):
    probs = logits.softmax(-1) / temperature
    probs[probs < probs.topk(top_k).values[:, -1:]] = 0
    return probs / probs.sum(-1, keepdim=True)


def does_not_normalise(logits, temperature, top_k):
    probs = (logits / temperature).softmax(-1)
    values, places = probs.topk(top_k)
    return torch.zeros_like(probs).scatter(-1, places, values)


def one_sum_for_all(logits, temperature, top_k):
    kept = does_not_normalise(logits, temperature, top_k)
    return kept / kept.sum()


def overflows(logits, temperature, top_k):
    powers = torch.exp(logits / temperature)
    powers[logits < logits.topk(top_k).values[:, -1:]] = 0
    return powers / powers.sum(-1, keepdim=True)


for says, answer in {
    "you multiplied by the temperature: divide": lambda *given: cut(*given, scores=lambda logits, t: logits * t),
    "the temperature has no effect": divides_probabilities,
    "by the root of the temperature": lambda *given: cut(*given, scores=lambda logits, t: logits / t**0.5),
    "already divided by the temperature": lambda *given: cut(*given, scores=lambda logits, t: (logits / t).softmax(-1)),
    "you left out top_k": lambda logits, temperature, top_k: torch.softmax(logits / temperature, -1),
    "keeps k - 1 tokens": lambda *given: cut(*given, below=torch.le),
    "keeps k + 1 tokens": lambda logits, t, k: cut(logits, t, min(k + 1, logits.shape[1])),
    "you kept only the likeliest": lambda logits, t, k: cut(logits, t, 1),
    "the k least likely": lambda *given: cut(
        *given, bar=lambda s, k: s.sort().values[:, k - 1, None], below=lambda s, bar: s > bar
    ),
    "the scores of the others to 0": lambda *given: cut(*given, fill=0.0),
    "others to -10.0": lambda *given: cut(*given, fill=-10),
    "did not normalise again": does_not_normalise,
    "divided all rows together by one sum": one_sum_for_all,
    "the lowest k-th": lambda *given: cut(*given, bar=lambda s, k: s.topk(k).values.min()),
    "you took the softmax down the columns": lambda *given: cut(*given, dim=0),
    "you gave logarithms": lambda *given: cut(*given).log(),
    "overflows for large scores": overflows,
    "Its type is torch.float64": lambda *given: cut(*given).double(),
}.items():
    bank.wrong(says)(answer)


@bank.wrong("changed the arguments")
def in_place(logits, temperature, top_k):
    logits /= temperature
    return cut(logits, 1.0, top_k)


@bank.wrong()
def temperature_of_the_row(logits, temperature, top_k):
    return cut(logits, temperature * logits.std(-1, keepdim=True), top_k)
