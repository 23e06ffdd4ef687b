"""Wrong log-probabilities of lesson 07, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def _looked_up(change: Callable, first_row: int = 0, first_id: int = 1, fewer: int = 1) -> Callable:
    """A look-up in a table made of the logits, `change(logits) -> (T, V)`.

    Args:
        change: makes the table.
        first_row: where the rows begin, one for each id in turn.
        first_id: where the ids begin.
        fewer: how many fewer than T are looked up.
    """

    def look_up(logits: Tensor, ids: list[int]) -> Tensor:
        n = len(ids) - fewer
        return change(logits)[list(range(first_row, first_row + n)), ids[first_id : first_id + n]]

    return look_up


def _log(logits: Tensor) -> Tensor:
    return logits.log_softmax(-1)


_right = _looked_up(_log)


def _then(change: Callable) -> Callable:
    """Right numbers, changed at the end."""
    return lambda logits, ids: change(_right(logits, ids))


def _in_one_row(row: int) -> Callable:
    return lambda logits, ids: _log(logits)[row, ids[1:]]


def _ranks(logits: Tensor) -> Tensor:
    return logits.argsort(-1, descending=True).argsort(-1).float()


LOG_PROBS_MISTAKES = {
    "you did not shift: row t holds the scores of what comes *after* token t, so token t + 1 is looked up there": (
        _looked_up(_log, first_row=1, first_id=1)
    ),
    "you did not shift: you looked up each token in its own row, and gave one number too many; row t is about token "
    "t + 1": _looked_up(_log, first_row=0, first_id=0, fewer=0),
    "you looked up each token in its own row and left out the last one: row t is about token t + 1, and it is the "
    "first token that nobody predicted": _looked_up(_log, first_row=0, first_id=0),
    "you shifted the wrong way: token t + 1 is looked up in row t, not token t in row t + 1": (
        _looked_up(_log, first_row=1, first_id=0)
    ),
    "you shifted by two: row t is about token t + 1, not about token t + 2": (
        _looked_up(_log, first_row=0, first_id=2, fewer=2)
    ),
    "you left out the first prediction: row 0 is about token 1": _then(lambda found: found[1:]),
    "you left out the last prediction: row T - 2 is about token T - 1": _then(lambda found: found[:-1]),
    "you put a 0 before them, for the first token: nobody predicted it, so it has no number": (
        _then(lambda found: torch.cat((torch.zeros(1), found)))
    ),
    "you looked all tokens up in the first row: each has the row before it": _in_one_row(0),
    "you looked all tokens up in the last row: each has the row before it": _in_one_row(-1),
    "you looked the tokens up in backward order": _then(lambda found: found.flip(0)),
    "you left out the logarithm": _looked_up(lambda logits: logits.softmax(-1)),
    "you left out the softmax: scores are no logarithms of probabilities yet": _looked_up(lambda logits: logits),
    "you left out the sum of the softmax, and only subtracted the largest score: subtract the logsumexp": (
        _looked_up(lambda logits: logits - logits.amax(-1, keepdim=True))
    ),
    "you subtracted the sum of the scores: it is the logarithm of the sum of e to the scores, logsumexp": (
        _looked_up(lambda logits: logits - logits.sum(-1, keepdim=True))
    ),
    "you subtracted the mean of the scores: subtract the logarithm of the sum of e to the scores, logsumexp": (
        _looked_up(lambda logits: logits - logits.mean(-1, keepdim=True))
    ),
    "you subtracted the sum of e to the scores: subtract its logarithm, logsumexp": (
        _looked_up(lambda logits: logits - logits.exp().sum(-1, keepdim=True))
    ),
    "you took the logarithm of scores: the softmax comes first": _looked_up(lambda logits: logits.log()),
    "you divided the scores by their sum: e to the scores comes first, that is the softmax": (
        _looked_up(lambda logits: (logits / logits.sum(-1, keepdim=True)).log())
    ),
    "you took the logarithm of a softmax: a probability too small for float32 is 0 there, and its logarithm minus "
    "infinity. log_softmax never leaves the logarithms": _looked_up(lambda logits: logits.softmax(-1).log()),
    **{
        f"you took the logarithm of a softmax, kept above {least} by {how}: small probabilities come out wrong. "
        "log_softmax needs no such help": _looked_up(
            lambda logits, keep=keep, least=least: keep(logits.softmax(-1), least).log()
        )
        for least in (1e-8, 1e-9, 1e-10, 1e-12)
        for how, keep in (("adding it", torch.add), ("clamp", torch.clamp))
    },
    "you took logarithms to the base 2: that gives bits, and nats were asked for (torch.log)": (
        _looked_up(lambda logits: _log(logits) / math.log(2))
    ),
    "you took logarithms to the base 10: the natural one was asked for (torch.log)": (
        _looked_up(lambda logits: _log(logits) / math.log(10))
    ),
    "you took the logarithm of 1 + p: take that of p": _looked_up(lambda logits: logits.softmax(-1).log1p()),
    "you normalised down the columns: the softmax runs over the vocabulary (dim=-1)": (
        _looked_up(lambda logits: logits.log_softmax(0))
    ),
    "you normalised over the whole table: the softmax runs over the vocabulary, row by row (dim=-1)": (
        _looked_up(lambda logits: logits - logits.flatten().logsumexp(0))
    ),
    "you took the softmax twice: log_softmax takes scores, not probabilities": (
        _looked_up(lambda logits: logits.softmax(-1).log_softmax(-1))
    ),
    "you took sigmoid for softmax: a token's probability depends on all scores of its row": _looked_up(logsigmoid),
    "your signs are wrong: a logarithm of a probability is at most 0. With a minus before it, it is a loss": (
        _looked_up(lambda logits: -_log(logits))
    ),
    "you looked up the likeliest token instead of the one that came": lambda logits, ids: _log(logits).amax(-1)[:-1],
    "you gave ranks, how many tokens are likelier: give logarithms of probabilities": _looked_up(_ranks),
    "you added them up as you went: give each token's own number": _then(lambda found: found.cumsum(0)),
    "you gave the probability of the text so far, exp of the sums: give each token's own logarithm": (
        _then(lambda found: found.cumsum(0).exp())
    ),
    "you added them up: give each token's own number": _then(torch.sum),
    "you took their mean: give each token's own number": _then(torch.mean),
    "you took their mean, with a minus, the loss: give each token's own number": _then(lambda found: -found.mean()),
    "you kept an axis too many, (T-1, 1): take it away, by squeeze or [:, 0]": _then(lambda found: found[:, None]),
    "you gave all tokens of each row: look up the one that came": lambda logits, ids: _log(logits)[:-1],
    "you gave all pairs of rows and ids: pair row 0 with id 1, row 1 with id 2, by two lists of places or gather": (
        lambda logits, ids: _log(logits)[:-1][:, ids[1:]]
    ),
    "you gave a list: give a tensor": _then(torch.Tensor.tolist),
    "you gave float64: the answer has the type of the logits": _then(torch.Tensor.double),
}
