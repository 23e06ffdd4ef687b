"""One call of an answer: what came of it, said in time where it never ends."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from threading import Timer
from types import CodeType
from typing import Any, NamedTuple

import torch

from llama_lessons.checks.comparing import same
from llama_lessons.checks.stub import NotStarted, code_that_raised, has_code, is_your_turn
from llama_lessons.checks.telling import RAISE_LEFT, WrongAnswer, first_line, short

PATIENCE = 10  # seconds until a check says what it waits for
MUTABLE = (list, dict, torch.Tensor)


class Outcome(NamedTuple):
    """What came of a call: a result, copied at once, or an error; and whether the arguments were written to."""

    result: Any
    error: Exception | None = None
    changed: bool = False


def demand_a_function(answer: Any, name: str, reference: Callable, example: tuple) -> None:
    """See that an answer can be called as the reference can.

    Args:
        answer: what the reader wrote.
        name: of it.
        reference: a right function, whose parameters have the right names.
        example: arguments of a call.

    Raises:
        NotStarted: the answer is `...`.
        WrongAnswer: it is no function, or takes other arguments.
    """
    if answer is ...:
        raise NotStarted("not started")
    if not callable(answer):
        raise WrongAnswer(f"{name} is {short(answer)}, which is no function: write `def {name}(...)`.")
    try:
        inspect.signature(answer).bind(*example)
    except TypeError:
        wanted, given = first_line(name, reference), first_line(name, answer)
        raise WrongAnswer(
            f"{name} cannot be called with {len(example)} arguments. Its first line should be\n"
            f"  {wanted}\nand not\n  {given}"
        ) from None
    except ValueError:  # a function that is written in C may not tell what it takes
        return


def run(answer: Callable, name: str, use: Callable, example: tuple, call: str) -> Outcome:
    """What comes of one call.

    Args:
        answer: what the reader wrote.
        name: of it.
        use: `use(answer, *example)` gives the answer's result.
        example: arguments, which are copied.
        call: the call as the reader would write it.

    Raises:
        NotStarted: the answer is still its stub.
        WrongAnswer: the stub's `raise` was left in it, it was stopped while it ran, or `use` says what is wrong.
    """
    arguments = deepcopy(example)
    try:
        with _patience(name, call):
            result = copied(use(answer, *arguments))
    except WrongAnswer:
        raise
    except Exception as error:  # whatever the reader's code may raise
        if is_your_turn(error):
            _tell_of_a_stub(name, code_that_raised(error))
        return Outcome(None, error)
    if result is ... or (result is None and has_code(getattr(answer, "__code__", None)) is False):
        raise NotStarted("not started")
    pairs = zip(arguments, example, strict=True)
    return Outcome(result, None, not all(same(now, was) for now, was in pairs if isinstance(was, MUTABLE)))


@contextmanager
def _patience(name: str, call: str) -> Iterator[None]:
    """Say what is waited for when it takes long, and give a message to who then stops it. Nothing else is timed."""
    timer = Timer(PATIENCE, print, [f"{name}: still waiting for the end of {call}. If it never ends, press ■."])
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        raise WrongAnswer(f"{name} was stopped before it came to an end.\n      called as  {call}") from None
    finally:
        timer.cancel()


def _tell_of_a_stub(name: str, code: CodeType) -> None:
    """Either nothing is written yet, or the stub's `raise` was left in what is written."""
    if has_code(code):
        raise WrongAnswer(f"{name} is not right yet.\n{code.co_name} {RAISE_LEFT}")
    raise NotStarted("not started" if code.co_name in (name, "__init__") else f"{code.co_name} is not started")


def copied(value: Any, copy: Callable = lambda tensor: tensor.detach().clone()) -> Any:
    """The same values in memory of their own: a later call may write to the memory of this one.

    Args:
        value: tensors, and anything else, in lists, tuples and dicts.
        copy: makes a new tensor of one.
    """
    if isinstance(value, torch.Tensor):
        return copy(value)
    if isinstance(value, dict):
        return {key: copied(part, copy) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return (list if isinstance(value, list) else tuple)(copied(part, copy) for part in value)
    return value
