"""Lesson 04, exercise 2: the attention of one head, for new tokens behind old ones."""

from __future__ import annotations

import torch
from torch.nn.functional import scaled_dot_product_attention

from llama_lessons.checks.cache import check_read_on
from llama_lessons.rope import rope_angles, rotate
from tests.answers.bank import Bank

bank = Bank(check_read_on)


def turned(rows, places):
    angles = rope_angles(places, rows.shape[1])
    return rotate(rows[None, :, None], angles.cos(), angles.sin())[0, :, 0]


@bank.right
def by_pytorch(q, k, v, past_k, past_v):
    places = len(past_k) + torch.arange(len(q))
    keys, values = torch.cat([past_k, turned(k, places)]), torch.cat([past_v, v])
    may_look = torch.arange(len(keys)) <= places[:, None]
    return scaled_dot_product_attention(turned(q, places), keys, values, attn_mask=may_look), keys, values


@bank.right
def one_by_one(q, k, v, past_k, past_v):
    out = []
    for query, key, value in zip(q, k, v, strict=True):
        place = torch.tensor([len(past_k)])
        past_k, past_v = torch.cat((past_k, turned(key[None], place))), torch.cat((past_v, value[None]))
        weights = (past_k @ turned(query[None], place)[0] * len(key) ** -0.5).softmax(0)
        out.append(torch.einsum("s,sd->d", weights, past_v))
    return torch.stack(out), past_k, past_v


def reads_on(
    q, k, v, past_k, past_v, start=None, keys_start=None, diagonal=None, fill=-torch.inf, scale=None, only_new=False
):
    """The lesson's solution, with a reader's usual mistakes to choose from."""
    n_past, n_new = len(past_k), len(q)
    start = n_past if start is None else start
    places = torch.arange(n_new) + start
    keys = torch.cat((past_k, turned(k, places if keys_start is None else torch.arange(n_new) + keys_start)))
    values = torch.cat((past_v, v))
    seen_keys, seen_values = (keys[n_past:], values[n_past:]) if only_new else (keys, values)
    scores = turned(q, places) @ seen_keys.T / (q.shape[1] ** 0.5 if scale is None else scale)
    diagonal = (0 if only_new else n_past) if diagonal is None else diagonal
    scores = scores.masked_fill(torch.ones_like(scores).tril(diagonal) == 0, fill)
    return scores.softmax(-1) @ seen_values, keys, values


def unturned(q, k, v, past_k, past_v):
    keys, values = torch.cat([past_k, k]), torch.cat([past_v, v])
    place = torch.arange(len(keys)) <= torch.arange(len(q))[:, None] + len(past_k)
    scores = torch.where(place, q @ keys.T / q.shape[1] ** 0.5, -torch.inf)
    return scores.softmax(-1) @ values, keys, values


def turns_all_once_more(q, k, v, past_k, past_v):
    again = turned(past_k, torch.arange(len(past_k)))
    return reads_on(q, k, v, again, past_v)


def softmax_over_the_queries(q, k, v, past_k, past_v):
    _, keys, values = reads_on(q, k, v, past_k, past_v)
    scores = turned(q, torch.arange(len(q)) + len(past_k)) @ keys.mT / q.shape[1] ** 0.5
    scores[torch.arange(len(keys)) > torch.arange(len(q))[:, None] + len(past_k)] = -torch.inf
    return scores.softmax(0) @ values, keys, values


for says, answer in {
    "your positions restart at 0": lambda *given: reads_on(*given, start=0),
    "your positions are one too large": lambda *given: reads_on(*given, start=len(given[3]) + 1),
    "you turned the new keys from position 0 on": lambda *given: reads_on(*given, keys_start=0),
    "you turned nothing": unturned,
    "your mask is aligned at the top left": lambda *given: reads_on(*given, diagonal=0),
    "you used no mask": lambda *given: reads_on(*given, diagonal=99),
    "say tril(P), not tril(T)": lambda *given: reads_on(*given, diagonal=len(given[0])),
    "your mask hides each token from itself": lambda *given: reads_on(*given, diagonal=len(given[3]) - 1),
    "set them to minus infinity": lambda *given: reads_on(*given, fill=0.0),
    "you forgot to divide the scores": lambda *given: reads_on(*given, scale=1),
    "you divided by D": lambda *given: reads_on(*given, scale=given[0].shape[1]),
    "you turned the old keys once more": turns_all_once_more,
    "you looked at the new tokens only": lambda *given: reads_on(*given, only_new=True),
    "your softmax runs over the queries": softmax_over_the_queries,
    "you gave the mixed values alone": lambda *given: reads_on(*given)[0],
    "you exchanged keys and values where": lambda *given: [reads_on(*given)[part] for part in (0, 2, 1)],
}.items():
    bank.wrong(says)(answer)
bank.wrong()(lambda *given: reads_on(*given, scale=17))
