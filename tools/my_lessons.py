"""Write the learner's own copy of the lessons into `my_lessons/`: without outputs, solutions folded.

    python tools/my_lessons.py                  the lessons that are not there yet
    python tools/my_lessons.py --fresh 03       lesson 03 anew; the old page is kept beside the new one
    python tools/my_lessons.py --to ~/lessons   into another folder, where many share one course that is read-only

What is in `my_lessons/` belongs to the learner and is never overwritten, whatever it is. When a lesson has changed in
`notebooks/` since its copy was made, this is said once.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import count
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from llama_lessons.files import COURSE, MARK, atomic
from tools.notebook_files import fingerprint, read_source, sources

MY_LESSONS = COURSE / "my_lessons"
TOLD = ".told.json"  # in that folder: lesson -> fingerprint of the newest version that its reader was told of


def blank_page(source: Path, solutions: bool = True) -> NotebookNode:
    """A lesson to work in: no outputs, and no .py that Jupyter would keep in step with it, whatever its settings.

    Args:
        source: a percent script.
        solutions: keep the folded solutions.
    """
    notebook = read_source(source)
    if not solutions:
        notebook.cells = [cell for cell in notebook.cells if "solution" not in cell.metadata.get("tags", [])]
    notebook.metadata["jupytext"] = {"formats": "ipynb"}
    notebook.metadata["fingerprint"] = fingerprint(notebook)
    return notebook


def save(page: Path, notebook: NotebookNode) -> None:
    """Write a page; what stood there is replaced."""
    with atomic(page) as draft:
        draft.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    (page.parent / MARK).touch()


def complete(lessons: list[Path], folder: Path = MY_LESSONS) -> list[str]:
    """Write the pages that are not there.

    Args:
        lessons: percent scripts.
        folder: where the learner works.

    Returns:
        What the learner should know, in sentences; nothing if nothing is new.
    """
    told, news = _read(folder / TOLD), []
    for source in lessons:
        page, notebook = folder / f"{source.stem}.ipynb", blank_page(source)
        if not page.exists():
            save(page, notebook)
            news.append(f"{folder.name}/{page.name} written")
            continue
        made_from, newest = _read(page).get("metadata", {}).get("fingerprint"), notebook.metadata.fingerprint
        if made_from and newest not in (made_from, told.get(source.stem)):
            told[source.stem] = newest
            news.append(_changed(f"{folder.name}/{page.name}", source.stem.partition("_")[0]))
    if told != _read(folder / TOLD):
        with atomic(folder / TOLD) as draft:
            draft.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    (folder / MARK).touch()  # copies of older versions have none
    return news


def start_anew(source: Path, folder: Path = MY_LESSONS) -> str:
    """Write a lesson's page; the one that is there gets a name of its own beside it.

    Args:
        source: a percent script.
        folder: where the learner works.

    Returns:
        What was done, in a sentence.
    """
    page, notebook = folder / f"{source.stem}.ipynb", blank_page(source)
    if not page.exists():
        save(page, notebook)
        return f"{folder.name}/{page.name} written"
    names = (page.with_stem(f"{source.stem}_old{number}") for number in count(1))
    old = next(name for name in names if not name.exists())
    page.rename(old)
    save(page, notebook)
    return f"{folder.name}/{page.name} begins anew; what was there is now {folder.name}/{old.name}"


def _changed(page: str, number: str) -> str:
    return (
        f"{page} is kept as it is, but the lesson in notebooks/ has changed since. To take the new one, and keep yours "
        f"beside it: make fresh LESSON={number}, or python tools/my_lessons.py --fresh {number}"
    )


def _read(file: Path) -> dict:
    """What a JSON file holds; nothing where there is none, or none that can be read."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and do what it says; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the lessons, without outputs, into my_lessons/.")
    names = "how the names of lessons begin that shall start anew: 03 or 03_rope; the old pages are kept beside them"
    parser.add_argument("--fresh", nargs="*", metavar="LESSON", help=names)
    parser.add_argument(
        "--to", type=Path, default=MY_LESSONS, metavar="FOLDER", help="default: my_lessons/ of the course"
    )
    options = parser.parse_args(arguments)
    folder = options.to.expanduser()
    if options.fresh == []:
        parser.error("--fresh needs a lesson: --fresh 03, or make fresh LESSON=03")
    try:
        lessons = sources(options.fresh)
        news = [start_anew(lesson, folder) for lesson in lessons] if options.fresh else complete(lessons, folder)
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"{folder} cannot be written ({error.strerror}): name a folder of your own with --to")
    print("".join(f"{line}\n" for line in news), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
