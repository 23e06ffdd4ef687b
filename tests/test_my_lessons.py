"""The learner's own copy: no outputs, solutions folded, nothing overwritten, and news told once."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class
from nbformat import NotebookNode

from llama_lessons.files import MARK
from tools import my_lessons
from tools.my_lessons import blank_page, complete, start_anew
from tools.notebook_files import sources

LESSON = """\
# %% [markdown]
# # A lesson

# %% tags=["exercise"]
def my_sum(a, b):
    raise NotImplementedError("your turn")


# %% jupyter={"source_hidden": true} tags=["solution"]
def solved_sum(a, b):
    return a + b

# %%
print("the end")
"""


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    path = tmp_path / "notebooks" / "03_lesson.py"
    path.parent.mkdir()
    path.write_text(LESSON)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "my_lessons"


def read(page: Path) -> NotebookNode:
    return nbformat.read(page, as_version=4)


def answer(page: Path, text: str = "def my_sum(a, b):\n    return b + a") -> bytes:
    notebook = read(page)
    notebook.cells[1].source = text
    nbformat.write(notebook, page)
    return page.read_bytes()


@pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)
def test_a_copy_has_every_cell_of_its_lesson_without_outputs(source: Path):
    copy, page = blank_page(source), read(source.with_suffix(".ipynb"))
    nbformat.validate(copy)
    assert [cell.id for cell in copy.cells] == [cell.id for cell in page.cells]
    code = [cell for cell in copy.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    solutions = [cell for cell in copy.cells if "solution" in cell.metadata.get("tags", [])]
    assert bool(solutions) is any("exercise" in cell.metadata.get("tags", []) for cell in copy.cells)
    assert all(cell.metadata.jupyter.source_hidden for cell in solutions)


def test_what_is_missing_is_written_and_the_second_time_there_is_nothing_to_say(lesson: Path, folder: Path):
    assert complete([lesson], folder) == ["my_lessons/03_lesson.ipynb written"]
    assert [cell.source.splitlines()[0] for cell in read(folder / "03_lesson.ipynb").cells] == [
        "# A lesson",
        "def my_sum(a, b):",
        "def solved_sum(a, b):",
        'print("the end")',
    ]
    assert complete([lesson], folder) == []
    assert sorted(os.listdir(folder)) == [MARK, "03_lesson.ipynb"]


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b'{"cells": []}', b"\xff"])
def test_what_is_there_is_never_overwritten(lesson: Path, folder: Path, content: bytes | None, changed: bool):
    complete([lesson], folder)
    page, mine = folder / "03_lesson.ipynb", folder / "my_llama" / "rope.py"
    mine.parent.mkdir()
    mine.write_text("def rotate(): ...\n")
    if content is None:
        content = answer(page)
    page.write_bytes(content)
    if changed:
        lesson.write_text(LESSON.replace("the end", "a new end"))
    complete([lesson], folder)
    assert page.read_bytes() == content
    assert mine.read_text() == "def rotate(): ...\n"


def test_a_change_of_the_lesson_is_told_once_with_how_to_take_it(lesson: Path, folder: Path):
    complete([lesson], folder)
    answer(folder / "03_lesson.ipynb")
    assert complete([lesson], folder) == []
    for end in ("a new end", "a newer end"):
        lesson.write_text(LESSON.replace("the end", end))
        (news,) = complete([lesson], folder)
        assert news.startswith("my_lessons/03_lesson.ipynb is kept as it is, but the lesson in notebooks/ has changed")
        assert "make fresh LESSON=03, or python tools/my_lessons.py --fresh 03" in news
        assert complete([lesson], folder) == []
    lesson.write_text(LESSON)  # as the copy was made
    assert complete([lesson], folder) == []


def test_fresh_starts_anew_and_keeps_every_old_page_beside_it(lesson: Path, folder: Path):
    page = folder / "03_lesson.ipynb"
    assert start_anew(lesson, folder) == "my_lessons/03_lesson.ipynb written"
    new, kept = page.read_bytes(), []
    for number in (1, 2):
        kept.append(answer(page, f"answer {number}"))
        assert start_anew(lesson, folder).endswith(f"what was there is now my_lessons/03_lesson_old{number}.ipynb")
    assert page.read_bytes() == new
    assert [(folder / f"03_lesson_old{number}.ipynb").read_bytes() for number in (1, 2)] == kept
    assert complete([lesson], folder) == []


def test_a_lesson_that_was_told_of_and_taken_is_not_told_again(lesson: Path, folder: Path):
    complete([lesson], folder)
    lesson.write_text(LESSON.replace("the end", "a new end"))
    assert len(complete([lesson], folder)) == 1
    start_anew(lesson, folder)
    assert read(folder / "03_lesson.ipynb").cells[3].source == 'print("a new end")'
    assert complete([lesson], folder) == []


@pytest.mark.parametrize("inside", [True, False], ids=["below the course's settings", "below the reader's own"])
def test_jupyter_pairs_no_copy_with_a_script(lesson: Path, folder: Path, inside: bool):
    settings = '[tool.jupytext]\nnotebook_metadata_filter = "kernelspec"\n' if inside else ""
    (folder.parent / "pyproject.toml").write_text(settings)
    if not inside:  # as `jupytext.toml` in the home folder would
        (folder.parent / "jupytext.toml").write_text('formats = "ipynb,py:percent"\n')
    complete([lesson], folder)
    manager = build_sync_jupytext_contents_manager_class(LargeFileManager)()
    manager.root_dir = str(folder.parent)
    manager.save(manager.get("my_lessons/03_lesson.ipynb"), "my_lessons/03_lesson.ipynb")
    assert {path.name for path in folder.glob("[!.]*")} == {"03_lesson.ipynb"}
    answer(folder / "03_lesson.ipynb", "my answer")
    assert "my answer" in str(manager.get("my_lessons/03_lesson.ipynb")["content"])


def test_the_command_writes_what_is_missing_and_starts_anew(lesson: Path, folder: Path, monkeypatch, capsys):
    monkeypatch.setattr(my_lessons, "sources", lambda names: [lesson])
    to = ["--to", str(folder)]
    assert [my_lessons.main(to), my_lessons.main(to), my_lessons.main(["--fresh", "03", *to])] == [0, 0, 0]
    assert capsys.readouterr().out == (
        "my_lessons/03_lesson.ipynb written\n"
        "my_lessons/03_lesson.ipynb begins anew; what was there is now my_lessons/03_lesson_old1.ipynb\n"
    )


@pytest.mark.parametrize(
    ("words", "trouble"), [([], "--fresh needs a lesson: --fresh 03"), (["77"], "no lesson begins with '77'")]
)
def test_fresh_wants_the_name_of_a_lesson(words: list[str], trouble: str, capsys):
    with pytest.raises(SystemExit):
        my_lessons.main(["--fresh", *words])
    assert trouble in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(monkeypatch, capsys):
    def refuse(lessons: list[Path], folder: Path) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(my_lessons, "complete", refuse)
    with pytest.raises(SystemExit):
        my_lessons.main([])
    assert (
        f"{my_lessons.MY_LESSONS} cannot be written (Permission denied): name a folder of your own"
        in capsys.readouterr().err
    )
