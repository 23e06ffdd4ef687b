"""How an exercise is checked: run the answer on examples, compare with a reference, and name the mistake.

A check never stops "Run All" for an exercise that nobody has begun: it says "not started". A wrong answer raises
`WrongAnswer`, whose message stands alone: the notebook shows no call stack of ours.
"""

from __future__ import annotations

import dis
import linecache
import textwrap
import traceback
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch

DOES_NOTHING = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}  # the bytecode of a body of `...`
MUTABLE = (list, dict, torch.Tensor)


class WrongAnswer(AssertionError):
    """An answer to an exercise is wrong; the message says how."""

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a call stack."""
        return str(self).splitlines()


class _NotStarted(Exception):
    """The answer is still the stub."""


def check(
    answer: Callable,
    reference: Callable,
    examples: Sequence[tuple],
    mistakes: dict[str, Callable],
) -> None:
    """Compare an answer with a reference on examples, and print the verdict if it is "right" or "not started".

    Args:
        answer: what the reader wrote. It counts as not started if it raises NotImplementedError("your turn"), has
            `...` for a body, or gives `...`.
        reference: computes the right result another way.
        examples: the arguments of each call, the simplest first.
        mistakes: a wrong answer for each mistake that we recognise; the key is what the reader is told.

    Raises:
        WrongAnswer: a result differs, or the call failed; the message names the mistake and shows the first example.
    """
    name = getattr(answer, "__name__", "your answer")
    found: list = []
    failure = None
    try:
        for example in examples:
            found.append(_call(name, answer, example))
    except _NotStarted:
        print(f"{name}: not started")
        return
    except WrongAnswer as trouble:  # a wrong result before it tells more
        failure = trouble
    for k, result in enumerate(found):
        wanted = reference(*deepcopy(examples[k]))
        if not same(result, wanted):
            advice = _wrong_kind(result, wanted) or _diagnose(found, k, examples, mistakes)
            raise WrongAnswer(_verdict(f"{name}({_arguments(examples[k])})", advice, result, wanted))
    if failure:
        raise failure
    print(f"{name}: right, on all {len(examples)} examples")


def same(found: Any, wanted: Any) -> bool:
    """Whether two results are equal: tensors in shape, type and, to 1e-4, in value; lists and tuples alike."""
    if isinstance(wanted, torch.Tensor):
        kind = isinstance(found, torch.Tensor) and (found.shape, found.dtype, found.device)
        alike = kind == (wanted.shape, wanted.dtype, wanted.device)
        return alike and torch.allclose(found, wanted, rtol=1e-4, atol=1e-5, equal_nan=True)
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict) and found.keys() == wanted.keys() and all(same(found[k], wanted[k]) for k in wanted)
        )
    if isinstance(wanted, (list, tuple)):
        alike = isinstance(found, (list, tuple)) and len(found) == len(wanted)
        return alike and all(map(same, found, wanted))
    if isinstance(wanted, float):
        return isinstance(found, (int, float)) and abs(found - wanted) <= 1e-5 + 1e-4 * abs(wanted)
    return isinstance(found, type(wanted)) and found == wanted


def _call(name: str, answer: Callable, example: tuple) -> Any:
    """The answer's result for one example; says so if it is a stub, fails, or writes to what it was given."""
    if answer is ...:
        raise _NotStarted
    if not callable(answer):
        raise WrongAnswer(f"{name} is {_short(answer)}, which is no function: write `def {name}(...)`.")
    arguments = deepcopy(example)
    try:
        result = answer(*arguments)
    except Exception as error:  # whatever the reader's code may raise
        if isinstance(error, NotImplementedError) and error.args == ("your turn",):
            raise _NotStarted from None
        raise WrongAnswer(_failure(name, answer, example, error)) from error
    if result is ... or (result is None and _body_is_empty(answer)):
        raise _NotStarted
    if result is None:
        raise WrongAnswer(f"{name} returned None. Is a `return` missing at its end?")
    if not all(
        same(now, before) for now, before in zip(arguments, example, strict=True) if isinstance(before, MUTABLE)
    ):
        raise WrongAnswer(f"{name} changed the arguments that it was given. Build something new and return that.")
    return result


def _body_is_empty(answer: Callable) -> bool:
    code = getattr(answer, "__code__", None)
    return code is not None and {step.opname for step in dis.get_instructions(code)} <= DOES_NOTHING


def _failure(name: str, answer: Callable, example: tuple, error: Exception) -> str:
    """What went wrong inside the reader's code, and in which line of it."""
    lines = [f"{name} stopped with {type(error).__name__}: {error}"]
    home = answer.__code__.co_filename if hasattr(answer, "__code__") else None
    own = [step for step in traceback.extract_tb(error.__traceback__) if step.filename == home]
    if own:
        lines.append(f"      in line {own[-1].lineno}:  {linecache.getline(home, own[-1].lineno).strip()}")
    return "\n".join([*lines, f"      called as  {name}({_arguments(example)})"])


def _wrong_kind(found: Any, wanted: Any) -> str | None:
    """What to say about a result of the wrong type or shape, or None where those are right."""
    if isinstance(wanted, torch.Tensor) and isinstance(found, torch.Tensor):
        if found.shape != wanted.shape:
            return f"Its shape is {tuple(found.shape)} and should be {tuple(wanted.shape)}."
        if found.dtype != wanted.dtype:
            return f"Its type is {found.dtype} and should be {wanted.dtype}."
        return None if found.device == wanted.device else f"It is on {found.device} and should be on {wanted.device}."
    kind = (list, tuple) if isinstance(wanted, (list, tuple)) else type(wanted)
    if isinstance(found, kind) or (isinstance(wanted, float) and isinstance(found, int)):
        return None
    return f"It returns a {type(found).__name__} and should return a {type(wanted).__name__}:"


def _diagnose(found: list, first: int, examples: Sequence[tuple], mistakes: dict[str, Callable]) -> str:
    """The known mistake that gives the reader's own result on the first wrong example, and on most of the others."""
    agreement = {}
    for advice, mistake in mistakes.items():
        results = [_attempt(mistake, example) for example in examples[: len(found)]]
        if same(found[first], results[first]):
            agreement[advice] = sum(map(same, found, results))
    if not agreement:
        return "It is none of the mistakes that this check knows. The first example that differs:"
    return f"It looks as if {max(agreement, key=agreement.get)}. For example:"


def _attempt(mistake: Callable, example: tuple) -> Any:
    try:
        return mistake(*deepcopy(example))
    except Exception as error:  # a mistake may fail where the reader's own code did not come to
        return error


def _verdict(call: str, advice: str, found: Any, wanted: Any) -> str:
    """The message of a wrong answer: what is wrong, and the first example that shows it."""
    lines = [f"{call.partition('(')[0]} is not right yet.", *textwrap.wrap(advice, 100)]
    return "\n".join([*lines, f"  {call}", f"  gave       {_short(found)}", f"  should be  {_short(wanted)}"])


def _arguments(example: tuple) -> str:
    return ", ".join(map(_short, example))


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())  # a tensor's rows on one line
    return text if len(text) <= 160 else f"{text[:157]}..."
