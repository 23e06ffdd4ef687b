"""Write the student edition: the lessons without solutions and without outputs, into `student/`.

    python tools/make_student.py               every lesson
    python tools/make_student.py 01 03         the lessons whose names begin like this

How an exercise stands in a lesson's source, notebooks/NN_name.py:

1. A Markdown cell says what to do.
2. A code cell with the tag `exercise` holds the stub, whose body is `raise NotImplementedError("your turn")`, and
   calls its check. Readers write here. The check of an untouched stub prints "not started" and stops nothing.
3. A Markdown cell with one to three folded hints, from a nudge to the line that matters, never the solution.
4. A code cell with the tag `solution`, folded by `source_hidden`, defines the answer under another name (`solved_...`
   for `my_...`: it must not take the place of the reader's own), and calls the same check, so that nbval runs it.
   This edition leaves it out.

Cells after an exercise use what the package or the lesson gives, never the reader's answer, but for those that call
`llama_lessons.my_llama.assemble`: it tries the reader's parts and puts the course's in the place of those that fail.
What a student has changed in `student/` is kept: such a lesson is not written again until its file is moved or deleted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from llama_lessons.files import COURSE
from tools.my_lessons import blank_page, save
from tools.notebook_files import fingerprint, sources

STUDENT = COURSE / "student"


def student_edition(source: Path) -> NotebookNode:
    """A lesson without its solutions and outputs.

    Args:
        source: a percent script.
    """
    return blank_page(source, solutions=False)


def write(source: Path, folder: Path = STUDENT) -> bool:
    """Write one lesson's student edition, unless a student has changed it.

    Args:
        source: a percent script.
        folder: where the edition goes.

    Returns:
        Whether it was written.
    """
    page = folder / f"{source.stem}.ipynb"
    if page.exists() and _was_changed(page):
        return False
    save(page, student_edition(source))
    return True


def _was_changed(page: Path) -> bool:
    try:
        notebook = nbformat.read(page, as_version=4)
    except ValueError:  # no notebook, or a damaged one: not ours to replace
        return True
    return notebook.metadata.get("fingerprint") != fingerprint(notebook)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and do what it says; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the lessons with stubs instead of solutions into student/.")
    parser.add_argument("names", nargs="*", help="how the lessons' names begin: 01 or 01_tokenizer; default: all")
    options = parser.parse_args(arguments)
    try:
        chosen = sources(options.names)
    except ValueError as error:
        parser.error(str(error))
    for source in chosen:
        name = f"student/{source.stem}.ipynb"
        print(
            f"{name} written" if write(source) else f"{name} holds a student's work and is kept; move it for a new one"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
