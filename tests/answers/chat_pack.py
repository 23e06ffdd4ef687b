"""Lesson 09, exercise 3: whole dialogs in rows."""

from __future__ import annotations

import functools
import operator

import torch

from llama_lessons.batches import pack_whole
from llama_lessons.checks.chat import check_pack
from tests.answers.bank import Bank

bank = Bank(check_pack)


@bank.right
def by_two_lists_a_row(texts, n_rows, n_columns, pad_id):
    front, back = [[] for _ in range(n_rows)], [[] for _ in range(n_rows)]
    for ids, closes_row in texts:
        for k in range(n_rows):
            if len(front[k] + back[k] + ids) <= n_columns and not (closes_row and back[k]):
                (back if closes_row else front)[k].extend(ids)
                break
        else:
            break
    return [(front[k] + back[k] + [pad_id] * n_columns)[:n_columns] for k in range(n_rows)]


@bank.right
def by_inserting_before_the_last(texts, n_rows, n_columns, pad_id):
    rows, ends = [[] for _ in range(n_rows)], [0] * n_rows
    for ids, closes_row in texts:
        free = [k for k, row in enumerate(rows) if len(row) + len(ids) <= n_columns and not (closes_row and ends[k])]
        if not free:
            break
        row, place = rows[free[0]], len(rows[free[0]]) - ends[free[0]]
        row[place:place] = ids
        if closes_row:
            ends[free[0]] = len(ids)
    for row in rows:
        row += (n_columns - len(row)) * [pad_id]
    return rows


def packer(fits="both", behind=False, skip=False, choose=min, room=0, pad=lambda row, n, p: row + [p] * (n - len(row))):
    """First fit, with a reader's usual mistakes to choose from."""

    def answer(texts, n_rows, n_columns, pad_id):
        rows, last, closed = [[] for _ in range(n_rows)], [[] for _ in range(n_rows)], [False] * n_rows
        for ids, closes_row in texts:
            free = []
            for k in range(n_rows):
                barred = {"both": closes_row and closed[k], "none": False, "shut": closed[k]}[fits]
                if len(rows[k]) + len(last[k]) + len(ids) + room <= n_columns and not barred:
                    free.append(k)
            if not free and not skip:
                break
            if free:
                k = choose(free)
                (last if closes_row and not behind else rows)[k].extend(ids)
                closed[k] |= closes_row
        return [pad(row + end, n_columns, pad_id) for row, end in zip(rows, last, strict=False)]

    return answer


def only_the_row_at_hand(texts, n_rows, n_columns, pad_id):
    rows, closed = [[[], []]], False
    for ids, closes_row in texts:
        if len(rows[-1][0] + rows[-1][1] + ids) > n_columns or (closes_row and closed):
            if len(rows) == n_rows:
                break
            rows.append([[], []])
            closed = False
        rows[-1][closes_row].extend(ids)
        closed = closed or closes_row
    rows += [[[], []]] * (n_rows - len(rows))
    return [a + b + [pad_id] * (n_columns - len(a + b)) for a, b in rows]


def end_to_end(texts, n_rows, n_columns, pad_id):
    ids = functools.reduce(operator.iadd, (text for text, _ in texts), [])
    ids += [pad_id] * (n_rows * n_columns - len(ids))
    return [ids[k * n_columns : (k + 1) * n_columns] for k in range(n_rows)]


def a_row_for_each(texts, n_rows, n_columns, pad_id):
    rows = [list(ids) for ids, _ in texts][:n_rows] + [[]] * max(0, n_rows - len(texts))
    return [row + [pad_id] * (n_columns - len(row)) for row in rows]


def sorted_first(texts, n_rows, n_columns, pad_id):
    return packer()(sorted(texts, key=lambda text: len(text[0]), reverse=True), n_rows, n_columns, pad_id)


def closing_first(texts, n_rows, n_columns, pad_id):
    return packer()(sorted(texts, key=lambda text: text[1]), n_rows, n_columns, pad_id)


def as_a_batch(texts, n_rows, n_columns, pad_id):
    made = pack_whole(((ids, [True] * len(ids), closes) for ids, closes in texts), n_rows, n_columns, pad_id)
    return made.tokens


def as_a_tensor(texts, n_rows, n_columns, pad_id):
    return torch.tensor(by_two_lists_a_row(texts, n_rows, n_columns, pad_id))


for says, answer in {
    "you did not look at closes_row": packer(fits="none", behind=True),
    "a row may hold two texts that close it": packer(fits="none"),
    "texts stand behind one that closes its row": packer(behind=True),
    "takes no more: what fits may still stand before that text": packer(fits="shut"),
    "you looked at the last row only": only_the_row_at_hand,
    "you took the last row that has room": packer(choose=max),
    "you went on after a text that found no row": packer(skip=True),
    "you cut texts at the ends of rows": end_to_end,
    "every text has a row of its own": a_row_for_each,
    "is refused: `<=`, not `<`": packer(room=1),
    "the padding is missing": packer(pad=lambda row, n, p: row),
    "the padding stands on the left": packer(pad=lambda row, n, p: [p] * (n - len(row)) + row),
    "the padding is 0": packer(pad=lambda row, n, p: row + [0] * (n - len(row))),
    "you sorted the texts by length": sorted_first,
    "only after all others": closing_first,
    "you gave one long list": lambda *given: functools.reduce(operator.iadd, by_two_lists_a_row(*given), []),
}.items():
    bank.wrong(says)(answer)
bank.wrong()(as_a_tensor)
bank.wrong()(as_a_batch)


@bank.wrong("your rows are one and the same list")
def one_list_many_times(texts, n_rows, n_columns, pad_id):
    plain, last = [[]] * n_rows, [[]] * n_rows
    for ids, closes in texts:
        for k in range(n_rows):
            if len(plain[k]) + len(last[k]) + len(ids) <= n_columns and not (closes and last[k]):
                (last if closes else plain)[k].extend(ids)
                break
        else:
            break
    return [(plain[k] + last[k] + n_columns * [pad_id])[:n_columns] for k in range(n_rows)]
