"""Lesson 04, exercise 4: pool the heads of a group into one."""

from __future__ import annotations

import torch

from llama_lessons.checks.gqa import check_pool
from tests.answers.bank import Bank

bank = Bank(check_pool)


@bank.right
def with_views(weight, n_kv_heads, head_dim):
    groups = weight.reshape(n_kv_heads, -1, head_dim, weight.shape[1])
    return groups.sum(dim=1).div(groups.shape[1]).reshape(-1, weight.shape[1])


@bank.right
def with_lists(weight, n_kv_heads, head_dim):
    heads = weight.split(head_dim)
    n = len(heads) // n_kv_heads
    return torch.cat([sum(heads[start : start + n]) / n for start in range(0, len(heads), n)])


def pooled(weight, n_kv_heads, head_dim, group_of=lambda head, n, kv: head * kv // n, divisor=None, take=slice(None)):
    """Heads that are dealt into groups, some of each added up and divided."""
    heads = weight.reshape(-1, head_dim, weight.shape[1])
    groups = [[k for k in range(len(heads)) if group_of(k, len(heads), n_kv_heads) == g] for g in range(n_kv_heads)]
    return torch.cat([heads[g[take]].sum(0) / (divisor or (lambda h, g: len(g)))(heads, g[take]) for g in groups])


for says, answer in {
    "every second, third": lambda *given: pooled(*given, group_of=lambda head, n, kv: head % kv),
    "you added the heads up": lambda *given: pooled(*given, divisor=lambda heads, group: 1),
    "by the number of all heads": lambda *given: pooled(*given, divisor=lambda heads, group: len(heads)),
    "by head_dim": lambda *given: pooled(*given, divisor=lambda heads, group: heads.shape[1]),
    "by the root of the number of heads": lambda *given: pooled(*given, divisor=lambda heads, g: len(g) ** 0.5),
    "you kept the first head of each group": lambda *given: pooled(*given, take=slice(1)),
    "you kept the last head of each group": lambda *given: pooled(*given, take=slice(-1, None)),
    "the first two of each group": lambda *given: pooled(*given, take=slice(2)),
    "you kept the first heads and dropped": lambda weight, kv, dim: weight[: kv * dim].clone(),
    "you kept the last heads and dropped": lambda weight, kv, dim: weight.flip(0)[: kv * dim].flip(0),
    "you pooled neighbouring rows": lambda weight, kv, dim: weight.reshape(kv * dim, -1, weight.shape[1]).mean(1),
    "you took the median": lambda weight, kv, dim: torch.cat(
        [torch.stack(group.split(dim)).median(0)[0] for group in weight.chunk(kv)]
    ),
    "you took the mean of all heads": lambda weight, kv, dim: torch.stack(weight.split(dim)).mean(0).repeat(kv, 1),
}.items():
    bank.wrong(says)(answer)


@bank.wrong("changed the arguments")
def in_place(weight, n_kv_heads, head_dim):
    groups = weight.view(n_kv_heads, -1, head_dim, weight.shape[1])
    groups[:, 0] = groups.mean(1)
    return groups[:, 0].flatten(0, 1)


@bank.wrong()
def cosine_of_heads(weight, n_kv_heads, head_dim):
    return torch.nn.functional.normalize(pooled(weight, n_kv_heads, head_dim), dim=1)
