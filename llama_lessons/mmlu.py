"""Exams with choices, laid out as MMLU lays them out: MMLU's own files, the Valley's exam, or one of yours.

Source: Hendrycks et al., Measuring Massive Multitask Language Understanding, arXiv:2009.03300; layout of its code.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase as LETTERS


@dataclass(frozen=True)
class Item:
    """A question with choices.

    Args:
        subject: stands in the heading.
        question: its text.
        choices: two or more possible answers.
        answer: the index of the right one.
    """

    subject: str
    question: str
    choices: Sequence[str]
    answer: int

    @property
    def letter(self) -> str:
        """The letter before the right choice."""
        return LETTERS[self.answer]


class MMLU:
    """An exam: questions, and solved examples to show before them.

    Args:
        items: the questions.
        examples: solved ones of the same subjects, none of which is asked; MMLU has five for each subject.
    """

    def __init__(self, items: Iterable[Item], examples: Iterable[Item] = ()) -> None:
        self.items, self.examples = list(items), list(examples)

    @classmethod
    def read(cls, test: Path | str, dev: Path | str) -> MMLU:
        """One subject of MMLU, as its authors ship it: test/law_test.csv and dev/law_dev.csv.

        Args:
            test: file without a heading, a row for each question: its text, four choices, the letter of the right one.
            dev: the same for the examples.

        Raises:
            ValueError: a row is not of that kind.
        """
        return cls(_rows(Path(test).expanduser()), _rows(Path(dev).expanduser()))

    def prompt(self, item: Item, shots: int = 5) -> str:
        """The text to continue with " " + a letter: heading, solved examples, the question with its choices."""
        return few_shot(item.subject, self._shots(item, shots), item)

    def open_prompt(self, item: Item, shots: int = 5) -> str:
        """The text to continue with " " + one of the choices, which it does not show."""
        return few_shot_open(self._shots(item, shots), item)

    def _shots(self, item: Item, shots: int) -> list[Item]:
        examples = [example for example in self.examples if example.subject == item.subject]
        if not 0 <= shots <= len(examples):
            raise ValueError(f"shots must be 0 to {len(examples)}, the examples of {item.subject!r}, got {shots}")
        return examples[:shots]


def _rows(path: Path) -> list[Item]:
    subject = path.stem.rpartition("_")[0].replace("_", " ")
    items = []
    with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets put a mark before the first row
        for number, row in enumerate(csv.reader(file), start=1):
            if len(row) != 6 or row[-1] not in tuple("ABCD"):
                raise ValueError(f"{path}: row {number} is not a question, four choices and A, B, C or D")
            items.append(Item(subject, row[0], tuple(row[1:5]), LETTERS.index(row[5])))
    return items


def checked(items: Sequence[Item]) -> Sequence[Item]:
    """The items, if they can be asked.

    Raises:
        ValueError: there are none; or one has too few choices, more than letters, or an answer that is none of them.
    """
    if not items:
        raise ValueError("items must hold at least one question, got none")
    for number, item in enumerate(items):
        if not 2 <= len(item.choices) <= len(LETTERS):
            raise ValueError(f"items[{number}] must have 2 to {len(LETTERS)} choices, got {len(item.choices)}")
        if item.answer not in range(len(item.choices)):
            last = len(item.choices) - 1
            raise ValueError(f"items[{number}] must have an answer of 0 to {last}, got {item.answer!r}")
    return items


def heading(subject: str) -> str:
    """MMLU's first line, with the empty line after it."""
    return f"The following are multiple choice questions (with answers) about {subject}.\n\n"


def lay_out(item: Item, answered: bool) -> str:
    """A question as MMLU prints it, with its answer or ready for one ("Answer:")."""
    lines = [item.question]
    lines += [f"{letter}. {choice}" for letter, choice in zip(LETTERS, item.choices, strict=False)]
    return "\n".join([*lines, f"Answer: {item.letter}" if answered else "Answer:"])


def lay_open(item: Item) -> str:
    """A question without its choices, ready for an answer in words."""
    return f"Question: {item.question}\nAnswer:"


def few_shot(subject: str, examples: Sequence[Item], item: Item) -> str:
    """Heading, solved examples, and a question with its choices, to be answered by a letter."""
    return heading(subject) + "\n\n".join([*(lay_out(example, True) for example in examples), lay_out(item, False)])


def few_shot_open(examples: Sequence[Item], item: Item) -> str:
    """Solved examples and a question without its choices, to be answered in words."""
    solved = [f"{lay_open(example)} {example.choices[example.answer]}" for example in examples]
    return "\n\n".join([*solved, lay_open(item)])
