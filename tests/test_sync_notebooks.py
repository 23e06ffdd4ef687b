"""An edit of a lesson's source or page reaches the other one, and none is lost, whatever the files' times say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class
from nbformat import NotebookNode

from llama_lessons.files import COURSE
from tools import sync_notebooks
from tools.build_notebooks import BuildError, build
from tools.notebook_files import difference
from tools.sync_notebooks import BothEditedError, sync

LESSON = '# %% [markdown]\n# # A lesson\n\n# %%\nprint("one")\n\n# %% tags=["solution"]\nprint("two")\n'


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A source and its page, as the builder leaves them."""
    source = tmp_path_factory.mktemp("built") / "01_lesson.py"
    source.write_text(LESSON)
    build(source)
    return source.read_text(), source.with_suffix(".ipynb").read_text()


@pytest.fixture(params=["source older", "page older"])
def source(built: tuple[str, str], tmp_path: Path, request) -> Path:
    """A lesson of which either file may be the older one."""
    source = tmp_path / "01_lesson.py"
    source.write_text(built[0])
    source.with_suffix(".ipynb").write_text(built[1])
    os.utime(source if request.param == "source older" else source.with_suffix(".ipynb"), (0, 0))
    return source


def page(source: Path) -> NotebookNode:
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def printed(source: Path) -> list[str]:
    return ["".join(output.text for output in cell.outputs) for cell in page(source).cells if cell.cell_type == "code"]


def rewrite_later(path: Path, text: str) -> None:
    """Change a file without a change of its time, as a copied folder would look."""
    time = path.stat().st_mtime
    path.write_text(text)
    os.utime(path, (time, time))


def edit_source(source: Path) -> None:
    rewrite_later(source, source.read_text().replace("one", "1"))


def edit_page(source: Path) -> None:
    """As JupyterLab saves it: an answer, a cell more with an id of its own, and notes of the kernel's and its own."""
    notebook = page(source)
    notebook.cells[2].source = 'print("II")'
    notebook.cells[1].metadata["editable"] = True
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell("More."))
    notebook.metadata.language_info["version"] = "3.11.7"
    rewrite_later(source.with_suffix(".ipynb"), nbformat.writes(notebook))


def test_what_is_in_sync_is_left_as_it_is(source: Path, built: tuple[str, str]):
    assert sync(source) == "in sync"
    assert (source.read_text(), source.with_suffix(".ipynb").read_text()) == built


def test_page_follows_an_edited_source_and_keeps_its_other_outputs(source: Path):
    edit_source(source)
    assert sync(source) == "01_lesson.ipynb follows 01_lesson.py"
    assert difference(source) is None and page(source).cells[1].source == 'print("1")'
    assert printed(source) == ["", "two\n"]
    assert sync(source) == "in sync"


def test_source_follows_an_edited_page(source: Path, built: tuple[str, str]):
    edit_page(source)
    assert sync(source) == "01_lesson.py follows 01_lesson.ipynb"
    text = built[0].replace('"two"', '"II"').replace("# # A lesson\n", "# # A lesson\n\n# %% [markdown]\n# More.\n")
    assert source.read_text() == text
    assert difference(source) is None and "version" not in page(source).metadata.language_info
    assert sync(source) == "in sync"


def test_of_a_lesson_that_was_edited_twice_nothing_is_lost(source: Path):
    edit_source(source)
    edit_page(source)
    before = source.read_bytes(), source.with_suffix(".ipynb").read_bytes()
    with pytest.raises(BothEditedError, match=r"01_lesson.py and 01_lesson.ipynb were both edited"):
        sync(source)
    assert (source.read_bytes(), source.with_suffix(".ipynb").read_bytes()) == before


def test_builder_does_not_write_over_an_edited_page(source: Path):
    edit_page(source)
    before = source.with_suffix(".ipynb").read_bytes()
    with pytest.raises(BuildError, match=r"01_lesson.ipynb was edited, and 01_lesson.py does not have the edit"):
        build(source)
    assert source.with_suffix(".ipynb").read_bytes() == before


def test_the_command_names_every_lesson_and_fails_where_it_could_not(source: Path, tmp_path: Path, monkeypatch, capsys):
    new = tmp_path / "02_new.py"
    new.write_text(LESSON)
    monkeypatch.setattr(sync_notebooks, "sources", lambda: [source, new])
    edit_source(source)
    assert sync_notebooks.main() == 0
    edit_page(source)
    edit_source(source)
    rewrite_later(source, source.read_text().replace('"1"', '"3"'))
    assert sync_notebooks.main() == 1
    assert capsys.readouterr().out.startswith(
        "01_lesson: 01_lesson.ipynb follows 01_lesson.py\n02_new: has no page yet, `make lessons` writes it\n"
        "01_lesson: FAILED\n01_lesson.py and 01_lesson.ipynb were both edited since `make lessons`"
    )


def test_opening_and_saving_in_jupyter_takes_no_edit_from_either_file(source: Path, tmp_path: Path):
    """With jupytext's own pairing the newer .py takes what was typed into the page, or the page does not open."""
    shutil.copy(COURSE / "pyproject.toml", tmp_path)
    edit_page(source)
    before, name = source.read_bytes(), source.with_suffix(".ipynb").name
    manager = build_sync_jupytext_contents_manager_class(LargeFileManager)()
    manager.root_dir = str(tmp_path)
    opened = manager.get(name)
    manager.save(opened, name)
    assert opened["content"]["cells"][3]["source"] == page(source).cells[3].source == 'print("II")'
    assert source.read_bytes() == before
