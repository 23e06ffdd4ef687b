"""Wrong loss masks of lesson 09, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

Turn = tuple[list[int], list[int]]
Masked = tuple[list[int], list[bool]]


def _each(mask: Callable, ids: Callable = lambda prompt, answer, end: prompt + answer + [end]) -> Callable:
    """A wrong answer that treats every turn alike: `mask(prompt, answer, end)` and `ids(prompt, answer, end)`."""

    def wrong(turns: list[Turn], eos_id: int) -> Masked:
        found: Masked = [], []
        for prompt, answer in turns:
            found[0].extend(ids(prompt, answer, eos_id))
            found[1].extend(mask(prompt, answer, eos_id))
        return found

    return wrong


def _right(prompt: list[int], answer: list[int], end: int) -> list[bool]:
    return [False] * len(prompt) + [True] * (len(answer) + 1)


_solved = _each(_right)


def _after(change: Callable) -> Callable:
    """The right ids and mask, changed afterwards by `change(ids, mask, turns, eos_id)`."""
    return lambda turns, eos_id: change(*_solved(turns, eos_id), turns, eos_id)


def _one_turn(which: int) -> Callable:
    """All ids, and the mask of a single turn."""

    def change(ids: list[int], mask: list[bool], turns: list[Turn], eos_id: int) -> Masked:
        parts = [_right(*turn, eos_id) for turn in turns]
        chosen = range(len(parts))[which]
        return ids, [counts and k == chosen for k, part in enumerate(parts) for counts in part]

    return change


def _from_the_first_answer(ids: list[int], mask: list[bool], turns: list[Turn], eos_id: int) -> Masked:
    first = mask.index(True)
    return ids, [k >= first for k in range(len(ids))]


def _by_the_first_prompt(ids: list[int], mask: list[bool], turns: list[Turn], eos_id: int) -> Masked:
    n, found = len(turns[0][0]), []
    for prompt, answer in turns:
        found += [k >= n for k in range(len(prompt) + len(answer) + 1)]
    return ids, found


def _last_end_only(ids: list[int], mask: list[bool], turns: list[Turn], eos_id: int) -> Masked:
    return ids, [
        counts and (token != eos_id or k == len(ids) - 1)
        for k, (token, counts) in enumerate(zip(ids, mask, strict=True))
    ]


def _one_end(turns: list[Turn], eos_id: int) -> Masked:
    ids = [token for prompt, answer in turns for token in prompt + answer] + [eos_id]
    mask = [counts for prompt, answer in turns for counts in _right(prompt, answer, eos_id)[:-1]] + [True]
    return ids, mask


def _questions_first(turns: list[Turn], eos_id: int) -> Masked:
    prompts = [token for prompt, _ in turns for token in prompt]
    answers = [token for _, answer in turns for token in [*answer, eos_id]]
    return prompts + answers, [False] * len(prompts) + [True] * len(answers)


DIALOG_MASK_MISTAKES = {
    "the mask is shifted by one, to the left: the last token of the prompt counts, and </s> does not; entry k of the "
    "mask is about ids[k] itself": _after(lambda ids, mask, turns, eos_id: (ids, [*mask[1:], False])),
    "the mask is shifted by one, to the right: the first token of the answer does not count; entry k of the mask is "
    "about ids[k] itself": _after(lambda ids, mask, turns, eos_id: (ids, [False, *mask[:-1]])),
    "the mask is shifted by one, to the left, and ends a place too soon: it has as many entries as there are ids": (
        _after(lambda ids, mask, turns, eos_id: (ids, mask[1:]))
    ),
    "</s> does not count: the model would never be asked to stop": (
        _each(lambda prompt, answer, end: [False] * len(prompt) + [True] * len(answer) + [False])
    ),
    "only the last </s> counts: the model must stop after every answer": _after(_last_end_only),
    "the first token of each answer does not count: with it the answer begins": (
        _each(lambda prompt, answer, end: [False] * (len(prompt) + 1) + [True] * len(answer))
    ),
    "the last token of each answer does not count": (
        _each(lambda prompt, answer, end: [False] * len(prompt) + [True] * (len(answer) - 1) + [False, True])
    ),
    "the last token of each prompt counts, too: it is given, and nothing to learn": (
        _each(lambda prompt, answer, end: [False] * (len(prompt) - 1) + [True] * (len(answer) + 2))
    ),
    "everything counts: that is pretraining; here the questions are given": (
        _each(lambda prompt, answer, end: [True] * (len(prompt) + len(answer) + 1))
    ),
    "nothing counts": _each(lambda prompt, answer, end: [False] * (len(prompt) + len(answer) + 1)),
    "it is the wrong way round: the prompts count and the answers do not": (
        _each(lambda prompt, answer, end: [not counts for counts in _right(prompt, answer, end)])
    ),
    "all but <s> counts: the questions are given, too": (
        _each(lambda prompt, answer, end: [False] + [True] * (len(prompt) + len(answer)))
    ),
    "only the ends count: answers do, too": (
        _each(lambda prompt, answer, end: [False] * (len(prompt) + len(answer)) + [True])
    ),
    "only the last answer counts: that is the paper's loss for Ghost Attention; here every answer counts": (
        _after(_one_turn(-1))
    ),
    "only the first answer counts: every answer does": _after(_one_turn(0)),
    "from the first answer on everything counts: later prompts are given, too": _after(_from_the_first_answer),
    "every turn is cut where the first one's prompt ends: prompts have lengths of their own": (
        _after(_by_the_first_prompt)
    ),
    "you looked for the answer's ids in the whole turn: the same id may stand in a question": (
        _each(lambda prompt, answer, end: [token in {*answer, end} for token in prompt + answer + [end]])
    ),
    "you left out ids that stand in the prompt: the same id may stand in an answer": (
        _each(lambda prompt, answer, end: [token not in prompt for token in prompt + answer + [end]])
    ),
    "</s> is missing behind the answers, and in the mask": _each(
        lambda prompt, answer, end: _right(prompt, answer, end)[:-1], lambda prompt, answer, end: prompt + answer
    ),
    "</s> is missing behind the answers: the mask has room for it": _each(
        _right, lambda prompt, answer, end: prompt + answer
    ),
    "the mask has no entry for </s>: it has as many entries as there are ids": (
        _each(lambda prompt, answer, end: _right(prompt, answer, end)[:-1])
    ),
    "only the last turn ends with </s>: every turn does": _one_end,
    "</s> stands behind the prompts, too": _each(
        lambda prompt, answer, end: [False, *_right(prompt, answer, end)],
        lambda prompt, answer, end: [*prompt, end, *answer, end],
    ),
    "</s> stands twice behind each answer": _each(
        lambda prompt, answer, end: [*_right(prompt, answer, end), True],
        lambda prompt, answer, end: [*prompt, *answer, end, end],
    ),
    "</s> is always 2: take eos_id, which is another number for another tokenizer": lambda turns, eos_id: _solved(
        turns, 2
    ),
    "all prompts stand before all answers: each answer follows its own prompt": _questions_first,
    "you gave the first turn alone": lambda turns, eos_id: _solved(turns[:1], eos_id),
    "you gave the last turn alone": lambda turns, eos_id: _solved(turns[-1:], eos_id),
    "the answers alone are in the ids: the prompts are read, though they do not count": _each(
        lambda prompt, answer, end: [True] * (len(answer) + 1), lambda prompt, answer, end: [*answer, end]
    ),
    "you gave -100 where nothing is asked, in place of a mask: that is for targets, which `pack` makes of the mask": (
        _after(lambda ids, mask, turns, eos_id: (ids, [t if m else -100 for t, m in zip(ids, mask, strict=True)]))
    ),
    "the mask holds 0 and 1: let it hold False and True": (
        _after(lambda ids, mask, turns, eos_id: (ids, [int(counts) for counts in mask]))
    ),
    "you gave the mask alone: give two lists, ids and mask": _after(lambda ids, mask, turns, eos_id: mask),
    "you gave the ids alone: give two lists, ids and mask": _after(lambda ids, mask, turns, eos_id: ids),
    "you gave the mask first: the ids come first": _after(lambda ids, mask, turns, eos_id: (mask, ids)),
    "you gave a list of pairs: give two lists, ids and mask": (
        _after(lambda ids, mask, turns, eos_id: list(zip(ids, mask, strict=True)))
    ),
    "you gave lists of lists, one for each turn: join them": lambda turns, eos_id: (
        [[*prompt, *answer, eos_id] for prompt, answer in turns],
        [_right(*turn, eos_id) for turn in turns],
    ),
}
