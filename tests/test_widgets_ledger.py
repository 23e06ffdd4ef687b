"""The ledger: what it asks, what it keeps and where, and what it says of a reader's judgement."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import traitlets

from llama_lessons.files import COURSE, MARK, learners_folder
from llama_lessons.widgets.ledger import MAX_TEXT, Ledger
from llama_lessons.widgets.ledger_book import Book, Entry, all_questions, bands, calibration, questions
from tests.test_widgets import EVIL
from tools.notebook_files import lessons

ASKED = {"01_one": ["will it rain?", "and then?"], "02_two": ["is it so?"]}
LESSON = """# %% [markdown]
# # A lesson
# Where it says **Predict**, do so. **Predict:** how many of the
# [4 *hands*](a.md) are at `zero`? And
# why?
#
# Not this.

# %%
print("**Predict:** nor this")

# %% [markdown]
# **Predict:** $x$ or y?
"""


def entries(*rows: tuple[int, str]) -> list[Entry]:
    return [Entry("a", sure, outcome) for sure, outcome in rows]


def test_the_questions_are_those_of_the_text_as_plain_text(tmp_path: Path):
    (tmp_path / "01_a.py").write_text(LESSON)
    (tmp_path / "02_b.py").write_text("# %% [markdown]\n# Nothing asked.\n")
    assert questions(tmp_path / "01_a.py") == ["How many of the 4 hands are at zero? And why?", "X or y?"]
    assert list(all_questions(tmp_path)) == ["01_a"]


def test_every_lesson_of_the_course_asks_for_predictions():
    asked = all_questions()
    assert list(asked) == [source.stem for source in lessons()]
    assert all(len(set(found)) == len(found) for found in asked.values())  # a question is its own name


def test_what_is_written_is_kept_and_shown_again(tmp_path: Path):
    path = tmp_path / "ledger.json"
    view = Ledger(path, ASKED)
    view.answer, view.sure, view.outcome = "Yes, it will.", 90, "wrong"
    view.number = 2
    assert (view.question, view.answer, view.sure, view.outcome) == ("and then?", "", 70, "")
    view.answer = "No."
    view.lesson = "02_two"
    assert (view.number, view.n, view.answer) == (1, 1, "")
    again = Ledger(path, ASKED)
    assert (again.answer, again.sure, again.outcome) == ("Yes, it will.", 90, "wrong")
    again.number = 2
    assert again.answer == "No."
    assert len(json.loads(path.read_text())) == 2
    again.answer = ""
    assert len(json.loads(path.read_text())) == 1  # one that says nothing is forgotten


def test_reset_goes_to_the_first_and_loses_nothing(tmp_path: Path):
    view = Ledger(tmp_path / "ledger.json", ASKED)
    view.answer = "Yes."
    view.lesson = "02_two"
    view.reset()
    assert (view.lesson, view.number, view.answer) == ("01_one", 1, "Yes.")


@pytest.mark.parametrize("content", ["{", "[1]", '{"a": {"sure": 71}}', '{"a": {"who": 1}}', '{"a": 3}'])
def test_a_damaged_file_is_named_and_left_as_it_is(tmp_path: Path, content: str):
    path = tmp_path / "ledger.json"
    path.write_text(content)
    view = Ledger(path, ASKED)
    view.answer = "Yes."
    assert "ledger.json cannot be read" in view.note
    assert path.read_text() == content


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path):
    (tmp_path / "file").touch()
    view = Ledger(tmp_path / "file" / "ledger.json", ASKED)
    view.answer = "Yes."
    assert "cannot be written" in view.note and view.answer == "Yes."


def test_pages_of_the_course_keep_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    for folder in (COURSE / "notebooks", tmp_path):
        monkeypatch.chdir(folder)
        assert learners_folder() is None
    (tmp_path / MARK).touch()
    assert learners_folder() == tmp_path.resolve()
    book = Book(None)
    book.note("a", "b?", Entry("c"))
    assert book.entry("a", "b?") == Entry("c")


def test_bands_are_shares_with_intervals():
    found = bands(entries((60, "right"), (60, "wrong"), (60, "right"), (100, "right")))
    assert [(sure, score.n, score.accuracy) for sure, score in found] == [(60, 3, 2 / 3), (100, 1, 1.0)]
    assert round(found[0][1].low, 3) == 0.208 and round(found[0][1].high, 3) == 0.939  # Wilson's, by hand


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "Nothing judged yet"),
        ([(70, "right")] * 7 + [(70, "wrong")] * 3, "sure at 70 %, and right in 70 % (40 to 89, n=10): chance allows"),
        ([(100, "right")] * 5 + [(100, "wrong")] * 5, "too sure"),
        ([(50, "right")] * 20, "trust yourself"),
    ],
)
def test_a_reader_hears_whether_chance_allows_it(rows: list[tuple[int, str]], said: str):
    assert said in calibration(entries(*rows))


def test_what_cannot_be_is_refused_or_set_right():
    view = Ledger(None, ASKED)
    with pytest.raises(traitlets.TraitError, match="lesson must be one of"):
        view.lesson = "03_three"
    view.number, view.sure, view.answer = 99, 83, "a" * (MAX_TEXT + 1)
    assert (view.number, view.sure) == (2, 80)
    assert f"the first {MAX_TEXT} are used" in view.shortened
    with pytest.raises(ValueError, match="asked must name a lesson"):
        Ledger(None, {})


def test_text_stays_text():
    view = Ledger(None, {"01_one": [EVIL]})
    view.answer = EVIL
    view.outcome = "right"
    assert "<script" not in view.twin() and "70 %</td><td>100 % of 1" in view.twin()
    assert "sure at 70 %, came out right" in repr(view)
