"""The check of lesson 00's first exercise: writing, always with the likeliest piece.

The reference takes another road than the lesson's loop: it calls itself, and finds the likeliest id by looking at one
score after the other. Scores come from small functions that anybody can follow, or that draw them anew for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from llama_lessons.checks.exercise import check
from llama_lessons.checks.writing_mistakes import WRITE_MISTAKES

Scorer = Callable[[Sequence[int]], Tensor]  # a row of ids -> a score for each id of the vocabulary, shape (V,)
N_IDS = 11  # in the vocabulary of the examples (V)


def counts_up(row: Sequence[int]) -> Tensor:
    """The id after the last one is the likeliest, and all scores are below 0; shape (V,)."""
    scores = torch.arange(-2.0 * N_IDS, -N_IDS)
    scores[(int(row[-1]) + 1) % N_IDS] = -1.0
    return scores


def adds_up(row: Sequence[int]) -> Tensor:
    """The likeliest id is the sum of the row, less as many times V as it holds; shape (V,)."""
    scores = torch.arange(float(N_IDS), 0.0, -1.0)
    scores[sum(map(int, row)) % N_IDS] = 20.0
    return scores


def drawn_for_each_row(row: Sequence[int]) -> Tensor:
    """Scores that are the same whenever the row is, and others for every other row; shape (V,)."""
    seed = 0
    for token in row:
        seed = (seed * 31 + int(token) + 1) % 1_000_003
    return torch.randn(N_IDS, generator=torch.Generator().manual_seed(seed))


WRITE_EXAMPLES = [  # scores_after, ids, n_new
    (counts_up, [5, 0, 1], 3),
    (adds_up, [2, 1], 4),
    (drawn_for_each_row, [4, 7, 3], 6),
    (drawn_for_each_row, [1], 5),
    (counts_up, [8], 1),
    (adds_up, [3, 9], 0),
]


def write(scores_after: Scorer, ids: list[int], n_new: int) -> list[int]:
    """A row of ids, and behind it n_new more, each the likeliest after all before it.

    Args:
        scores_after: gives a score for each id of the vocabulary, shape (V,), for what comes after a row of ids.
        ids: the row that is given; it is not changed.
        n_new: how many ids to add.

    Returns:
        A new list of len(ids) + n_new whole numbers.
    """
    if n_new == 0:
        return list(ids)
    best, highest = 0, float("-inf")
    for token, score in enumerate(scores_after(ids).tolist()):
        if score > highest:
            best, highest = token, score
    return write(scores_after, [*ids, best], n_new - 1)


def _call(scores_after: Scorer, ids: list[int], n_new: int) -> str:
    """The call as a reader would write it, with what the scores say."""
    return f"my_write(scores_after, {ids}, {n_new}), where scores_after {TOLD[scores_after]}"


TOLD = {
    counts_up: "scores the id behind the last one highest",
    adds_up: f"scores the sum of the row (its rest by {N_IDS}) highest",
    drawn_for_each_row: "has other scores for every row",
}


def check_write(answer: Callable) -> None:
    """Check `my_write(scores_after, ids, n_new)`: what `write` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, write, WRITE_EXAMPLES, WRITE_MISTAKES, call=_call)
