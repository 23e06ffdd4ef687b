"""The checks of all exercises, measured with answers that learners try: none is told anything that is not so.

Each file of tests/answers is a bank for one exercise. Every right answer is accepted, every wrong one refused; the
mistake is named where the bank says so, and no other mistake ever is.
"""

from __future__ import annotations

import pytest

from llama_lessons.checks.exercise import WrongAnswer, check
from tests.answers.bank import banks
from tests.banks import said, twins

BANKS = banks()
CLAIM = "It looks as if"
RIGHT = [(bank, answer) for bank in BANKS.values() for answer in bank.right_answers]
WRONG = [(bank, *wrong) for bank in BANKS.values() for wrong in bank.wrong_answers]
PARTS = {name: bank.parts() for name, bank in BANKS.items()}
MISTAKES = [(name, advice) for name, parts in PARTS.items() for advice in parts["mistakes"]]


def name_of(value: object) -> str:
    """How an answer or a mistake is called in pytest's output."""
    return getattr(value, "__name__", str(value)).split(":")[0] if callable(value) or isinstance(value, str) else ""


@pytest.mark.parametrize(("bank", "answer"), RIGHT, ids=name_of)
def test_a_right_answer_is_accepted_however_it_is_written(bank, answer, capsys):
    bank.check(answer)
    assert "right, on all" in capsys.readouterr().out


@pytest.mark.parametrize(("bank", "answer", "says"), WRONG, ids=name_of)
def test_a_wrong_answer_is_refused_and_told_its_own_mistake_or_none(bank, answer, says):
    with pytest.raises(WrongAnswer) as trouble:
        bank.check(answer)
    assert says in said(trouble) if says else CLAIM not in said(trouble)


@pytest.mark.parametrize("bank", BANKS.values(), ids=BANKS)
def test_a_bank_has_a_right_answer_and_a_dozen_wrong_ones_three_quarters_of_which_are_named(bank):
    assert bank.right_answers
    assert len(bank.wrong_answers) >= 12
    named = [wrong for wrong in bank.wrong_answers if wrong.says]
    assert len(named) >= 0.75 * len(bank.wrong_answers)


@pytest.mark.parametrize(("name", "advice"), MISTAKES, ids=name_of)
def test_every_known_mistake_is_named(name, advice):
    parts = {part: value for part, value in PARTS[name].items() if part not in ("use", "call")}
    mistake = parts["mistakes"][advice]
    with pytest.raises(WrongAnswer) as trouble:  # that no other one is like it, the next test says, at less cost
        check(mistake, **parts | {"mistakes": {advice: mistake}})
    assert advice in said(trouble)


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_no_two_mistakes_are_alike_on_all_examples(parts):
    assert twins(parts["mistakes"], parts["examples"]) == []


@pytest.mark.parametrize("bank", BANKS.values(), ids=BANKS)
def test_an_untouched_stub_is_not_started(bank, capsys):
    def stub(*arguments):
        raise NotImplementedError("your turn")

    bank.check(stub)
    assert capsys.readouterr().out.endswith("not started\n")
