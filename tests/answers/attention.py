"""Lesson 02, exercise 1: causal attention of one head."""

from __future__ import annotations

import torch
from torch.nn.functional import scaled_dot_product_attention

from llama_lessons.checks.attention import check_attention
from tests.answers.bank import Bank

bank = Bank(check_attention)


def scores_of(q, k):
    return q @ k.T / q.shape[-1] ** 0.5


def past(q):
    return torch.ones(len(q), len(q)).tril().bool()


@bank.right
def with_the_scale_in_the_queries(q, k, v):
    return scaled_dot_product_attention(q / q.shape[1] ** 0.5, k, v, is_causal=True, scale=1)


@bank.right
def in_double_precision_with_a_low_number(q, k, v):
    scores = torch.einsum("td,sd->ts", q.double(), k.double()).div_(q.shape[1] ** 0.5)
    return (scores.masked_fill_(~past(q), -1e9).softmax(-1) @ v.double()).float()


@bank.right
def row_by_row_in_its_own_memory(q, k, v):
    out = torch.empty(len(q), v.shape[1])
    for t in range(len(q)):
        scores = k[: t + 1] @ q[t] * q.shape[1] ** -0.5
        powers = scores.sub_(scores.max()).exp_()
        out[t] = powers / powers.sum() @ v[: t + 1]
    return out


@bank.wrong("left out the scale")
def no_scale(q, k, v):
    return torch.stack([(k[: t + 1] @ q[t]).softmax(0) @ v[: t + 1] for t in range(len(q))])


@bank.wrong("you divided by D, or by its square root twice")
def scaled_twice(q, k, v):
    return scaled_dot_product_attention(q / q.shape[1] ** 0.5, k, v, is_causal=True)


@bank.wrong("a fixed D, 64,")
def the_scale_of_another_model(q, k, v):
    return (q @ k.T / 8).masked_fill(~past(q), -torch.inf).softmax(-1) @ v


@bank.wrong("to a whole number")
def whole_root(q, k, v):
    return (q @ k.T / int(q.shape[1] ** 0.5)).masked_fill(~past(q), -torch.inf).softmax(-1) @ v


@bank.wrong("left out the mask")
def no_mask(q, k, v):
    return scaled_dot_product_attention(q, k, v)


@bank.wrong("masked after the softmax: the rows")
def deletes_afterwards(q, k, v):
    weights = scores_of(q, k).softmax(-1)
    for t in range(len(q)):
        weights[t, t + 1 :] = 0
    return weights @ v


@bank.wrong("divided by what is left")
def deletes_afterwards_and_divides(q, k, v):
    weights = scores_of(q, k).softmax(-1).tril()
    return weights / weights.sum(-1, keepdim=True) @ v


@bank.wrong("large ones overflow")
def bare_powers(q, k, v):
    powers = scores_of(q, k).masked_fill(~past(q), -torch.inf).exp()
    return powers / powers.sum(-1, keepdim=True) @ v


@bank.wrong("masked scores to 0")
def times_the_mask(q, k, v):
    return (scores_of(q, k) * past(q)).softmax(-1) @ v


@bank.wrong("not low enough, for scores can be lower")
def minus_fifty(q, k, v):
    return scores_of(q, k).masked_fill(~past(q), -50).softmax(-1) @ v


@bank.wrong("with the ones on the future")
def plus_the_mask(q, k, v):
    return (scores_of(q, k) + torch.ones(len(q), len(q)).triu(1)).softmax(-1) @ v


@bank.wrong("shows the next token")
def sees_the_next(q, k, v):
    hidden = torch.ones(len(q), len(q)).triu(2).bool()
    return scores_of(q, k).masked_fill(hidden, -torch.inf).softmax(-1) @ v


@bank.wrong("hides the past and the token itself")
def turned_round(q, k, v):
    return scores_of(q, k).masked_fill(past(q), -torch.inf).softmax(-1) @ v


@bank.wrong("it goes from tokens to tokens, (T, T)")
def mask_of_channels(q, k, v):
    return scores_of(q, k).masked_fill(~past(q.T), -torch.inf).softmax(-1) @ v


@bank.wrong("down the columns")
def columns(q, k, v):
    powers = scores_of(q, k).masked_fill(~past(q), -torch.inf)
    return powers.softmax(0) @ v


@bank.wrong("mixed the keys in place of the values")
def keys_for_values(q, k, v):
    return scaled_dot_product_attention(q, k, k, is_causal=True)


@bank.wrong("left out the values")
def weights_only(q, k, v):
    return scores_of(q, k).masked_fill(~past(q), -torch.inf).softmax(-1)


@bank.wrong("changed the arguments")
def in_place(q, k, v):
    q /= q.shape[1] ** 0.5
    return scaled_dot_product_attention(q, k, v, is_causal=True, scale=1)


@bank.wrong("should be torch.float32")
def stays_double(q, k, v):
    return scaled_dot_product_attention(q.double(), k.double(), v.double(), is_causal=True)


@bank.wrong()
def only_half_right(q, k, v):
    return 0.9 * scaled_dot_product_attention(q, k, v, is_causal=True) + 0.1 * v
