"""Lesson 13, exercise 3: a feed-forward in parts."""

from __future__ import annotations

import torch
from torch.nn import functional

from llama_lessons.checks.parallel import check_parts
from tests.answers.bank import Bank

bank = Bank(check_parts)


@bank.right
def with_slices(x, w_gate, w_up, w_down, n_ranks):
    parts, n = [], w_gate.shape[0] // n_ranks
    for rank in range(n_ranks):
        own = slice(rank * n, (rank + 1) * n)
        hidden = functional.silu(functional.linear(x, w_gate[own])) * functional.linear(x, w_up[own])
        parts.append(functional.linear(hidden, w_down[:, own]))
    return parts


@bank.right
def all_hidden_channels_first(x, w_gate, w_up, w_down, n_ranks):
    hidden = functional.silu(x @ w_gate.mT) * (x @ w_up.mT)
    return [
        h @ w.mT
        for h, w in zip(hidden.split(hidden.shape[1] // n_ranks, 1), w_down.tensor_split(n_ranks, 1), strict=True)
    ]


@bank.right
def with_a_mask(x, w_gate, w_up, w_down, n_ranks):
    hidden = functional.silu(x @ w_gate.T) * (x @ w_up.T)
    owner = torch.arange(len(w_gate)) * n_ranks // len(w_gate)
    return [(hidden * (owner == rank)) @ w_down.T for rank in range(n_ranks)]


def parts_of(change_hidden=None, order=lambda k, n: k, act=functional.silu):
    """An answer with a reader's own hidden channels, or w_down's parts in another order."""

    def answer(x, w_gate, w_up, w_down, n_ranks):
        gates, ups, downs = w_gate.chunk(n_ranks), w_up.chunk(n_ranks), w_down.chunk(n_ranks, dim=-1)
        found = []
        for k in range(n_ranks):
            g, u = x @ gates[k].T, x @ ups[k].T
            hidden = change_hidden(g, u) if change_hidden else act(g) * u
            found.append(hidden @ downs[order(k, n_ranks)].T)
        return found

    return answer


def after(change):
    return lambda *given: change(with_slices(*given))


def by_split(x, w_gate, w_up, w_down, n_ranks):
    each = zip(w_gate.split(n_ranks), w_up.split(n_ranks), w_down.split(n_ranks, dim=1), strict=True)
    return [(functional.silu(x @ gate.T) * (x @ up.T)) @ down.T for gate, up, down in each]


for says, answer in {
    "as split does": by_split,
    "silu at the end": lambda *given: [functional.silu(p) for p in parts_of(lambda gate, up: gate * up)(*given)],
    "from rank to rank": after(lambda parts: [sum(parts[: k + 1]) for k in range(len(parts))]),
    "whole output divided by n_ranks": after(lambda parts: [torch.stack(parts).mean(0) for _ in parts]),
    "you added the parts up": after(lambda parts: torch.stack(parts).sum(0)),
    "every rank the whole output": after(lambda parts: [torch.stack(parts).sum(0) for _ in parts]),
    "divided each part by the number of ranks": after(lambda parts: [part / len(parts) for part in parts]),
    "into one tensor": after(torch.stack),
    "in reverse order": after(lambda parts: list(reversed(parts))),
    "forgot the gate's silu": parts_of(act=lambda gate: gate),
    "silu of the wrong branch": parts_of(lambda gate, up: functional.silu(up) * gate),
    "silu of the product": parts_of(lambda gate, up: functional.silu(gate * up)),
    "you left the gate out": parts_of(lambda gate, up: up),
    "a sigmoid for the gate": parts_of(act=torch.sigmoid),
    "a relu for the gate": parts_of(act=torch.relu),
    "you cut w_down in another order": parts_of(order=lambda k, n: n - 1 - k),
    "the same columns of w_down": parts_of(order=lambda k, n: 0),
    "shared the rows of x": lambda x, g, u, d, n: [(functional.silu(r @ g.T) * (r @ u.T)) @ d.T for r in x.chunk(n)],
    "the channels of the output": lambda x, g, u, d, n: list(
        ((functional.silu(x @ g.T) * (x @ u.T)) @ d.T).chunk(n, -1)
    ),
    "every n-th channel": lambda x, g, u, d, n: [
        (functional.silu(x @ g[k::n].T) * (x @ u[k::n].T)) @ d[:, k::n].T for k in range(n)
    ],
}.items():
    bank.wrong(says)(answer)


@bank.wrong()
def gelu(x, w_gate, w_up, w_down, n_ranks):
    return parts_of(act=functional.gelu)(x, w_gate, w_up, w_down, n_ranks)


@bank.wrong("every rank the whole output")
def nothing_is_cut(x, w_gate, w_up, w_down, n_ranks):
    return [functional.silu(x @ w_gate.T) * (x @ w_up.T) @ w_down.T for _ in range(n_ranks)]
