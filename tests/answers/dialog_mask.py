"""Lesson 09, exercise 2: the loss mask of a dialog."""

from __future__ import annotations

from itertools import chain

import numpy as np

from llama_lessons.checks.chat import check_mask
from tests.answers.bank import Bank

bank = Bank(check_mask)


@bank.right
def by_repetition(turns, eos_id):
    ids = list(chain.from_iterable(prompt + answer + [eos_id] for prompt, answer in turns))
    mask = list(chain.from_iterable([False] * len(p) + [True] * (len(a) + 1) for p, a in turns))
    return ids, mask


@bank.right
def by_counting_places(turns, eos_id):
    ids, counted = [], set()
    for prompt, answer in turns:
        ids += prompt
        start = len(ids)
        ids += [*answer, eos_id]
        counted |= set(range(start, len(ids)))
    return [ids, [place in counted for place in range(len(ids))]]


def turn_by_turn(mask, end=True):
    """A loop over the turns: `mask(prompt, answer)`, and whether ids end with </s>."""

    def answer(turns, eos_id):
        ids, masked = [], []
        for prompt, said in turns:
            ids += prompt + said + [eos_id] * end
            masked += mask(prompt, said)
        return ids, masked

    return answer


def changed(change):
    """The right lists, changed by `change(ids, mask)`."""
    return lambda turns, eos_id: change(*by_repetition(turns, eos_id))


def last_answer(turns, eos_id):
    ids, _ = by_repetition(turns, eos_id)
    n = len(turns[-1][1]) + 1
    return ids, [False] * (len(ids) - n) + [True] * n


def from_the_first_answer(turns, eos_id):
    ids, _ = by_repetition(turns, eos_id)
    n = len(turns[0][0])
    return ids, [False] * n + [True] * (len(ids) - n)


def pad_is_end(turns, eos_id):
    ids, mask = by_repetition(turns, eos_id)
    return ids, [counts and token != eos_id for token, counts in zip(ids, mask, strict=False)]


def by_membership(turns, eos_id):
    ids, mask = [], []
    for prompt, answer in turns:
        turn = prompt + answer + [eos_id]
        ids += turn
        mask += [token in answer or token == eos_id for token in turn]
    return ids, mask


def one_end(turns, eos_id):
    ids, mask = [], []
    for prompt, answer in turns:
        ids += prompt + answer
        mask += [False] * len(prompt) + [True] * len(answer)
    return [*ids, eos_id], [*mask, True]


def masks_by_zeros(turns, eos_id):
    ids, _ = by_repetition(turns, eos_id)
    return ids, [0] * len(ids)


for says, answer in {
    "shifted by one, to the left: the last": changed(lambda ids, mask: (ids, [*mask[1:], False])),
    "shifted by one, to the right": changed(lambda ids, mask: (ids, [False, *mask[:-1]])),
    "</s> does not count: the model would never be asked to stop": pad_is_end,
    "the first token of each answer does not count": turn_by_turn(
        lambda prompt, answer: [False] * (len(prompt) + 1) + [True] * len(answer)
    ),
    "the last token of each prompt counts, too": turn_by_turn(
        lambda prompt, answer: [False] * (len(prompt) - 1) + [True] * (len(answer) + 2)
    ),
    "everything counts": changed(lambda ids, mask: (ids, [True] * len(ids))),
    "nothing counts": changed(lambda ids, mask: (ids, [False] * len(ids))),
    "it is the wrong way round": changed(lambda ids, mask: (ids, [not counts for counts in mask])),
    "only the last answer counts": last_answer,
    "from the first answer on everything counts": from_the_first_answer,
    "you looked for the answer's ids in the whole turn": by_membership,
    "the mask has no entry for </s>": turn_by_turn(lambda prompt, answer: [False] * len(prompt) + [True] * len(answer)),
    "</s> is missing behind the answers, and in the mask": turn_by_turn(
        lambda prompt, answer: [False] * len(prompt) + [True] * len(answer), end=False
    ),
    "only the last turn ends with </s>": one_end,
    "-100 where nothing is asked": changed(
        lambda ids, mask: (ids, [i if m else -100 for i, m in zip(ids, mask, strict=False)])
    ),
    "the mask holds 0 and 1": changed(lambda ids, mask: (ids, list(map(int, mask)))),
    "you gave the mask alone": changed(lambda ids, mask: mask),
    "you gave the mask first": changed(lambda ids, mask: (mask, ids)),
    "you gave a list of pairs": changed(lambda ids, mask: list(zip(ids, mask, strict=False))),
    "you gave the first turn alone": lambda turns, eos_id: by_repetition(turns[:1], eos_id),
}.items():
    bank.wrong(says)(answer)
bank.wrong()(masks_by_zeros)


@bank.wrong()
def found_by_the_last_id_of_the_prompt(turns, eos_id):
    ids, _ = by_repetition(turns, eos_id)
    mask = [False] * len(ids)
    for prompt, answer in turns:
        start = ids.index(prompt[-1]) + 1
        mask[start : start + len(answer) + 1] = [True] * (len(answer) + 1)
    return ids, mask


@bank.wrong("changed the arguments")
def written_into_the_answer(turns, eos_id):
    for _, answer in turns:
        answer.append(eos_id)
    ids = [token for prompt, answer in turns for token in prompt + answer]
    return ids, [counts for prompt, answer in turns for counts in [False] * len(prompt) + [True] * len(answer)]


@bank.wrong("is a ndarray and should be a list")
def as_arrays(turns, eos_id):
    ids, mask = by_repetition(turns, eos_id)
    return ids, np.array(mask)
