"""Lesson 03, exercise 2: turn neighbouring channels."""

from __future__ import annotations

import torch

from llama_lessons.checks.rope import check_rotate
from llama_lessons.rope import rotate
from tests.answers.bank import Bank

bank = Bank(check_rotate)


def neighbours(x, a, b):
    return torch.stack((a, b), dim=-1).flatten(-2).type_as(x)


@bank.right
def by_complex_numbers(x, cos, sin):
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.complex(cos, sin)[:, None]).flatten(-2).to(x.dtype)


@bank.right
def by_matrices_in_the_type_of_x(x, cos, sin):
    turns = torch.stack((cos, -sin, sin, cos), dim=-1).unflatten(-1, (2, 2)).type_as(x)
    return torch.einsum("tkij,bthkj->bthki", turns, x.unflatten(-1, (-1, 2))).flatten(-2)


@bank.right
def token_by_token(x, cos, sin):
    out = x.clone()
    for t in range(x.shape[1]):
        first, second = x[:, t, :, ::2], x[:, t, :, 1::2]
        out[:, t, :, ::2], out[:, t, :, 1::2] = first * cos[t] - second * sin[t], first * sin[t] + second * cos[t]
    return out


def rotate_half(x):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


@bank.wrong("rotated the two halves")
def as_transformers_does(x, cos, sin):
    cos, sin = (torch.cat((table, table), dim=-1)[:, None] for table in (cos, sin))
    return x * cos + rotate_half(x) * sin


@bank.wrong("two layouts in one")
def half_of_both_layouts(x, cos, sin):
    cos, sin = (table.repeat_interleave(2, dim=-1)[:, None] for table in (cos, sin))
    return (x * cos + rotate_half(x) * sin).type_as(x)


@bank.wrong("turned the wrong way")
def complex_conjugate(x, cos, sin):
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.complex(cos, -sin)[:, None]).flatten(-2)


@bank.wrong("used the new first channel")
def overwrites(x, cos, sin):
    out = x.clone()
    out[..., ::2] = out[..., ::2] * cos[:, None] - out[..., 1::2] * sin[:, None]
    out[..., 1::2] = out[..., ::2] * sin[:, None] + out[..., 1::2] * cos[:, None]
    return out


@bank.wrong("put them back as two halves")
def puts_back_as_halves(x, cos, sin):
    return torch.cat(rotate(x, cos, sin).unflatten(-1, (-1, 2)).unbind(-1), dim=-1)


@bank.wrong("gave the angles to the heads")
def broadcasts_over_heads(x, cos, sin):
    first, second = x[..., 0::2], x[..., 1::2]
    return neighbours(x, first * cos - second * sin, first * sin + second * cos)


@bank.wrong("back in the wrong order")
def second_first(x, cos, sin):
    return rotate(x, cos, sin).unflatten(-1, (-1, 2)).flip(-1).flatten(-2)


@bank.wrong("there are two minus signs, the second at first * sin")
def two_minus_signs(x, cos, sin):
    first, second, cos, sin = x[..., 0::2], x[..., 1::2], cos[:, None], sin[:, None]
    return neighbours(x, first * cos - second * sin, -first * sin + second * cos)


@bank.wrong("second channel of each pair only")
def half_of_each_pair(x, cos, sin):
    out = x.clone()
    out[..., 1::2] = rotate(x, cos, sin)[..., 1::2]
    return out


@bank.wrong("first head only")
def one_head(x, cos, sin):
    return torch.cat((rotate(x[:, :, :1], cos, sin), x[:, :, 1:]), dim=2)


@bank.wrong("every pair turns at one speed")
def one_speed(x, cos, sin):
    return rotate(x, cos[:, :1].repeat(1, cos.shape[1]), sin[:, :1].repeat(1, sin.shape[1]))


@bank.wrong("the tables: they are cosines and sines already")
def cosine_of_cosines(x, cos, sin):
    return rotate(x, torch.cos(cos), torch.sin(sin))


@bank.wrong("left the pairs apart")
def pairs_apart(x, cos, sin):
    return rotate(x, cos, sin).unflatten(-1, (-1, 2))


@bank.wrong("Its type is torch.float32 and should be torch.bfloat16")
def stays_float32(x, cos, sin):
    return rotate(x.float(), cos, sin)


@bank.wrong("nothing was turned")
def returns_x(x, cos, sin):
    return x


@bank.wrong("changed the arguments")
def in_place(x, cos, sin):
    return x.copy_(rotate(x, cos, sin))


@bank.wrong()
def longer_vectors(x, cos, sin):
    return rotate(x, cos, sin) * 1.5
