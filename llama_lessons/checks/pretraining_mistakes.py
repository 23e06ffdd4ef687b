"""Wrong answers to the first half of lesson 06, batches and the rate, each under the words that a reader is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

FINAL_SHARE = 0.1  # of the peak rate, at the last step


def _batch(cut: Callable) -> Callable:
    """A wrong batch: `cut` makes tokens and targets of the right rows, (B, T + 1)."""

    def wrong(ids: list[int], n_rows: int, n_columns: int) -> tuple[Tensor, Tensor]:
        rows = torch.tensor(ids[: n_rows * (n_columns + 1)]).view(n_rows, n_columns + 1)
        return cut(rows)

    return wrong


def _overlapping(ids: list[int], n_rows: int, n_columns: int) -> tuple[Tensor, Tensor]:
    row = torch.tensor(ids[: n_rows * n_columns + 1])
    return row[:-1].view(n_rows, n_columns), row[1:].view(n_rows, n_columns)


def _downwards(ids: list[int], n_rows: int, n_columns: int) -> tuple[Tensor, Tensor]:
    rows = torch.tensor(ids[: n_rows * (n_columns + 1)]).view(n_columns + 1, n_rows).T
    return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()


BATCH_MISTAKES = {
    "the targets are not shifted: at each place the model is asked for the token that it has just read, "
    "and that it can copy": _batch(lambda rows: (rows[:, :-1], rows[:, :-1])),
    "you gave targets and tokens in the wrong order: the model would read the future and be asked for the past": (
        _batch(lambda rows: (rows[:, 1:], rows[:, :-1]))
    ),
    "the targets are shifted the wrong way: each is the token before, not the token after": (
        _batch(lambda rows: (rows[:, :-1], rows[:, :-1].roll(1, 1)))
    ),
    "the end of each row is asked for its own beginning: torch.roll brings the first token round to the last place; "
    "cut T + 1 ids for each row instead": _batch(lambda rows: (rows[:, :-1], rows[:, :-1].roll(-1, 1))),
    "the targets are two tokens ahead: the model never learns what comes next": (
        _batch(lambda rows: (rows[:, :-1], torch.cat([rows[:, 2:], rows[:, -1:]], 1)))
    ),
    "the rows overlap, row r beginning at id r * T: some programs do so, but here each row has T + 1 of its own": (
        _overlapping
    ),
    "the text runs down the columns: it should run along each row, view(B, T + 1) and not view(T + 1, B).T": _downwards,
}


def _rate(
    warm: Callable = lambda step, warmup: (step + 1) / warmup,
    fall: Callable = lambda done: FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi * done)) / 2,
    done: Callable = lambda step, n_steps, warmup: (step - warmup) / (n_steps - 1 - warmup),
    scale: bool = True,
) -> Callable:
    """A wrong schedule, in one of its parts: the way up, the way down, or how far down a step is."""

    def wrong(step: int, n_steps: int, peak: float, warmup: int) -> float:
        share = warm(step, warmup) if step < warmup else fall(done(step, n_steps, warmup))
        return share * (peak if scale else 1)

    return wrong


def _cosine(done: float) -> float:
    return (1 + math.cos(math.pi * done)) / 2


RATE_MISTAKES = {
    "there is no warm-up: the first step already has the full rate, while AdamW's means are made of one gradient": (
        _rate(warm=lambda step, warmup: 1)
    ),
    "the cosine begins at step 0 with no warm-up before it": (
        lambda step, n_steps, peak, warmup: peak * (FINAL_SHARE + (1 - FINAL_SHARE) * _cosine(step / (n_steps - 1)))
    ),
    "the first step has a rate of 0 and learns nothing: steps count from 0, so its share is 1 / warmup": (
        _rate(warm=lambda step, warmup: step / warmup)
    ),
    "the rate ends at 0: it should end at a tenth of its peak": _rate(fall=_cosine),
    "you cut the cosine off at a tenth: it should arrive there at the last step, and not before": (
        _rate(fall=lambda done: max(FINAL_SHARE, _cosine(done)))
    ),
    "you added the tenth to the whole cosine: the share would begin at 1.1; the cosine has the other nine tenths": (
        _rate(fall=lambda done: FINAL_SHARE + _cosine(done))
    ),
    "the rate falls in a straight line: it should fall along a cosine": (
        _rate(fall=lambda done: 1 - (1 - FINAL_SHARE) * done)
    ),
    "the cosine counts from step 0: it should begin where warm-up ends, or the rate jumps down there": (
        _rate(done=lambda step, n_steps, warmup: step / (n_steps - 1))
    ),
    "the cosine ends one step too late: steps count from 0, so the last one is n_steps - 1": (
        _rate(done=lambda step, n_steps, warmup: (step - warmup) / (n_steps - warmup))
    ),
    "the cosine makes a whole turn, down and up again: it should make half a turn, from 0 to π": (
        _rate(done=lambda step, n_steps, warmup: 2 * (step - warmup) / (n_steps - 1 - warmup))
    ),
    "the rate stays at its peak after warm-up: it should fall": _rate(fall=lambda done: 1),
    "you gave the share of the peak: multiply it by the peak": _rate(scale=False),
}
