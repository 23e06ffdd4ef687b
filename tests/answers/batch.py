"""Lesson 06, exercise 1: tokens and targets."""

from __future__ import annotations

import torch

from llama_lessons.batches import pack
from llama_lessons.checks.pretraining import check_batch
from tests.answers.bank import Bank

bank = Bank(check_batch)


@bank.right
def by_the_package(ids, n_rows, n_columns):
    made = pack([(ids, [True] * len(ids))], n_rows, n_columns)
    return made.tokens, made.targets


@bank.right
def by_unfold(ids, n_rows, n_columns):
    rows = torch.LongTensor(ids).unfold(0, n_columns + 1, n_columns + 1)[:n_rows]
    return [rows[:, :n_columns], rows[:, 1:]]


def cuts(tokens_at=0, targets_at=1, stride=1, change=lambda rows: rows):
    """Rows cut out of the list, with a reader's usual mistakes to choose from."""

    def answer(ids, n_rows, n_columns):
        starts = [row * (n_columns + stride) for row in range(n_rows)]
        tokens = [ids[start + tokens_at : start + tokens_at + n_columns] for start in starts]
        targets = [ids[start + targets_at : start + targets_at + n_columns] for start in starts]
        return change(torch.tensor(tokens)), change(torch.tensor(targets))

    return answer


def one_long_row(ids, n_rows, n_columns):
    n = n_rows * n_columns
    return torch.tensor(ids[:n]).reshape(n_rows, n_columns), torch.tensor(ids[1 : n + 1]).reshape(n_rows, n_columns)


def rolled(ids, n_rows, n_columns):
    tokens = torch.tensor(ids[: n_rows * n_columns]).reshape(n_rows, n_columns)
    return tokens, torch.roll(tokens, -1, dims=1)


def rolled_the_wrong_way(ids, n_rows, n_columns):
    tokens, _ = cuts()(ids, n_rows, n_columns)
    return tokens, torch.roll(tokens, 1, dims=1)


def counts_on(ids, n_rows, n_columns):
    tokens, _ = cuts()(ids, n_rows, n_columns)
    return tokens, tokens + 1


def with_padding(ids, n_rows, n_columns):
    tokens, targets = cuts()(ids, n_rows, n_columns)
    return tokens, torch.cat((targets[:, :-1], torch.full((n_rows, 1), -100)), dim=1)


def downwards(ids, n_rows, n_columns):
    rows = torch.tensor(ids[: n_rows * (n_columns + 1)]).reshape(n_columns + 1, n_rows)
    return rows[:-1].T, rows[1:].T


def from_the_end(ids, n_rows, n_columns):
    return cuts()(ids[len(ids) - n_rows * (n_columns + 1) :], n_rows, n_columns)


def all_at_once(ids, n_rows, n_columns):
    rows = torch.tensor(ids).reshape(n_rows, n_columns + 1)
    return rows[:, :-1], rows[:, 1:]


for says, answer in {
    "the targets are not shifted": cuts(0, 0),
    "the tokens are shifted like the targets": cuts(1, 1),
    "targets and tokens in the wrong order": cuts(1, 0),
    "the rows overlap": one_long_row,
    "the rows begin one id apart": lambda ids, n, t: cuts(stride=1 - t)(ids, n, t),
    "you left out the first id": lambda ids, *shape: all_at_once(ids[1 : 1 + shape[0] * (shape[1] + 1)], *shape),
    "brings the first token of each round": rolled,
    "shifted the wrong way": rolled_the_wrong_way,
    "you added 1 to the ids": counts_on,
    "the last target is -100": with_padding,
    "the text runs down the columns": downwards,
    "you took the last ids": from_the_end,
    "you used all ids": all_at_once,
    "int32": cuts(change=torch.Tensor.int),
    "squeeze": cuts(change=lambda part: part.squeeze(0)),
    "give two tensors": lambda *given: [part.tolist() for part in cuts()(*given)],
    "give two, tokens and targets": lambda *given: torch.stack(cuts()(*given)),
}.items():
    bank.wrong(says)(answer)


@bank.wrong("changed the arguments")
def takes_the_ids_away(ids, n_rows, n_columns):
    rows = torch.tensor([[ids.pop(0) for _ in range(n_columns + 1)] for _ in range(n_rows)])
    return rows[:, :-1], rows[:, 1:]


@bank.wrong()
def sorted_ids(ids, n_rows, n_columns):
    return cuts()(sorted(ids), n_rows, n_columns)
