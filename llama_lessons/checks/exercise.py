"""How an exercise is checked: run the answer on examples, compare with a reference, and name the mistake.

A check never stops "Run All" for an exercise that nobody has begun: it says "not started". A wrong answer raises
`WrongAnswer`, whose message stands alone: the notebook shows no call stack of ours. It says only what is certain: a
mistake is named where it alone explains all results of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch

from llama_lessons.checks import telling
from llama_lessons.checks.comparing import difference, same
from llama_lessons.checks.running import Outcome, copied, demand_a_function, run
from llama_lessons.checks.stub import NotStarted, home_of
from llama_lessons.checks.telling import WrongAnswer
from llama_lessons.my_llama import keep


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

    What is right is kept, where it has a place in the reader's own Llama (`my_llama`).

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
            demand_a_function(answer, name, reference, examples[0])
        found = [run(answer, name, use, *step) for step in steps]
        again = [run(answer, name, use, *step) for step in reversed(steps)][::-1]
    except NotStarted as stub:
        print(f"{name}: {stub}")
        return
    for shown, *outcomes in zip(calls, found, again, strict=True):
        if not _alike(*outcomes):
            gave, then = (outcome.error or outcome.result for outcome in outcomes)
            raise WrongAnswer(telling.verdict(name, [telling.REMEMBERS], shown, gave, then, "then gave"))
    for shown, example, outcome in zip(calls, examples, found, strict=True):
        wanted = reference(*deepcopy(example))
        if outcome.error or outcome.changed or not same(outcome.result, wanted):
            known = _diagnose(found, examples, mistakes, reference)
            raise WrongAnswer(_message(answer, name, shown, outcome, wanted, known))
    _accept(answer, name, reference, len(examples))


def _accept(answer: Callable, name: str, reference: Callable, n_examples: int) -> None:
    print(f"{name}: right, on all {n_examples} examples")
    keep(reference, answer)


def _message(answer: Callable, name: str, call: str, outcome: Outcome, wanted: Any, known: list[str]) -> str:
    """What the reader is told about a call that went wrong, with the mistake if it is known."""
    if outcome.error:
        return telling.failure(name, known, call, outcome.error, home_of(answer))
    return telling.verdict(name, _facts(outcome, wanted) + known or [telling.UNKNOWN], call, outcome.result, wanted)


def _without_types(outcome: Outcome) -> Outcome:
    """An outcome whose tensors are all float64: their type is told beside the mistake."""
    return outcome._replace(result=copied(outcome.result, torch.Tensor.double))


def _alike(one: Outcome, other: Outcome) -> bool:
    """Whether two calls came to the same: the same result, or the same kind of error."""
    if one.error or other.error:
        return type(one.error) is type(other.error)
    return same(one.result, other.result)


def _facts(outcome: Outcome, wanted: Any) -> list[str]:
    """What is certain about a wrong result, whatever the mistake is."""
    facts = [telling.CHANGED] if outcome.changed else []
    if outcome.result is None and wanted is not None:
        return [*facts, telling.NO_RETURN]
    if (found := difference(outcome.result, wanted)) and found.fact:
        facts.append(found.fact)
    return facts


def _diagnose(
    found: list[Outcome], examples: Sequence[tuple], mistakes: dict[str, Callable], reference: Callable
) -> list[str]:
    """The one known mistake that comes to the same as the answer on all examples."""
    if all(outcome.error for outcome in found):
        return []  # errors alone do not tell which mistake it was
    if _explains(reference, found, examples, lambda outcome: outcome):
        return []  # every result is right, and only an argument was written to
    for view in (lambda outcome: outcome, _without_types):
        agree = [advice for advice, mistake in mistakes.items() if _explains(mistake, found, examples, view)]
        if len(agree) == 1:
            return [f"It looks as if {agree[0]}. For example:"]
    return []


def _explains(mistake: Callable, found: list[Outcome], examples: Sequence[tuple], view: Callable) -> bool:
    """Whether a mistake comes to all that was found; tried until it does not."""
    return all(_alike(view(seen), view(_attempt(mistake, one))) for seen, one in zip(found, examples, strict=True))


def _attempt(mistake: Callable, example: tuple) -> Outcome:
    try:
        return Outcome(mistake(*deepcopy(example)))
    except Exception as error:  # a mistake may make a call impossible
        return Outcome(None, error)
