"""The Valley's exams, laid out as MMLU lays them out: to be learned from, and to be measured by."""

from __future__ import annotations

from dataclasses import dataclass

from llama_lessons.mmlu import LETTERS, Item, few_shot, few_shot_open, heading, lay_out
from llama_lessons.world.draw import Draw
from llama_lessons.world.facts import Fact
from llama_lessons.world.questions import Writer
from llama_lessons.world.splits import check_split
from llama_lessons.world.valley import Valley, load_valley


@dataclass(frozen=True)
class ExamItem(Item):
    """A question with choices, and what the Valley knows of it.

    Args:
        subject: stands in the heading; "withheld sums" for sums that training never meets in any form.
        question: one sentence. choices: different answers of one kind. answer: the index of the right one.
        fresh: whether the fact never stands in any training exam, so that only the skill of answering by letter helps.
        fact: the key of the fact that is asked; empty where the choices alone decide.
    """

    fresh: bool
    fact: str = ""


class Exam:
    """The world's own exam, held out by construction: every item asks a fact in a wording training never uses for it.

    Args:
        split: "test" for that; "train" for the same facts in wordings that training uses, in exams too unless fresh.
        seed: of the wrong choices and of the order.

    Raises:
        ValueError: split is neither.
    """

    def __init__(self, split: str = "test", seed: int = 0) -> None:
        check_split(split)
        draw = Draw(seed)
        valley = load_valley()
        facts = valley.facts if split == "test" else valley.taught
        self.items = [
            make_item(fact, fact.held_out if split == "test" else draw.pick(fact.questions), draw, 4) for fact in facts
        ]
        self.examples: dict[str, list[ExamItem]] = {}
        for subject, taught in valley.by_subject.items():
            examined = [fact for fact in taught if fact.examined]
            self.examples[subject] = [
                make_item(fact, draw.pick(fact.questions), draw, 4) for fact in draw.picks(examined, 6)
            ]

    def prompt(self, item: ExamItem, shots: int = 5) -> str:
        """The text to continue with " " + a letter: heading, solved examples, the question with its choices.

        Args:
            item: one of this exam's items.
            shots: how many solved examples stand before it, 0 to 5; never one about the same fact's question.
        """
        return few_shot(item.subject.removeprefix("withheld "), self._shots(item, shots), item)

    def open_prompt(self, item: ExamItem, shots: int = 5) -> str:
        """The text to continue with " " + one of the choices, which it does not show; arguments as for `prompt`."""
        return few_shot_open(self._shots(item, shots), item)

    def _shots(self, item: ExamItem, shots: int) -> list[ExamItem]:
        if not 0 <= shots <= 5:
            raise ValueError(f"shots must be 0 to 5, got {shots}")
        examples = self.examples[item.subject.removeprefix("withheld ")]
        return [other for other in examples if other.fact != item.fact][:shots]


def make_item(fact: Fact, question: str, draw: Draw, n_choices: int) -> ExamItem:
    """An item about a fact, its wrong choices and the place of the right one drawn."""
    choices = draw.picks(fact.wrong, n_choices - 1)
    answer = draw.below(n_choices)
    choices.insert(answer, fact.answer)
    subject = "withheld sums" if fact.withheld else fact.subject
    return ExamItem(subject, question, tuple(choices), answer, not fact.examined, fact.key)


def exam_writer(valley: Valley, choices: tuple[int, ...] = (4,)) -> Writer:
    """Writes exam sheets of one to eight questions on one subject.

    Args:
        valley: the facts; the fresh ones are left out.
        choices: how many choices a sheet's questions may have.
    """
    subjects = examined(valley)

    def write(draw: Draw) -> str:
        subject, facts = draw.pick(subjects)
        n_choices = draw.pick(choices)
        items = [
            make_item(fact, draw.pick(fact.questions), draw, n_choices) for fact in draw.picks(facts, 1 + draw.below(8))
        ]
        return heading(subject) + "\n\n".join([lay_out(item, True) for item in items])

    return write


def matching_writer(valley: Valley) -> Writer:
    """Writes one list of two to four choices and a question for each of them: many letters for few words."""
    relations = [
        (relation, [fact for fact in valley.taught if fact.relation is relation and fact.examined])
        for relation in valley.relations
    ]

    def write(draw: Draw) -> str:
        relation, facts = draw.pick(relations)
        matched = _apart(draw.shuffled(facts), 2 + draw.below(3))
        choices = "\n".join(f"{letter}. {fact.answer}" for letter, fact in zip(LETTERS, matched, strict=False))
        asked = draw.shuffled(list(zip(LETTERS, matched, strict=False)))
        questions = [f"{draw.pick(fact.questions)}\nAnswer: {letter}" for letter, fact in asked]
        return "\n\n".join([f"Choices for questions about {relation.subject}:\n{choices}", *questions])

    return write


def _apart(facts: list[Fact], count: int) -> list[Fact]:
    """The first facts, at most `count`, none of whose answers would be right, or nearly, for another of them."""
    apart: list[Fact] = []
    for fact in facts:
        if len(apart) < count and all(fact.answer in other.wrong and other.answer in fact.wrong for other in apart):
            apart.append(fact)
    return apart


def examined(valley: Valley) -> list[tuple[str, list[Fact]]]:
    """For each subject its facts that may stand in training exams."""
    return [(subject, [fact for fact in facts if fact.examined]) for subject, facts in valley.by_subject.items()]
