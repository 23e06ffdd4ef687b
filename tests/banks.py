"""What the tests of all exercises' checks ask of a bank of mistakes."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest

from llama_lessons.checks.comparing import same


def said(caught: pytest.ExceptionInfo) -> str:
    """An error's message on one line."""
    return " ".join(str(caught.value).split())


def twins(mistakes: dict[str, Callable], examples: list[tuple]) -> list[tuple[str, str]]:
    """Pairs of mistakes with the same results on all examples: a check could not tell which of the two was made."""
    results = {name: [_outcome(mistake, example) for example in examples] for name, mistake in mistakes.items()}
    assert all(same(one, one) for one in results.values()), (
        "a result that does not equal itself has no twin to be found"
    )
    names = list(results)
    return [(a, b) for k, a in enumerate(names) for b in names[:k] if _alike(results[a], results[b])]


def _outcome(mistake: Callable, example: tuple) -> object:
    """A result, or the kind of error that a mistake leads to, as where shapes do not fit."""
    try:
        return mistake(*deepcopy(example))
    except Exception as error:
        return type(error)


def _alike(one: list, other: list) -> bool:
    return same(one, other) or same(other, one)  # a whole number passes for a float, but not the other way round


def or_fails(function: Callable) -> Callable:
    """The same function, giving "it fails" where it stops with a RuntimeError, as on shapes that do not fit."""

    def attempt(*example: object) -> object:
        try:
            return function(*example)
        except RuntimeError:
            return "it fails"

    return attempt
