"""What a check says, in words that are true whatever the answer is."""

from __future__ import annotations

import inspect
import linecache
import textwrap
import traceback
from collections.abc import Callable
from typing import Any

from llama_lessons.checks.comparing import difference

SHOWN = 160  # characters of a value
RAISE_LEFT = (
    'has code, but the line `raise NotImplementedError("your turn")` still stands in it, and there Python stops: '
    "delete it."
)
UNKNOWN = "It is none of the mistakes that this check knows. The first example that differs:"
CHANGED = "It changed the arguments that it was given. Build something new and return that."
NO_RETURN = "It returned None. Is a `return` missing at its end?"
REMEMBERS = (
    "The same call gave something else the second time: something is left over from an earlier call (or drawn at "
    "random). Make it inside the function, so that every call starts anew; in a class, in its __init__: what stands "
    "right below `class` is shared by all that are made of it."
)


class WrongAnswer(AssertionError):
    """An answer to an exercise is wrong; the message says how."""

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a call stack."""
        return str(self).splitlines()


def written(name: str, example: tuple) -> str:
    """A call as the reader would write it."""
    return f"{name}({', '.join(map(short, example))})"


def short(value: Any, start: int = 0) -> str:
    """A value on one line, cut where it is long.

    Args:
        value: anything.
        start: the first character that must be seen.
    """
    text = _one_line(value)
    if len(text) <= SHOWN:
        return text
    start = max(0, min(start, len(text) - SHOWN + 3))
    end = start + SHOWN - 3
    return ("..." if start else "") + text[start:end] + ("..." if end < len(text) else "")


def _one_line(value: Any) -> str:
    return " ".join(repr(value).split())  # a tensor's rows on one line


def _first_difference(one: str, other: str) -> int:
    return next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)


def first_line(name: str, function: Callable) -> str:
    """The `def` line of a function, under another name, without types and defaults."""
    return f"def {name}({', '.join(inspect.signature(function).parameters)}):"


def verdict(name: str, advice: list[str], call: str, gave: Any, should: Any, words: str = "should be") -> str:
    """The message of a wrong answer: what is known of it, and the call that shows it.

    Args:
        name: of the answer.
        advice: sentences.
        call: as the reader would write it.
        gave: what came out.
        should: what should have come out.
        words: what `should` is.
    """
    start = _first_difference(_one_line(gave), _one_line(should)) - SHOWN // 2
    lines = [f"{name} is not right yet.", *textwrap.wrap(" ".join(advice), 100, break_on_hyphens=False), f"  {call}"]
    lines += [f"  {'gave':<{len(words)}}  {short(gave, start)}", f"  {words}  {short(should, start)}"]
    there = difference(gave, should)
    if there and there.path and not there.fact:
        lines.append(f"      at {there.path}:  {short(there.found)} in place of {short(there.wanted)}")
    return "\n".join(lines)


def failure(name: str, advice: list[str], call: str, error: Exception, home: str | None) -> str:
    """The message of an answer that stopped with an error, and where in the reader's own code that was.

    Args:
        name: of the answer.
        advice: sentences.
        call: as the reader would write it.
        error: what it raised.
        home: the file, or cell, that the answer was written in.
    """
    lines = [
        f"{name} stopped with {type(error).__name__}: {error}",
        *textwrap.wrap(" ".join(advice), 100, break_on_hyphens=False),
    ]
    own = [step for step in traceback.extract_tb(error.__traceback__) if step.filename == home]
    if own:
        lines.append(f"      in line {own[-1].lineno}:  {linecache.getline(home, own[-1].lineno).strip()}")
    return "\n".join([*lines, f"      called as  {call}"])
