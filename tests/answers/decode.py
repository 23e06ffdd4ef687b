"""Lesson 04, exercise 3: one new token's attention, in query heads that share keys and values."""

from __future__ import annotations

import torch
from torch.nn.functional import scaled_dot_product_attention

from llama_lessons.attention import causal_attention
from llama_lessons.checks.gqa import check_decode
from tests.answers.bank import Bank

bank = Bank(check_decode)
bank.right(lambda q, k, v: causal_attention(q[:, :, None], k, v)[:, :, 0])


@bank.right
def by_pytorch(q, k, v):
    return scaled_dot_product_attention(q[:, :, None], k, v, enable_gqa=True).squeeze(2)


@bank.right
def spread_by_expand(q, k, v):
    n = q.shape[1] // k.shape[1]
    k, v = (x[:, :, None].expand(-1, -1, n, -1, -1).reshape(len(x), -1, *x.shape[2:]) for x in (k, v))
    weights = torch.einsum("bhd,bhsd->bhs", q.double(), k.double()).div(q.shape[-1] ** 0.5).softmax(-1)
    return torch.einsum("bhs,bhsd->bhd", weights.float(), v)


def decodes(q, k, v, heads=None, values=None, scale=None, tokens=slice(None), dim=-1):
    """Each query head with the key-value head that `heads(H, Hkv)` lists for it."""
    n_heads, n_kv = q.shape[1], k.shape[1]
    chosen = heads(n_heads, n_kv) if heads else [h * n_kv // n_heads for h in range(n_heads)]
    k, v = k[:, chosen, tokens], (values or (lambda k, v: v))(k, v)[:, chosen, tokens]
    scores = (k * q[:, :, None]).sum(-1) / (q.shape[2] ** 0.5 if scale is None else scale(q, k))
    return (scores.softmax(dim)[..., None] * v).sum(2)


for says, answer in {
    "you used repeat": lambda *given: decodes(*given, heads=lambda h, kv: [n % kv for n in range(h)]),
    "use the first key-value head": lambda *given: decodes(*given, heads=lambda h, kv: [0] * h),
    "use the last key-value head": lambda *given: decodes(*given, heads=lambda h, kv: [kv - 1] * h),
    "in reverse": lambda *given: decodes(*given, heads=lambda h, kv: [kv - 1 - n * kv // h for n in range(h)]),
    "you forgot to divide": lambda *given: decodes(*given, scale=lambda q, k: 1),
    "you divided by D": lambda *given: decodes(*given, scale=lambda q, k: q.shape[2]),
    "by the root of S": lambda *given: decodes(*given, scale=lambda q, k: k.shape[2] ** 0.5),
    "a number of your own, 8": lambda *given: decodes(*given, scale=lambda q, k: 8),
    "you hid the new token from itself": lambda *given: decodes(*given, tokens=slice(-1)),
    "you looked at the new token only": lambda *given: decodes(*given, tokens=slice(-1, None)),
    "your softmax runs over the heads": lambda *given: decodes(*given, dim=1),
    "the keys in place of the values": lambda *given: decodes(*given, values=lambda k, v: k),
    "the first text's keys and values": lambda q, k, v: decodes(
        q, k[:1].expand_as(k).contiguous(), v[:1].expand_as(v).contiguous()
    ),
}.items():
    bank.wrong(says)(answer)


@bank.wrong("Its shape is")
def keeps_the_axis_of_the_query(q, k, v):
    return by_pytorch(q, k, v)[:, :, None]


@bank.wrong()
def forgets_the_groups(q, k, v):
    return scaled_dot_product_attention(q[:, :, None], k, v)[:, :, 0]
