"""The mechanism of the exercises: what counts as not started, right and wrong, and what the reader is told."""

from __future__ import annotations

import pytest
import torch

from llama_lessons.checks.exercise import WrongAnswer, check, same

EXAMPLES = [(1, 2), (2, 1), (3, 3), (-1, 4)]
MISTAKES = {
    "you took the larger": max,
    "you took the smaller": min,
    "you took the first": lambda a, b: a,
}


def add(a: int, b: int) -> int:
    return a + b


def run(answer, reference=add, examples=EXAMPLES, mistakes=MISTAKES) -> None:
    check(answer, reference, examples, mistakes)


def stub_that_raises(a, b):
    """What the student edition holds."""
    raise NotImplementedError("your turn")


def stub_of_dots(a, b):
    """A docstring, and nothing else."""
    ...


def stub_that_returns_dots(a, b):
    return ...


@pytest.mark.parametrize("stub", [stub_that_raises, stub_of_dots, stub_that_returns_dots, ...])
def test_an_untouched_stub_is_reported_and_stops_nothing(stub, capsys):
    run(stub)
    assert capsys.readouterr().out.endswith(": not started\n")


def test_a_librarys_not_implemented_is_a_mistake_and_no_stub():
    def my_sum(a, b):
        return torch.nn.Module()(a)  # whoever forgets `forward`

    with pytest.raises(WrongAnswer, match="my_sum stopped with NotImplementedError"):
        check(my_sum, lambda a, b: a + b, [(1, 2)], {})


def test_a_right_answer_is_reported_with_the_number_of_examples(capsys):
    run(lambda a, b: b + a)
    assert "right, on all 4 examples" in capsys.readouterr().out


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_known_mistake_is_named(mistake):
    with pytest.raises(WrongAnswer, match=mistake):
        run(MISTAKES[mistake])


def test_the_mistake_that_agrees_most_often_is_named_not_the_first_that_agrees_once():
    with pytest.raises(WrongAnswer, match="you took the smaller"):  # "the first" agrees on (1, 2) too
        run(lambda a, b: a if a < b else b)


def test_an_unknown_mistake_shows_the_first_example_that_differs():
    def my_add(a, b):
        return a + b if a != 3 else 0

    with pytest.raises(WrongAnswer, match=r"(?s)none of the mistakes.*my_add\(3, 3\).*gave +0.*should be +6"):
        run(my_add)


def test_a_forgotten_return_is_no_stub():
    def my_add(a, b):
        _ = a + b

    with pytest.raises(WrongAnswer, match=r"returned None\. Is a `return` missing"):
        run(my_add)


def test_an_error_in_the_answer_names_its_line_and_its_call():
    def my_add(a, b):
        return a + b + [][a]

    with pytest.raises(WrongAnswer, match=r"(?s)stopped with IndexError.*return a \+ b \+ \[\]\[a\].*my_add\(1, 2\)"):
        run(my_add)


def test_a_wrong_result_is_told_before_a_later_error():
    def my_add(a, b):
        if a == 3:
            raise ZeroDivisionError
        return max(a, b)

    with pytest.raises(WrongAnswer, match="you took the larger"):
        run(my_add)


def test_a_wrong_type_is_named():
    with pytest.raises(WrongAnswer, match="It returns a str and should return a int"):
        run(lambda a, b: str(a + b))


def test_something_that_is_no_function_is_named():
    with pytest.raises(WrongAnswer, match="is 3, which is no function"):
        run(3)


@pytest.mark.parametrize("argument", [[1, 2], {"a": 1}, torch.zeros(2)], ids=["list", "dict", "tensor"])
def test_an_answer_that_writes_to_its_argument_is_refused(argument):
    def my_size(x):
        size = len(x)
        x[next(iter(x)) if isinstance(x, dict) else 0] = 9
        return size

    with pytest.raises(WrongAnswer, match="changed the arguments"):
        check(my_size, len, [(argument,)], {})


def test_a_tensor_of_the_wrong_shape_or_type_is_named():
    x = torch.arange(6.0).reshape(2, 3)
    with pytest.raises(WrongAnswer, match=r"Its shape is \(2, 3\) and should be \(3, 2\)"):
        check(lambda x: x, lambda x: x.T, [(x,)], {})
    with pytest.raises(WrongAnswer, match=r"Its type is torch.float64 and should be torch.float32"):
        check(lambda x: x.double(), lambda x: x, [(x,)], {})


@pytest.mark.parametrize(
    ("found", "wanted", "equal"),
    [
        (torch.ones(2) + 1e-6, torch.ones(2), True),
        (torch.ones(2) + 1e-2, torch.ones(2), False),
        (torch.ones(2, 1), torch.ones(2), False),
        ([1, 2], (1, 2), True),
        ([1, 2], [1, 2, 3], False),
        ({"a": 1.0}, {"a": 1.0 + 1e-7}, True),
        ({"a": 1}, {"a": 1, "b": 0}, False),
        (1, 1.0, True),
        (0.5, 0.6, False),
        ("1", 1, False),
    ],
)
def test_same_compares_values_and_forgives_rounding(found, wanted, equal):
    assert same(found, wanted) is equal


def test_a_notebook_shows_the_message_of_a_wrong_answer_and_no_call_stack():
    from IPython.core.interactiveshell import InteractiveShell

    shown = []
    shell = InteractiveShell()
    shell._showtraceback = lambda etype, value, lines: shown.extend(lines)  # where the kernel sends them to the page
    shell.run_cell("from llama_lessons.checks.exercise import WrongAnswer\nraise WrongAnswer('one\\ntwo')")
    assert shown == ["one", "two"]
