"""The mechanism of the exercises: what counts as not started, right and wrong, and what the reader is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from llama_lessons.checks import running
from llama_lessons.checks.comparing import difference, same
from llama_lessons.checks.exercise import WrongAnswer, check

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


def test_an_unknown_mistake_shows_the_first_example_that_differs():
    def my_add(a, b):
        return a + b if a != 3 else 0

    with pytest.raises(WrongAnswer, match=r"(?s)none of the mistakes.*my_add\(3, 3\).*gave +0.*should be +6"):
        run(my_add)


def test_a_forgotten_return_is_no_stub():
    def my_add(a, b):
        _ = a + b

    with pytest.raises(WrongAnswer, match=r"(?s)returned None\. Is a `return` missing.*my_add\(1, 2\)"):
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

    with pytest.raises(WrongAnswer, match=r"(?s)none of the mistakes.*my_add\(1, 2\).*gave +2.*should be +3"):
        run(my_add)


def test_a_mistake_that_fails_where_the_answer_fails_and_agrees_elsewhere_is_named():
    def my_add(a, b):
        return a + b if a < 3 else [][a]

    mistakes = MISTAKES | {"you looked into an empty list": lambda a, b: a + b if a < 3 else [].pop()}
    with pytest.raises(WrongAnswer, match=r"(?s)stopped with IndexError.*you looked into an empty list.*\[\]\[a\]"):
        run(my_add, mistakes=mistakes)


def test_a_mistake_that_agrees_on_some_examples_only_is_not_named():
    with pytest.raises(WrongAnswer, match="none of the mistakes"):
        run(lambda a, b: max(a, b) if a != 3 else 0)


def test_two_mistakes_that_agree_on_all_examples_are_not_named():
    with pytest.raises(WrongAnswer, match="none of the mistakes"):
        run(max, examples=[(1, 2)], mistakes=MISTAKES | {"you took the second": lambda a, b: b})


def test_a_wrong_type_is_named():
    with pytest.raises(WrongAnswer, match="It returns a str and should return an int"):
        run(lambda a, b: str(a + b))


def test_a_wrong_type_and_the_mistake_are_both_named():
    with pytest.raises(WrongAnswer, match=r"(?s)It returns a str.*you wrote a text"):
        run(lambda a, b: f"{a}{b}", mistakes={"you wrote a text": lambda a, b: str(a) + str(b)})


def test_the_part_of_a_result_that_differs_is_named():
    def my_pair(x):
        return x, x.T

    def pair(x):
        return x, x

    with pytest.raises(WrongAnswer, match=r"In part \[1\] of the result: its shape is \(3, 2\) and should be \(2, 3\)"):
        check(my_pair, pair, [(torch.zeros(2, 3),)], {})


def test_the_place_that_differs_is_shown_however_long_the_result_is():
    def my_square(x):
        out = x * x
        out[150] = -7
        return out

    with pytest.raises(
        WrongAnswer, match=r"(?s)gave +\.\.\..*-7.*should be +\.\.\..*22500.*at \[150\]: +-7 in place of 22500"
    ):
        check(my_square, lambda x: x * x, [(torch.arange(200),)], {})


def test_the_line_that_a_call_needs_is_shown():
    def my_add(a):
        return a

    with pytest.raises(
        WrongAnswer, match=r"(?s)cannot be called with 2 arguments.*def my_add\(a, b\):.*def my_add\(a\):"
    ):
        run(my_add)


def test_what_is_kept_from_one_call_to_the_next_is_found():
    def my_add(a, b, seen=[]):  # noqa: B006  Python's most famous trap
        seen.append(b)
        return a + sum(seen)

    def right_at_first(a, b, seen=[]):  # noqa: B006
        seen.append(b)
        return a + b if len(seen) <= len(EXAMPLES) else 0

    for answer in (my_add, right_at_first):
        with pytest.raises(WrongAnswer, match="gave something else the second time"):
            run(answer)


def test_an_answer_may_give_the_same_memory_each_time(capsys):
    memory = torch.zeros(3)
    check(lambda x: memory.copy_(2 * x), lambda x: x + x, [(torch.ones(3),), (torch.zeros(3),)], {})
    assert "right, on all 2 examples" in capsys.readouterr().out


@pytest.mark.parametrize("where", ["below", "above"])
def test_a_stubs_raise_that_was_left_in_an_answer_is_told(where):
    def below(a, b):
        """A docstring."""
        print(a + b)
        raise NotImplementedError("your turn")

    def above(a, b):
        raise NotImplementedError("your turn")
        return a + b

    with pytest.raises(WrongAnswer, match=r"has code, but the line `raise .*delete it"):
        run({"below": below, "above": above}[where])


class _Adder:
    def __init__(self, a):
        self.a = a

    def add(self, b):
        return self.a + self.b  # which was never kept


def test_a_class_is_used_as_its_check_says_and_shown_as_the_reader_would_write_it():
    with pytest.raises(WrongAnswer, match=r"(?s)AttributeError.*return self\.a.*called as  _Adder\(1\)\.add\(2\)"):
        check(
            _Adder,
            add,
            EXAMPLES,
            {},
            use=lambda kind, a, b: kind(a).add(b),
            call=lambda a, b: f"_Adder({a}).add({b})",
        )


def test_a_method_that_is_still_a_stub_is_told_by_its_name(capsys):
    class MyAdder(_Adder):
        def add(self, b):
            raise NotImplementedError("your turn")

    check(MyAdder, add, EXAMPLES, {}, use=lambda kind, a, b: kind(a).add(b))
    assert capsys.readouterr().out == "MyAdder: add is not started\n"


def test_a_check_says_what_it_waits_for_and_a_stopped_answer_gets_a_message(monkeypatch, capsys):
    monkeypatch.setattr(running, "PATIENCE", 0)

    def my_add(a, b):
        while "still waiting for the end of my_add(1, 2)" not in capsys.readouterr().out:
            pass
        raise KeyboardInterrupt  # what pressing stop does

    with pytest.raises(WrongAnswer, match=r"(?s)was stopped before it came to an end.*called as  my_add\(1, 2\)"):
        run(my_add)


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


def test_a_wrong_shape_is_told_before_a_wrong_number_that_stands_earlier():
    there = difference((torch.zeros(3), torch.zeros(2)), (torch.ones(3), torch.zeros(4)))
    assert there.fact == "In part [1] of the result: its shape is (2,) and should be (4,)."
    assert difference([1, 5], [2, 6]).path == "[0]"


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


def test_a_result_that_equals_itself_alone_is_told_its_type_and_not_a_memory():
    with pytest.raises(WrongAnswer, match="returns a generator and should return a list") as trouble:
        check(lambda n: (k for k in range(n)), lambda n: list(range(n)), [(3,)], {})
    assert "second time" not in str(trouble.value)


def test_arrays_of_numpy_are_compared_place_by_place():
    assert same(np.array([1, 2]), np.array([1, 2]))
    assert not same(np.array([1, 2]), np.array([1, 3])) and not same(np.array([1, 2]), np.array([1, 2, 3]))


def test_a_right_answer_that_writes_to_its_arguments_is_told_only_that():
    def positive(numbers):
        numbers.append(0)
        return [number > 0 for number in numbers[:-1]]

    mistakes = {"you gave 0 and 1": lambda numbers: [int(number > 0) for number in numbers]}
    with pytest.raises(WrongAnswer, match="changed the arguments") as trouble:
        check(positive, lambda numbers: [number > 0 for number in numbers], [([1, -2],)], mistakes)
    assert "you gave 0 and 1" not in str(trouble.value)
