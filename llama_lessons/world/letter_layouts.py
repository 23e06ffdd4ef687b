"""Exams laid out in ways in which a letter is more or less easily found: what lesson 11 trains adapters on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from llama_lessons.mmlu import LETTERS, Item
from llama_lessons.world.draw import Draw
from llama_lessons.world.exams import ExamItem, make_item
from llama_lessons.world.facts import Fact
from llama_lessons.world.valley import load_valley


@dataclass(frozen=True)
class Layout:
    """How a question shows its choices, and what its answer says; {choice} and {letter} stand for both.

    Args:
        line: of one choice.
        answer: what follows "Answer:".
    """

    line: str
    answer: str

    def prompt(self, item: Item) -> str:
        """The question with its choices, to be continued with the answer."""
        lines = [
            self.line.format(letter=letter, choice=choice)
            for letter, choice in zip(LETTERS, item.choices, strict=False)
        ]
        return "\n".join([item.question, *lines, "Answer:"])

    def right(self, item: Item) -> str:
        """The right answer."""
        return self.answer.format(letter=item.letter, choice=item.choices[item.answer])


# A blank before a word keeps it the piece that it is in a sentence: " red" is one, "red" at the start of a line is two.
LAYOUTS = MappingProxyType(
    {
        "MMLU's lines": Layout("{letter}. {choice}", " {letter}"),
        "list and answer share the letter's token": Layout(" {letter}. {choice}", " {letter}"),
        "and the letter stands after its choice": Layout(" {choice} {letter}", " {letter}"),
        "MMLU's lines, the choice is said first": Layout("{letter}. {choice}", " {choice}, {letter}"),
        "letter in brackets after its choice, said first": Layout(" {choice} ({letter})", " {choice} ({letter})"),
        "letter after its choice, shared token, said first": Layout(" {choice} {letter}", " {choice} {letter}"),
    }
)


def facts_for_letters(fresh: bool) -> list[Fact]:
    """The taught facts but sums: those that stand in no training exam, or the others."""
    return [fact for fact in load_valley().taught if fact.examined != fresh and fact.subject != "sums"]


def draw_items(facts: Sequence[Fact], seed: int, n: int, n_choices: int = 4, held_out: bool = False) -> list[ExamItem]:
    """Questions about facts drawn from a seed.

    Args:
        facts: what may be asked.
        seed: of the facts, the wrong choices and their order.
        n: questions.
        n_choices: of each.
        held_out: ask in the wording that training never uses for the fact.
    """
    draw, items = Draw(seed), []
    while len(items) < n:
        fact = draw.pick(facts)
        items.append(make_item(fact, fact.held_out if held_out else draw.pick(fact.questions), draw, n_choices))
    return items
