"""A bank of answers to one exercise, right and wrong, as a reader would write them."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest


class Wrong(NamedTuple):
    """A wrong answer.

    Args:
        answer: what the reader wrote.
        says: words of the message that name the mistake; empty for a mistake that no check can know.
    """

    answer: Callable
    says: str


class Bank:
    """The answers of one exercise; the decorators `right` and `wrong(...)` put them in.

    Args:
        check: of the lesson.
    """

    def __init__(self, check: Callable) -> None:
        self.check = check
        self.right_answers: list[Callable] = []
        self.wrong_answers: list[Wrong] = []

    def right(self, answer: Callable) -> Callable:
        """Put in a right answer, written in another way than the lesson's solution."""
        self.right_answers.append(answer)
        return answer

    def wrong(self, says: str = "") -> Callable:
        """Put in a wrong answer.

        Args:
            says: what the message must say to name the mistake; without it, it must name none.
        """
        return lambda answer: self.wrong_answers.append(Wrong(answer, says)) or answer

    def parts(self) -> dict:
        """The reference, the examples and the mistakes that the check compares with, by their names."""
        seen = {}

        def note(answer: Callable, reference: Callable, examples: list, mistakes: dict, **use: Callable) -> None:
            seen.update(reference=reference, examples=examples, mistakes=mistakes, **use)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys.modules[self.check.__module__], "check", note)
            self.check(lambda: ...)
        return seen


def banks() -> dict[str, Bank]:
    """All banks, by the names of their files."""
    here = sys.modules["tests.answers"].__path__
    names = sorted(found.name for found in pkgutil.iter_modules(here) if found.name != "bank")
    return {name: importlib.import_module(f"tests.answers.{name}").bank for name in names}
