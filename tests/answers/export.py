"""Lesson 03, exercise 4: rows in the other layout."""

from __future__ import annotations

import torch

from llama_lessons.checkpoints.names import interleaved_to_half_split
from llama_lessons.checks.rope import check_export
from tests.answers.bank import Bank

bank = Bank(check_export)


def permute(weight, n_heads):
    """As the script that converts Meta's checkpoints does it."""
    return weight.view(n_heads, len(weight) // n_heads // 2, 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


@bank.right
def the_packages_own(wq, wk, n_heads, n_kv_heads):
    return interleaved_to_half_split(wq, n_heads), interleaved_to_half_split(wk, n_kv_heads)


@bank.right
def head_by_head_in_a_list(wq, wk, n_heads, n_kv_heads):
    found = []
    for weight, n in ((wq, n_heads), (wk, n_kv_heads)):
        found.append(torch.cat([part for head in weight.chunk(n) for part in (head[::2], head[1::2])]))
    return found


@bank.wrong("left the rows as they are")
def nothing(wq, wk, n_heads, n_kv_heads):
    return wq, wk


@bank.wrong("cut wk into n_heads heads")
def keys_like_queries(wq, wk, n_heads, n_kv_heads):
    return permute(wq, n_heads), permute(wk, n_heads)


@bank.wrong("left wk as it is")
def queries_only(wq, wk, n_heads, n_kv_heads):
    return permute(wq, n_heads), wk


@bank.wrong("this is the way back")
def backwards(wq, wk, n_heads, n_kv_heads):
    back = (w.unflatten(0, (n, 2, -1)).transpose(1, 2).reshape(w.shape) for w, n in ((wq, n_heads), (wk, n_kv_heads)))
    return tuple(back)


@bank.wrong("rows of the whole matrix")
def ignores_heads(wq, wk, n_heads, n_kv_heads):
    return torch.cat((wq[0::2], wq[1::2])), torch.cat((wk[0::2], wk[1::2]))


@bank.wrong("axis of heads with that of pairs")
def swaps_heads_and_pairs(wq, wk, n_heads, n_kv_heads):
    cut = ((w, w.unflatten(0, (n, -1, 2))) for w, n in ((wq, n_heads), (wk, n_kv_heads)))
    return tuple(by_pair.transpose(0, 1).reshape(w.shape) for w, by_pair in cut)


@bank.wrong("odd rows come first")
def odd_first(wq, wk, n_heads, n_kv_heads):
    heads = (w.unflatten(0, (n, -1)) for w, n in ((wq, n_heads), (wk, n_kv_heads)))
    return tuple(torch.cat((head[:, 1::2], head[:, 0::2]), dim=1).flatten(0, 1) for head in heads)


@bank.wrong("first head only")
def one_head(wq, wk, n_heads, n_kv_heads):
    d = len(wq) // n_heads
    return tuple(torch.cat((w[:d:2], w[1:d:2], w[d:])) for w in (wq, wk))


@bank.wrong("sorted twice")
def twice(wq, wk, n_heads, n_kv_heads):
    return permute(permute(wq, n_heads), n_heads), permute(permute(wk, n_kv_heads), n_kv_heads)


@bank.wrong("for square")
def square(wq, wk, n_heads, n_kv_heads):
    cut = ((w, w.reshape(n, -1, 2, len(w))) for w, n in ((wq, n_heads), (wk, n_kv_heads)))
    return tuple(heads.transpose(1, 2).reshape(len(w), -1) for w, heads in cut)


@bank.wrong("you left the heads apart")
def heads_apart(wq, wk, n_heads, n_kv_heads):
    return permute(wq, n_heads).unflatten(0, (n_heads, -1)), permute(wk, n_kv_heads).unflatten(0, (n_kv_heads, -1))


@bank.wrong("gave the numbers of the rows")
def row_numbers(wq, wk, n_heads, n_kv_heads):
    return permute(torch.arange(len(wq))[:, None], n_heads)[:, 0], permute(torch.arange(len(wk))[:, None], n_kv_heads)[
        :, 0
    ]


@bank.wrong("gave wk first")
def other_order(wq, wk, n_heads, n_kv_heads):
    return permute(wk, n_kv_heads), permute(wq, n_heads)


@bank.wrong("returns a Tensor and should return a tuple")
def one_matrix(wq, wk, n_heads, n_kv_heads):
    return permute(wq, n_heads)


@bank.wrong("returned None")
def forgets_to_return(wq, wk, n_heads, n_kv_heads):
    wq, wk = permute(wq, n_heads), permute(wk, n_kv_heads)


@bank.wrong()
def one_more(wq, wk, n_heads, n_kv_heads):
    return permute(wq, n_heads) + 50, permute(wk, n_kv_heads)
