"""Whether an answer has been begun: what a stub holds, and a stub's `raise` that was left in an answer."""

from __future__ import annotations

import ast
import inspect
import textwrap
import traceback
from types import CodeType

STUB_STARTS = ("super().__init__(", "raise NotImplementedError(")


class NotStarted(Exception):
    """The answer is still the stub; the message says so."""


def is_your_turn(error: Exception) -> bool:
    """Whether an error is the one that a stub raises."""
    return isinstance(error, NotImplementedError) and error.args == ("your turn",)


def code_that_raised(error: Exception) -> CodeType:
    """The function that an error came out of."""
    return list(traceback.walk_tb(error.__traceback__))[-1][0].f_code


def has_code(code: CodeType | None) -> bool | None:
    """Whether a function does anything that its stub does not; None where its source is not to be had."""
    try:
        [tree] = ast.parse(textwrap.dedent(inspect.getsource(code))).body
    except (OSError, SyntaxError, TypeError, ValueError):
        return None
    return not all(map(_stands_in_a_stub, getattr(tree, "body", [tree])))


def _stands_in_a_stub(step: ast.stmt) -> bool:
    """Whether it is a docstring, `...`, `pass`, the base class's __init__, or the stub's `raise`."""
    constant = isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant)
    return constant or isinstance(step, ast.Pass) or ast.unparse(step).startswith(STUB_STARTS)


def home_of(answer: object) -> str | None:
    """The file, or cell, that an answer was written in."""
    parts = [answer, *vars(answer).values()] if isinstance(answer, type) else [answer]
    return next((part.__code__.co_filename for part in parts if hasattr(part, "__code__")), None)
