"""How an exercise is checked: run the answer on examples, compare with a reference, and name the mistake.

A check never stops "Run All" for an exercise that nobody has begun: it says "not started". A wrong answer raises
`WrongAnswer`, whose message stands alone: the notebook shows no call stack of ours. It says only what is certain: a
mistake is named where it alone explains all results of the answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from threading import Timer
from typing import Any, NamedTuple

import torch

from llama_lessons.checks import telling
from llama_lessons.checks.comparing import difference, same
from llama_lessons.checks.stub import NotStarted, code_that_raised, has_code, is_your_turn

PATIENCE = 10  # seconds until a check says what it waits for
MUTABLE = (list, dict, torch.Tensor)


class WrongAnswer(AssertionError):
    """An answer to an exercise is wrong; the message says how."""

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a call stack."""
        return str(self).splitlines()


class _Outcome(NamedTuple):
    """What came of a call: a result, copied at once, or an error; and whether the arguments were written to."""

    result: Any
    error: Exception | None = None
    changed: bool = False


def _call(answer: Callable, *example: Any) -> Any:
    return answer(*example)


def check(
    answer: Callable,
    reference: Callable,
    examples: Sequence[tuple],
    mistakes: dict[str, Callable],
    use: Callable = _call,
    call: Callable[..., str] | None = None,
) -> None:
    """Compare an answer with a reference on examples, and print the verdict if it is "right" or "not started".

    Args:
        answer: what the reader wrote. It counts as not started if it holds nothing but a docstring, `...` or
            `raise NotImplementedError("your turn")`, or gives `...`.
        reference: computes the right result another way; its parameters have the names of the answer's.
        examples: the arguments of each call, the simplest first. No two mistakes may be alike on all of them.
        mistakes: a wrong answer for each mistake that we recognise; the key is what the reader is told.
        use: `use(answer, *example)` gives the answer's result where that is more than a call with the example. It may
            raise WrongAnswer to say what is wrong with something that it needs.
        call: `call(*example)` shows that as the reader would write it.

    Raises:
        WrongAnswer: a result differs, or the call failed; the message names the mistake and shows the first example.
    """
    name = getattr(answer, "__name__", "your answer")
    calls = [call(*example) if call else telling.written(name, example) for example in examples]
    steps = list(zip(examples, calls, strict=True))
    try:
        if use is _call:
            _demand_a_function(answer, name, reference, examples[0])
        found = [_run(answer, name, use, *step) for step in steps]
        again = [_run(answer, name, use, *step) for step in reversed(steps)][::-1]
    except NotStarted as stub:
        print(f"{name}: {stub}")
        return
    for k, outcomes in enumerate(zip(found, again, strict=True)):
        if not _alike(*outcomes):
            gave, then = (outcome.error or outcome.result for outcome in outcomes)
            raise WrongAnswer(telling.verdict(name, [telling.REMEMBERS], calls[k], gave, then, "then gave"))
    for k, outcome in enumerate(found):
        wanted = reference(*deepcopy(examples[k]))
        if outcome.error or outcome.changed or not same(outcome.result, wanted):
            known = _diagnose(found, examples, mistakes)
            if outcome.error:
                raise WrongAnswer(telling.failure(name, known, calls[k], outcome.error, _home(answer)))
            advice = _facts(outcome, wanted, answer, name, reference) + known or [telling.UNKNOWN]
            raise WrongAnswer(telling.verdict(name, advice, calls[k], outcome.result, wanted))
    print(f"{name}: right, on all {len(examples)} examples")


def _demand_a_function(answer: Any, name: str, reference: Callable, example: tuple) -> None:
    """That an answer can be called as the reference can."""
    if answer is ...:
        raise NotStarted("not started")
    if not callable(answer):
        raise WrongAnswer(f"{name} is {telling.short(answer)}, which is no function: write `def {name}(...)`.")
    try:
        inspect.signature(answer).bind(*example)
    except TypeError:
        wanted, given = telling.first_line(name, reference), telling.first_line(name, answer)
        raise WrongAnswer(
            f"{name} cannot be called with {len(example)} arguments. Its first line should be\n"
            f"  {wanted}\nand not\n  {given}"
        ) from None
    except ValueError:  # a function that is written in C may not tell what it takes
        return


def _run(answer: Callable, name: str, use: Callable, example: tuple, call: str) -> _Outcome:
    """What comes of one call."""
    arguments = deepcopy(example)
    try:
        with _patience(name, call):
            result = _copied(use(answer, *arguments))
    except WrongAnswer:
        raise
    except Exception as error:  # whatever the reader's code may raise
        if is_your_turn(error):
            _tell_of_a_stub(name, code_that_raised(error))
        return _Outcome(None, error)
    if result is ... or (result is None and has_code(getattr(answer, "__code__", None)) is False):
        raise NotStarted("not started")
    pairs = zip(arguments, example, strict=True)
    return _Outcome(result, None, not all(same(now, was) for now, was in pairs if isinstance(was, MUTABLE)))


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


def _tell_of_a_stub(name: str, code: Any) -> None:
    """Either nothing is written yet, or the stub's `raise` was left in what is written."""
    if has_code(code):
        raise WrongAnswer(f"{name} is not right yet.\n{code.co_name} {telling.RAISE_LEFT}")
    raise NotStarted("not started" if code.co_name in (name, "__init__") else f"{code.co_name} is not started")


def _copied(value: Any, copy: Callable = lambda tensor: tensor.detach().clone()) -> Any:
    """The same values in memory of their own: a later call may write to the memory of this one."""
    if isinstance(value, torch.Tensor):
        return copy(value)
    if isinstance(value, dict):
        return {key: _copied(part, copy) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return (list if isinstance(value, list) else tuple)(_copied(part, copy) for part in value)
    return value


def _without_types(outcome: _Outcome) -> _Outcome:
    """An outcome whose tensors are all float64: their type is told beside the mistake."""
    return outcome._replace(result=_copied(outcome.result, torch.Tensor.double))


def _alike(one: _Outcome, other: _Outcome) -> bool:
    """Whether two calls came to the same: the same result, or the same kind of error."""
    if one.error or other.error:
        return type(one.error) is type(other.error)
    return same(one.result, other.result)


def _facts(outcome: _Outcome, wanted: Any, answer: Callable, name: str, reference: Callable) -> list[str]:
    """What is certain about a wrong result, whatever the mistake is."""
    facts = [telling.CHANGED] if outcome.changed else []
    if outcome.result is None and wanted is not None:
        return [*facts, telling.NO_RETURN]
    if (found := difference(outcome.result, wanted)) and found.fact:
        facts.append(found.fact)
    return facts


def _diagnose(found: list[_Outcome], examples: Sequence[tuple], mistakes: dict[str, Callable]) -> list[str]:
    """The one known mistake that comes to the same as the answer on all examples."""
    if all(outcome.error for outcome in found):
        return []  # errors alone do not tell which mistake it was
    known = {advice: [_attempt(mistake, example) for example in examples] for advice, mistake in mistakes.items()}
    for view in (lambda outcome: outcome, _without_types):
        seen = [view(outcome) for outcome in found]
        agree = [advice for advice, results in known.items() if all(map(_alike, seen, map(view, results)))]
        if len(agree) == 1:
            return [f"It looks as if {agree[0]}. For example:"]
    return []


def _attempt(mistake: Callable, example: tuple) -> _Outcome:
    try:
        return _Outcome(mistake(*deepcopy(example)))
    except Exception as error:  # a mistake may make a call impossible
        return _Outcome(None, error)


def _home(answer: Any) -> str | None:
    """The file, or cell, that an answer was written in."""
    parts = [answer, *vars(answer).values()] if isinstance(answer, type) else [answer]
    return next((part.__code__.co_filename for part in parts if hasattr(part, "__code__")), None)
