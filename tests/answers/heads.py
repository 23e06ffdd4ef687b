"""Lesson 02, exercise 2: cut the channels into heads, attend, put the results together."""

from __future__ import annotations

import torch
from torch.nn.functional import scaled_dot_product_attention

from llama_lessons.attention import causal_attention
from llama_lessons.checks.attention import check_heads
from tests.answers.bank import Bank

bank = Bank(check_heads)


def cut(x, n_heads):
    return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)


def join(out):
    return out.transpose(1, 2).flatten(2)


@bank.right
def head_by_head(q, k, v, n_heads):
    parts = zip(*(x.chunk(n_heads, dim=-1) for x in (q, k, v)), strict=True)
    return torch.cat([causal_attention(*(x[:, None] for x in part))[:, 0] for part in parts], dim=-1)


@bank.right
def into_memory_of_its_own(q, k, v, n_heads):
    out = torch.empty(q.shape)
    for text in range(len(q)):
        heads = (x[text].view(x.shape[1], n_heads, -1).permute(1, 0, 2) for x in (q, k, v))
        out[text] = scaled_dot_product_attention(*heads, is_causal=True).permute(1, 0, 2).flatten(1)
    return out


@bank.wrong("with one reshape to (B, H, T, D), which mixes tokens")
def views_at_once(q, k, v, n_heads):
    b, t, c = q.shape
    q, k, v = (x.view(b, n_heads, t, c // n_heads) for x in (q, k, v))
    return causal_attention(q, k, v).transpose(1, 2).reshape(b, t, c)


@bank.wrong("Put together they were with one reshape, too")
def views_at_once_there_and_back(q, k, v, n_heads):
    b, t, c = q.shape
    q, k, v = (x.view(b, n_heads, t, c // n_heads) for x in (q, k, v))
    return causal_attention(q, k, v).reshape(b, t, c)


@bank.wrong("forgot to transpose back")
def views_back(q, k, v, n_heads):
    return causal_attention(*(cut(x, n_heads) for x in (q, k, v))).contiguous().view(q.shape)


@bank.wrong("did not transpose: now the heads")
def never_transposes(q, k, v, n_heads):
    return causal_attention(*(x.unflatten(-1, (n_heads, -1)) for x in (q, k, v))).flatten(2)


@bank.wrong("did not transpose before attention, only after it")
def transposes_afterwards(q, k, v, n_heads):
    return join(causal_attention(*(x.view(*x.shape[:2], n_heads, -1) for x in (q, k, v)))).reshape(q.shape)


@bank.wrong("dealt the channels out like cards: head 0")
def every_other_channel(q, k, v, n_heads):
    out = torch.zeros_like(q)
    for head in range(n_heads):
        out[:, :, head::n_heads] = causal_attention(*(x[:, None, :, head::n_heads] for x in (q, k, v)))[:, 0]
    return out


@bank.wrong("in the wrong order")
def stacks_them(q, k, v, n_heads):
    heads = causal_attention(*(cut(x, n_heads) for x in (q, k, v)))
    return torch.stack(heads.unbind(1), dim=-1).flatten(2)


@bank.wrong("added up the heads")
def adds_them(q, k, v, n_heads):
    return causal_attention(*(cut(x, n_heads) for x in (q, k, v))).sum(dim=1)


@bank.wrong("you left the heads apart, (B, T, H, D)")
def leaves_them(q, k, v, n_heads):
    return causal_attention(*(cut(x, n_heads) for x in (q, k, v))).transpose(1, 2)


@bank.wrong("there is one head")
def has_one_head(q, k, v, n_heads):
    return causal_attention(q[:, None], k[:, None], v[:, None])[:, 0]


@bank.wrong("a fixed number of heads, 2,")
def two_heads(q, k, v, n_heads):
    return join(causal_attention(*(cut(x, 2) for x in (q, k, v))))


@bank.wrong("kept the last head only")
def overwrites_heads(q, k, v, n_heads):
    for head in range(n_heads):
        out = torch.zeros_like(q)
        own = slice(head * q.shape[2] // n_heads, (head + 1) * q.shape[2] // n_heads)
        out[:, :, own] = causal_attention(*(x[:, None, :, own] for x in (q, k, v)))[:, 0]
    return out


@bank.wrong("scaled twice")
def scales_first(q, k, v, n_heads):
    q, k, v = (cut(x, n_heads) for x in (q, k, v))
    return join(causal_attention(q / q.shape[-1] ** 0.5, k, v))


@bank.wrong("left out the mask")
def looks_ahead(q, k, v, n_heads):
    return join(scaled_dot_product_attention(*(cut(x, n_heads) for x in (q, k, v))))


@bank.wrong("stopped with TypeError")
def divides_to_a_fraction(q, k, v, n_heads):
    return join(causal_attention(*(x.view(*x.shape[:2], n_heads, x.shape[2] / n_heads) for x in (q, k, v))))


@bank.wrong("still stands in it")
def forgets_the_raise(q, k, v, n_heads):
    join(causal_attention(*(cut(x, n_heads) for x in (q, k, v))))
    raise NotImplementedError("your turn")


@bank.wrong()
def a_little_small(q, k, v, n_heads):
    return join(causal_attention(*(cut(x, n_heads) for x in (q, k, v)))) * 0.9
