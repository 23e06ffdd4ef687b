"""Wrong batches of lesson 06, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _batch(cut: Callable, first: int = 0) -> Callable:
    """A wrong batch: `cut` makes tokens and targets of the right rows, (B, T + 1); or the first ids are left out."""

    def wrong(ids: list[int], n_rows: int, n_columns: int) -> tuple[Tensor, Tensor]:
        rows = torch.tensor(ids[first : first + n_rows * (n_columns + 1)]).view(n_rows, n_columns + 1)
        return cut(rows)

    return wrong


def _split(rows: Tensor) -> tuple[Tensor, Tensor]:
    return rows[:, :-1], rows[:, 1:]


def _strided(stride: Callable) -> Callable:
    """Rows that begin at id r * stride(T), as far as there are ids."""

    def wrong(ids: list[int], n_rows: int, n_columns: int) -> tuple[Tensor, Tensor]:
        starts = [row * stride(n_columns) for row in range(n_rows)]
        return _split(torch.tensor([ids[start : start + n_columns + 1] for start in starts]))

    return wrong


def _short_rows(shift: Callable) -> Callable:
    """Rows of T ids, and `shift((B, T))` for the targets."""

    def wrong(ids: list[int], n_rows: int, n_columns: int) -> tuple[Tensor, Tensor]:
        rows = torch.tensor(ids[: n_rows * n_columns]).view(n_rows, n_columns)
        return rows, shift(rows)

    return wrong


def _downwards(ids: list[int], n_rows: int, n_columns: int) -> tuple[Tensor, Tensor]:
    return _split(torch.tensor(ids[: n_rows * (n_columns + 1)]).view(n_columns + 1, n_rows).T)


def _from_the_end(ids: list[int], n_rows: int, n_columns: int) -> tuple[Tensor, Tensor]:
    return _split(torch.tensor(ids[-n_rows * (n_columns + 1) :]).view(n_rows, n_columns + 1))


def _all_ids(ids: list[int], n_rows: int, n_columns: int) -> tuple[Tensor, Tensor]:
    return _split(torch.tensor(ids).view(n_rows, n_columns + 1))


def _last_target(value: int) -> Callable:
    """The last target of each row is this number."""
    return _batch(lambda rows: (rows[:, :-1], torch.cat([rows[:, 1:-1], torch.full((len(rows), 1), value)], 1)))


BATCH_MISTAKES = {
    "the targets are not shifted: at each place the model is asked for the token that it has just read, "
    "and that it can copy": _batch(lambda rows: (rows[:, :-1], rows[:, :-1])),
    "the tokens are shifted like the targets: at each place the model is asked for the token that it has just read": (
        _batch(lambda rows: (rows[:, 1:], rows[:, 1:]))
    ),
    "you gave targets and tokens in the wrong order: the model would read the future and be asked for the past": (
        _batch(lambda rows: (rows[:, 1:], rows[:, :-1]))
    ),
    "the targets are shifted the wrong way: each is the token before, not the token after": (
        _batch(lambda rows: (rows[:, :-1], rows[:, :-1].roll(1, 1)))
    ),
    "the targets are shifted the wrong way, by torch.roll of the whole row: each is the token before, not the token "
    "after": _batch(lambda rows: (rows[:, :-1], rows.roll(1, 1)[:, :-1])),
    "the end of each row is asked for its own beginning: torch.roll brings the first token round to the last place; "
    "cut T + 1 ids for each row instead": _batch(lambda rows: (rows[:, :-1], rows[:, :-1].roll(-1, 1))),
    "the rows have T ids, and torch.roll brings the first token of each round to the last place: cut T + 1 ids for "
    "each row instead": _short_rows(lambda rows: rows.roll(-1, 1)),
    "the rows have T ids, and torch.roll over all of them brings the very first id round to the last place: cut T + 1 "
    "ids for each row instead": _short_rows(lambda rows: rows.flatten().roll(-1).view_as(rows)),
    "the rows have T ids and are not shifted: cut T + 1 ids for each row, and take the last T of them for targets": (
        _short_rows(lambda rows: rows)
    ),
    "the targets are the next row's tokens: they are the same row's, one place further": (
        _batch(lambda rows: (rows[:, :-1], rows.roll(-1, 0)[:, :-1]))
    ),
    "you added 1 to the ids: the target is the next token of the text, not the next number": (
        _batch(lambda rows: (rows[:, :-1], rows[:, :-1] + 1))
    ),
    "the targets are two tokens ahead: the model never learns what comes next": (
        _batch(lambda rows: (rows[:, :-1], torch.cat([rows[:, 2:], rows[:, -1:]], 1)))
    ),
    "the targets are two tokens ahead, and a column is missing: each row has n_columns tokens, and targets one ahead": (
        _batch(lambda rows: (rows[:, :-2], rows[:, 2:]))
    ),
    "each row has one column too few: T tokens need T + 1 ids": (_batch(lambda rows: (rows[:, :-2], rows[:, 1:-1]))),
    "the tokens keep their last id, T + 1 of them: it is only a target": _batch(lambda rows: (rows, rows[:, 1:])),
    "the targets keep their first id, T + 1 of them: it is only read": _batch(lambda rows: (rows[:, :-1], rows)),
    "the last target is -100, as if it were to be ignored: T + 1 ids give T tokens a target each": _last_target(-100),
    "the last target is 0: T + 1 ids give T tokens a target each": _last_target(0),
    "the last target is -1: T + 1 ids give T tokens a target each": _last_target(-1),
    "the rows overlap, row r beginning at id r * T: some programs do so, but here each row has T + 1 of its own": (
        _strided(lambda n_columns: n_columns)
    ),
    "the rows begin one id apart: each row has T + 1 ids of its own": _strided(lambda n_columns: 1),
    "all rows are the first one: each row has T + 1 ids of its own": _strided(lambda n_columns: 0),
    "the rows lie too far apart, row r beginning at id r * (T + 2): each has T + 1 ids, without a gap": (
        _strided(lambda n_columns: n_columns + 2)
    ),
    "the text runs down the columns: it should run along each row, view(B, T + 1) and not view(T + 1, B).T": _downwards,
    "you took the last ids: begin with the first ones, and leave out what is over at the end": _from_the_end,
    "you left out the first id": _batch(_split, first=1),
    "you used all ids: what is over, behind n_rows * (n_columns + 1), is left out": _all_ids,
    "the order of the rows is turned round": _batch(lambda rows: _split(rows.flip(0))),
    "the text runs backwards": _batch(lambda rows: _split(rows.flip(1))),
    "the ids are int32: a model's table takes int64 (torch.long)": _batch(lambda rows: _split(rows.int())),
    "the ids are floats: a model's table takes int64 (torch.long)": _batch(lambda rows: _split(rows.float())),
    "you gave lists: give two tensors": _batch(lambda rows: tuple(part.tolist() for part in _split(rows))),
    "you gave one tensor, stacked: give two, tokens and targets": _batch(lambda rows: torch.stack(_split(rows))),
    "you gave the tokens alone: give two tensors, tokens and targets": _batch(lambda rows: rows[:, :-1]),
    "you gave the rows in one line: keep n_rows rows of n_columns": (
        _batch(lambda rows: tuple(part.flatten() for part in _split(rows)))
    ),
    "you gave (n_columns, n_rows), the rows upright: give (n_rows, n_columns)": (
        _batch(lambda rows: tuple(part.T for part in _split(rows)))
    ),
    "a single row loses its axis, by squeeze: the shape is (n_rows, n_columns), also for one row": (
        _batch(lambda rows: tuple(part.squeeze(0) for part in _split(rows)))
    ),
}
