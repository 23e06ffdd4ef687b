"""Lesson 05, exercise 1: RMSNorm."""

from __future__ import annotations

import torch
from torch import nn

from llama_lessons.checks.model_parts import check_rms_norm
from tests.answers.bank import Bank

bank = Bank(check_rms_norm)


@bank.right
def by_pytorch(x, weight, eps):
    return nn.functional.rms_norm(x.float(), x.shape[-1:], eps=eps).type_as(x) * weight


@bank.right
def by_the_length_of_a_vector(x, weight, eps):
    square = torch.linalg.vector_norm(x.double(), dim=-1, keepdim=True) ** 2 / x.shape[-1]
    return (x.double() / torch.sqrt(square + eps)).to(x.dtype).mul_(weight)


def divided(x, weight, length):
    return (x.float() / length).type_as(x) * weight


def mean_square(x):
    return torch.einsum("...c,...c->...", x.float(), x.float())[..., None] / x.shape[-1]


@bank.wrong("that is LayerNorm")
def layer_norm(x, weight, eps):
    return nn.functional.layer_norm(x.float(), x.shape[-1:], eps=eps).type_as(x) * weight


@bank.wrong("you divided by torch's standard deviation plus eps")
def standard_deviation(x, weight, eps):
    return divided(x, weight, torch.std(x.float(), dim=-1, keepdim=True) + eps)


@bank.wrong("you added eps outside the root")
def eps_behind_the_root(x, weight, eps):
    return divided(x, weight, mean_square(x) ** 0.5 + eps)


@bank.wrong("you used eps as a least length")
def eps_as_least_length(x, weight, eps):
    return divided(x, weight, torch.clamp(mean_square(x).sqrt(), min=eps))


@bank.wrong("you forgot eps")
def no_eps(x, weight, eps):
    return divided(x, weight, mean_square(x).sqrt())


@bank.wrong("you used 1e-6 whatever is given")
def an_eps_of_its_own(x, weight, eps):
    return divided(x, weight, (mean_square(x) + 1e-6).sqrt())


@bank.wrong("you forgot the root")
def no_root(x, weight, eps):
    return divided(x, weight, mean_square(x) + eps)


@bank.wrong("you multiplied with the root mean square")
def multiplied(x, weight, eps):
    return (x.float() * torch.sqrt(mean_square(x) + eps)).type_as(x) * weight


@bank.wrong("you applied the weight before the norm")
def weight_first(x, weight, eps):
    return by_pytorch(x * weight, torch.ones_like(weight), eps)


@bank.wrong("you added the weight")
def weight_as_a_bias(x, weight, eps):
    return by_pytorch(x, torch.ones_like(weight), eps) + weight


@bank.wrong("you took the mean over the tokens")
def over_the_tokens(x, weight, eps):
    return divided(x, weight, (x.float().pow(2).mean(dim=-2, keepdim=True) + eps).sqrt())


@bank.wrong("say dim=-1")
def over_axis_1(x, weight, eps):
    return divided(x, weight, (x.float().pow(2).mean(1, True) + eps).sqrt())


@bank.wrong("you forgot keepdim=True")
def no_keepdim(x, weight, eps):
    return divided(x, weight, (x.float().pow(2).mean(-1) + eps).sqrt())


@bank.wrong("you took the sum of the squares: RMSNorm takes their mean")
def unit_length(x, weight, eps):
    return divided(x, weight, (x.float() ** 2).sum(-1, keepdim=True).add(eps).sqrt())


@bank.wrong("you squared in float16")
def in_half_precision(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


@bank.wrong("Its type is torch.float32 and should be torch.float16")
def stays_in_float32(x, weight, eps):
    return x.float() * torch.rsqrt(mean_square(x) + eps) * weight.float()


@bank.wrong()
def cube_root(x, weight, eps):
    return divided(x, weight, (mean_square(x) + eps) ** (1 / 3))
