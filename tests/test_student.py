"""The student edition: stubs, no solutions, runs to its end, and keeps what a student has written."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.test_my_lessons import LESSON
from tools import make_student
from tools.make_student import student_edition, write
from tools.notebook_files import read_source, sources

SOURCES = [source for source in sources() if 'tags=["exercise"]' in source.read_text(encoding="utf-8")]
each_lesson = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def tagged(notebook: NotebookNode, tag: str) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


ANSWER = re.compile("my_?|solved_?", re.IGNORECASE)  # the reader's own is my_sum or MyNorm, ours solved_sum, SolvedNorm


def definitions(cells: list[NotebookNode]) -> list[str]:
    """Name and arguments of what the cells define as the exercise's answer: my_sum(a, b), without `my` or `solved`."""
    nodes = [node for cell in cells for node in ast.parse(cell.source).body]
    named = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [
        f"{ANSWER.sub('', node.name)}({ast.unparse(node.args) if isinstance(node, ast.FunctionDef) else ''})"
        for node in named
        if ANSWER.match(node.name)
    ]


def checks_called(cells: list[NotebookNode]) -> list[str]:
    lines = [line for cell in cells for line in cell.source.splitlines() if line.startswith("check_")]
    return [re.sub(rf"\((?:{ANSWER.pattern})", "(", line, flags=re.IGNORECASE) for line in lines]


@each_lesson
def test_every_stub_has_a_solution_with_the_same_arguments_and_check(source: Path):
    lesson = read_source(source)
    stubs, solutions = tagged(lesson, "exercise"), tagged(lesson, "solution")
    assert definitions(stubs) == definitions(solutions) != []
    assert checks_called(stubs) == checks_called(solutions) != []
    assert all(node.startswith("solved") for cell in solutions for node in re.findall(r"^def (\w+)", cell.source, re.M))
    assert all("raise NotImplementedError" in cell.source for cell in stubs)
    assert all(cell.metadata.get("jupyter", {}).get("source_hidden") for cell in solutions)


@each_lesson
def test_the_edition_runs_to_its_end_and_reports_what_is_not_started(source: Path):
    edition = student_edition(source)
    kernel_environment = {**os.environ, "LLAMA_LESSONS_DEVICE": "cpu"}
    NotebookClient(edition, timeout=300).execute(env=kernel_environment)  # raises where a cell fails
    stubs = tagged(edition, "exercise")
    printed = ["".join(output.get("text", "") for output in cell.outputs) for cell in stubs]
    names = [definition.partition("(")[0] for definition in definitions(stubs)]
    told = [
        re.sub(r": \w+ is not", ": not", ANSWER.sub("", line)) for line in "".join(printed).splitlines()
    ]  # a method
    assert told == [f"{name}: not started" for name in names]


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    path = tmp_path / "01_lesson.py"
    path.write_text(LESSON)
    return path


def read(folder: Path) -> NotebookNode:
    return nbformat.read(folder / "01_lesson.ipynb", as_version=4)


def test_solutions_and_outputs_are_left_out(lesson: Path, tmp_path: Path):
    assert write(lesson, tmp_path / "student")
    page = read(tmp_path / "student")
    nbformat.validate(page)
    assert [cell.source.splitlines()[0] for cell in page.cells] == [
        "# A lesson",
        "def my_sum(a, b):",
        'print("the end")',
    ]
    assert all(cell.outputs == [] for cell in page.cells if cell.cell_type == "code")


def test_an_edition_that_was_only_run_is_written_again(lesson: Path, tmp_path: Path):
    write(lesson, tmp_path)
    page = read(tmp_path)
    page.cells[2].outputs = [nbformat.v4.new_output("stream", text="the end\n")]
    nbformat.write(page, tmp_path / "01_lesson.ipynb")
    lesson.write_text(LESSON.replace("the end", "a new end"))
    assert write(lesson, tmp_path)
    assert read(tmp_path).cells[2].source == 'print("a new end")'


def test_what_a_student_wrote_is_kept(lesson: Path, tmp_path: Path):
    write(lesson, tmp_path)
    page = read(tmp_path)
    page.cells[1].source = "def my_sum(a, b):\n    return b + a"
    nbformat.write(page, tmp_path / "01_lesson.ipynb")
    before = (tmp_path / "01_lesson.ipynb").read_bytes()
    assert not write(lesson, tmp_path)
    assert (tmp_path / "01_lesson.ipynb").read_bytes() == before


def test_the_command_says_what_it_did(lesson: Path, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(make_student, "sources", lambda names: [lesson])
    monkeypatch.setattr(make_student, "write", lambda source: write(source, tmp_path))
    assert make_student.main([]) == 0
    page = read(tmp_path)
    page.cells[1].source = "my work"
    nbformat.write(page, tmp_path / "01_lesson.ipynb")
    make_student.main([])
    assert capsys.readouterr().out == (
        "student/01_lesson.ipynb written\n"
        "student/01_lesson.ipynb holds a student's work and is kept; move it for a new one\n"
    )
