"""Questions and answers: the pages training reads, and the open questions that measure what it learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llama_lessons.world.draw import Draw
from llama_lessons.world.splits import check_split
from llama_lessons.world.valley import Valley, load_valley

Writer = Callable[[Draw], str]  # writes one document's text


@dataclass(frozen=True)
class OpenQuestion:
    """A question without choices.

    Args:
        subject: what it is about; "withheld sums" for sums that training never meets in any form.
        question: one sentence. answer: the one right answer, mostly one word.
    """

    subject: str
    question: str
    answer: str

    @property
    def prompt(self) -> str:
        """The text to continue; a right continuation begins with " " + answer and then ends the line."""
        return f"Question: {self.question}\nAnswer:"


def open_questions(split: str = "test") -> list[OpenQuestion]:
    """Every fact asked once.

    Args:
        split: "test" asks each fact in the one wording that training never uses for it; "train" asks it in a wording
            that training does use, and leaves out the withheld sums.

    Returns:
        The questions in the order of the facts' files.

    Raises:
        ValueError: split is neither.
    """
    check_split(split)
    valley = load_valley()
    if split == "train":
        return [OpenQuestion(fact.subject, fact.questions[0], fact.answer) for fact in valley.taught]
    return [
        OpenQuestion("withheld sums" if fact.withheld else fact.subject, fact.held_out, fact.answer)
        for fact in valley.facts
    ]


def question_writer(valley: Valley) -> Writer:
    """Writes pages of two to six questions, half of them about one subject."""
    subjects = list(valley.by_subject.values())

    def write(draw: Draw) -> str:
        facts = valley.taught if draw.random() < 0.5 else draw.pick(subjects)
        return "\n\n".join(
            f"Question: {draw.pick(fact.questions)}\nAnswer: {fact.answer}"
            for fact in draw.picks(facts, 2 + draw.below(5))
        )

    return write
