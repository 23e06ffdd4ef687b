"""Exams whose answers say both the choice and its letter, in several layouts: steps on the way to the bare letter."""

from __future__ import annotations

from llama_lessons.mmlu import LETTERS
from llama_lessons.world.draw import Draw
from llama_lessons.world.exams import ExamItem, examined, make_item
from llama_lessons.world.facts import Fact
from llama_lessons.world.questions import Writer
from llama_lessons.world.valley import Valley


def spoken_exam_writer(valley: Valley) -> Writer:
    """Writes questions whose answer says both the choice and its letter, in several layouts."""
    subjects = examined(valley)

    def write(draw: Draw) -> str:
        n_choices, layout = 2 + draw.below(3), draw.pick(LAYOUTS)
        facts = draw.picks(draw.pick(subjects)[1], 1 + draw.below(4))
        return "\n\n".join(
            [layout(fact, make_item(fact, draw.pick(fact.questions), draw, n_choices), draw) for fact in facts]
        )

    return write


def _lettered(item: ExamItem, pattern: str, between: str) -> str:
    return between.join(pattern % pair for pair in zip(LETTERS, item.choices, strict=False))


def _so_it_is(fact: Fact, item: ExamItem, draw: Draw) -> str:
    choices = _lettered(item, "%s. %s", "\n")
    return f"{item.question}\n{choices}\nThe answer is {fact.answer}, so it is {item.letter}."


def _behind(fact: Fact, item: ExamItem, draw: Draw) -> str:
    choices = ", ".join(f"{choice} ({letter})" for letter, choice in zip(LETTERS, item.choices, strict=False))
    return f"Question: {item.question}\nChoices: {choices}\nAnswer: {fact.answer} ({item.letter})"


def _letter_first(fact: Fact, item: ExamItem, draw: Draw) -> str:
    return f"{item.question}\n{_lettered(item, '%s. %s', chr(10))}\nAnswer: {item.letter}. {fact.answer}"


def _in_brackets(fact: Fact, item: ExamItem, draw: Draw) -> str:
    return f"Question: {item.question} {_lettered(item, '(%s) %s', ' ')}\nAnswer: ({item.letter}) {fact.answer}"


def _with_reason(fact: Fact, item: ExamItem, draw: Draw) -> str:
    choices = _lettered(item, "%s. %s", "\n")
    return f"{item.question}\n{choices}\n{draw.pick(fact.statements)}\nAnswer: {item.letter}"


LAYOUTS = [_so_it_is, _behind, _letter_first, _in_brackets, _with_reason]
