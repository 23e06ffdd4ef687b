"""Wrong ways to write with a model's scores, each under the words that a reader who made the mistake is told."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def _writes(
    see: Callable = lambda row, ids: row,
    choose: Callable = lambda scores: int(scores.argmax()),
    put: Callable = lambda row, new: [*row, new],
    count: Callable = lambda n_new, ids: n_new,
    give: Callable = lambda row, ids: row,
) -> Callable:
    """The right loop with one step changed: what is scored, chosen, put where, how often, and what is given back."""

    def wrong(scores_after: Callable, ids: list, n_new: int) -> list:
        row = list(ids)
        for _ in range(count(n_new, ids)):
            row = put(row, choose(scores_after(see(row, ids))))
        return give(row, ids)

    return wrong


def _until_seen(scores_after: Callable, ids: list, n_new: int) -> list:
    """Stops at an id that stands in the row already."""
    row = list(ids)
    for _ in range(n_new):
        new = int(scores_after(row).argmax())
        if new in row:
            break
        row.append(new)
    return row


def _all_at_once(scores_after: Callable, ids: list, n_new: int) -> list:
    """The n_new highest scores of one call."""
    return list(ids) + scores_after(ids).topk(n_new).indices.tolist()


def _kth(k: int) -> Callable[[Tensor], int]:
    return lambda scores: int(scores.argsort(descending=True)[k])


WRITE_MISTAKES = {
    "you gave only the new ids: the row that was given stands before them": _writes(
        give=lambda row, ids: row[len(ids) :]
    ),
    "you asked for the scores after the same row each time: put the new id into the row, and ask after that": _writes(
        see=lambda row, ids: ids
    ),
    "you asked once and took the n_new highest scores: they are rivals for one place; ask anew for each": _all_at_once,
    "you gave the model the last id only: it needs the whole row": _writes(see=lambda row, ids: row[-1:]),
    "you gave the model the new ids only, once there were some: it needs the whole row": _writes(
        see=lambda row, ids: row[len(ids) :] or row
    ),
    "you dropped the first id for each new one, so that the row that is scored never grows": _writes(
        see=lambda row, ids: row[-len(ids) :]
    ),
    "you scored the row without its last id: its scores are about the place behind it": _writes(
        see=lambda row, ids: row[:-1] or row
    ),
    "you took the lowest score: the likeliest has the highest": _writes(choose=lambda scores: int(scores.argmin())),
    "you took the second highest score": _writes(choose=_kth(1)),
    "you took the score farthest from 0, be it below: the likeliest has the highest": _writes(
        choose=lambda scores: int(scores.abs().argmax())
    ),
    "you put the score into the row: put the id that has it, its place among the scores": _writes(
        choose=lambda scores: scores.max().item()
    ),
    "you put the new id at the front: it comes after the row": _writes(put=lambda row, new: [new, *row]),
    "you put each new id in the place of the last one: the row must grow": _writes(
        put=lambda row, new: [*row[:-1], new]
    ),
    "you stopped after the first new id: n_new are wanted (is the `return` inside the loop?)": _writes(
        count=lambda n_new, ids: min(n_new, 1)
    ),
    "you wrote one id too few": _writes(count=lambda n_new, ids: n_new - 1),
    "you wrote one id too many": _writes(count=lambda n_new, ids: n_new + 1),
    "you stopped when the row had n_new ids: n_new come behind those that were given": _writes(
        count=lambda n_new, ids: n_new - len(ids)
    ),
    "you stopped at an id that stood in the row already: ids may come again": _until_seen,
    "you gave only the last id: the whole row is wanted": _writes(give=lambda row, ids: row[-1]),
    "you counted ids from 1: the first score is that of id 0": _writes(choose=lambda scores: int(scores.argmax()) + 1),
    "you left the row as it was: the new ids are to stand behind it": _writes(give=lambda row, ids: list(ids)),
    "you put every new id into the row twice": _writes(put=lambda row, new: [*row, new, new]),
    "you turned the row around before it was scored": _writes(see=lambda row, ids: row[::-1]),
}
