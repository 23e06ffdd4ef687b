"""Wrong packing of lesson 09, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

Text = tuple[list[int], bool]
Row = list[Text]


def _used(row: Row) -> int:
    return sum(len(ids) for ids, _ in row)


def _has_room(row: Row, text: Text, n_columns: int) -> bool:
    return _used(row) + len(text[0]) <= n_columns


def _may_close(row: Row, text: Text) -> bool:
    """One that closes its row finds none that is closed."""
    return not (text[1] and any(closes for _, closes in row))


def _fits(row: Row, text: Text, n_columns: int) -> bool:
    return _has_room(row, text, n_columns) and _may_close(row, text)


def _closing_last(row: Row) -> list[list[int]]:
    return [ids for ids, closes in row if not closes] + [ids for ids, closes in row if closes]


def _as_they_came(row: Row) -> list[list[int]]:
    return [ids for ids, _ in row]


def _padded(ids: list[int], n_columns: int, pad_id: int) -> list[int]:
    return ids + [pad_id] * (n_columns - len(ids))


def _first(rows: list[Row], fitting: list[int]) -> int:
    return fitting[0]


def _pack(
    fits: Callable = _fits,
    choose: Callable = _first,
    order: Callable = _closing_last,
    pad: Callable = _padded,
    skips: bool = False,
    finish: Callable = lambda rows: rows,
) -> Callable:
    """Packing, of which parts can be changed.

    Args:
        fits: whether a row takes a text: (row, text, n_columns).
        choose: one of the rows that do: (rows, their numbers).
        order: a row's texts as they stand in it.
        pad: fills a row up: (ids, n_columns, pad_id).
        skips: go on with the next text where one finds no row.
        finish: is done to the rows at the end.
    """

    def wrong(texts: list[Text], n_rows: int, n_columns: int, pad_id: int) -> list[list[int]]:
        rows: list[Row] = [[] for _ in range(n_rows)]
        for text in texts:
            fitting = [k for k, row in enumerate(rows) if fits(row, text, n_columns)]
            if fitting:
                rows[choose(rows, fitting)].append(text)
            elif not skips:
                break
        return finish([pad([token for ids in order(row) for token in ids], n_columns, pad_id) for row in rows])

    return wrong


def _nothing_after(row: Row, text: Text, n_columns: int) -> bool:
    return _has_room(row, text, n_columns) and not any(closes for _, closes in row)


def _next_fit(texts: list[Text], n_rows: int, n_columns: int, pad_id: int) -> list[list[int]]:
    rows: list[Row] = [[]]
    for text in texts:
        if not _fits(rows[-1], text, n_columns):
            if len(rows) == n_rows:
                break
            rows.append([])
        rows[-1].append(text)
    rows += [[] for _ in range(n_rows - len(rows))]
    return [_padded([token for ids in _closing_last(row) for token in ids], n_columns, pad_id) for row in rows]


def _cut_into_rows(texts: list[Text], n_rows: int, n_columns: int, pad_id: int) -> list[list[int]]:
    ids = [token for text, _ in texts for token in text]
    return [_padded(ids[k * n_columns : (k + 1) * n_columns], n_columns, pad_id) for k in range(n_rows)]


def _one_each(texts: list[Text], n_rows: int, n_columns: int, pad_id: int) -> list[list[int]]:
    rows = [ids for ids, _ in texts[:n_rows]]
    return [_padded(row, n_columns, pad_id) for row in rows + [[]] * (n_rows - len(rows))]


def _longest_first(texts: list[Text], *sizes: int) -> list[list[int]]:
    return _pack()(sorted(texts, key=lambda text: -len(text[0])), *sizes)


def _closing_ones_last(texts: list[Text], *sizes: int) -> list[list[int]]:
    return _pack()(sorted(texts, key=lambda text: text[1]), *sizes)


PACK_MISTAKES = {
    "you did not look at closes_row: such a text stands last in its row, and there is one of them at most": _pack(
        fits=_has_room, order=_as_they_came
    ),
    "a row may hold two texts that close it: then one stands behind the other": _pack(fits=_has_room),
    "texts stand behind one that closes its row: it is the last, whenever it came": _pack(order=_as_they_came),
    "a row that holds a text which closes it takes no more: what fits may still stand before that text": (
        _pack(fits=_nothing_after)
    ),
    "a text that closes its row stands first in it: it is the last": _pack(order=lambda row: _closing_last(row)[::-1]),
    "you put texts that close their rows in only after all others: texts are packed in the order in which they come": (
        _closing_ones_last
    ),
    "you sorted the texts by length: they are packed in the order in which they come": _longest_first,
    "you looked at the last row only: each text goes to the first row that has room": _next_fit,
    "you took the fullest row with room: take the first": (
        _pack(choose=lambda rows, fitting: max(fitting, key=lambda k: _used(rows[k])))
    ),
    "you took the emptiest row: take the first that has room": (
        _pack(choose=lambda rows, fitting: min(fitting, key=lambda k: _used(rows[k])))
    ),
    "you took the last row that has room, or turned the order of the rows round: take the first": (
        _pack(choose=lambda rows, fitting: fitting[-1])
    ),
    "you went on after a text that found no row: it ends the batch, or long texts would be lost more often than short "
    "ones": _pack(skips=True),
    "you cut texts at the ends of rows: each stays whole": _cut_into_rows,
    "your rows are one and the same list, as `[[]] * n_rows` makes them: write `[[] for _ in range(n_rows)]`": (
        lambda texts, n_rows, *sizes: _pack()(texts, 1, *sizes) * n_rows
    ),
    "every text has a row of its own: texts share a row as long as there is room": _one_each,
    "a text that fills its row to the last place is refused: `<=`, not `<`": (
        _pack(fits=lambda row, text, n: _used(row) + len(text[0]) < n and _may_close(row, text))
    ),
    "a row may grow too long: look for room first": _pack(
        fits=lambda row, text, n: _used(row) < n and _may_close(row, text)
    ),
    "the padding is missing: every row has n_columns ids": _pack(pad=lambda ids, n, pad_id: ids),
    "the padding stands on the left: it belongs behind the texts": (
        _pack(pad=lambda ids, n, pad_id: [pad_id] * (n - len(ids)) + ids)
    ),
    "the padding is 0, whatever pad_id is": _pack(pad=lambda ids, n, pad_id: _padded(ids, n, 0)),
    "one place of padding is missing: rows have n_columns ids": _pack(
        pad=lambda ids, n, pad_id: _padded(ids, n - 1, pad_id)
    ),
    "one place of padding is too many: rows have n_columns ids": _pack(
        pad=lambda ids, n, pad_id: _padded(ids, n + 1, pad_id)
    ),
    "empty rows are missing: there are n_rows, if all of padding": _pack(
        pad=lambda ids, n, pad_id: _padded(ids, n, pad_id) if ids else ids,
        finish=lambda rows: [row for row in rows if row],
    ),
    "you gave one long list: give a list for each row": _pack(
        finish=lambda rows: [token for row in rows for token in row]
    ),
    "nothing is packed: all rows are padding": _pack(fits=lambda row, text, n: False, skips=True),
}
