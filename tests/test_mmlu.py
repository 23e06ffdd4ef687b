"""Exams in MMLU's layout: its files are read as they are shipped, and a sheet is what its authors' code prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama_lessons.mmlu import MMLU, Item

DEV = '"Which is a colour?","one","red","hay, dry","two","B"\nWhich is a number?,one,red,hay,mill,A\n'
TEST = '"Who said ""hum""?",Luna,Pepper,Clara,Luis,D\nHow many?,1,2,3,4,C\n'

FIVE_LINES = """\
The following are multiple choice questions (with answers) about high school llamas.

Which is a colour?
A. one
B. red
C. hay, dry
D. two
Answer: B

Who said "hum"?
A. Luna
B. Pepper
C. Clara
D. Luis
Answer:"""


@pytest.fixture
def exam(tmp_path: Path) -> MMLU:
    dev, test = tmp_path / "high_school_llamas_dev.csv", tmp_path / "high_school_llamas_test.csv"
    dev.write_text(DEV, encoding="utf-8")
    test.write_text(TEST, encoding="utf-8")
    return MMLU.read(test, dev)


def test_a_file_of_mmlu_is_read(exam: MMLU):
    assert exam.items == [
        Item("high school llamas", 'Who said "hum"?', ("Luna", "Pepper", "Clara", "Luis"), 3),
        Item("high school llamas", "How many?", ("1", "2", "3", "4"), 2),
    ]
    assert [item.letter for item in exam.items + exam.examples] == ["D", "C", "B", "A"]


def test_a_file_that_a_spreadsheet_saved_in_the_home_folder_is_read(exam: MMLU, tmp_path: Path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    saved = tmp_path / "high_school_llamas_val.csv"
    saved.write_text(TEST.replace("\n", "\r\n"), encoding="utf-8-sig", newline="")
    assert MMLU.read("~/high_school_llamas_val.csv", saved).items == exam.items


def test_a_sheet_has_heading_examples_choices_and_room_for_the_letter(exam: MMLU):
    assert exam.prompt(exam.items[0], shots=1) == FIVE_LINES


def test_an_open_sheet_shows_no_choices(exam: MMLU):
    assert exam.open_prompt(exam.items[1], shots=2) == (
        "Question: Which is a colour?\nAnswer: red\n\nQuestion: Which is a number?\nAnswer: one\n\n"
        "Question: How many?\nAnswer:"
    )


def test_examples_are_of_the_subject_that_is_asked(exam: MMLU):
    other = Item("law", "Who may?", ("all", "none"), 0)
    mixed = MMLU([*exam.items, other], [other, *exam.examples])
    assert mixed.prompt(exam.items[0], shots=1) == FIVE_LINES
    with pytest.raises(ValueError, match="shots must be 0 to 1, the examples of 'law', got 2"):
        mixed.prompt(other, shots=2)


@pytest.mark.parametrize("row", ["Who?,a,b,c,d,E", "Who?,a,b,c,d", "question,A,B,C,D,answer", "Who?,a,b,c,d,", ""])
def test_a_row_of_another_kind_is_named(row: str, tmp_path: Path):
    path = tmp_path / "law_test.csv"
    path.write_text(f"Who?,a,b,c,d,A\n{row}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"law_test\.csv: row 2 is not a question, four choices and A, B, C or D"):
        MMLU.read(path, path)
