"""Bring each lesson's source, notebooks/NN_name.py, and its page, NN_name.ipynb, together after one of them was edited.

    python tools/sync_notebooks.py

Which of the two was edited is read from the page, which carries the fingerprint of the cells it was written with: times
of files say nothing after a copy or a checkout. Where both were, nothing is changed and the lesson is named.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
import nbformat

from tools.notebook_files import fingerprint, name_cells, read_source, sources, write_text


class BothEditedError(Exception):
    """A source and its page were both edited; the message names them and says what to do."""


def sync(source: Path) -> str:
    """Carry an edit from a lesson's page to its source, or the other way.

    Args:
        source: a percent script, whose page lies beside it.

    Returns:
        Which file followed which, in a few words.

    Raises:
        BothEditedError: neither may be overwritten; both are left as they are.
    """
    path = source.with_suffix(".ipynb")
    if not path.exists():
        return "has no page yet, `make lessons` writes it"
    lesson, page = read_source(source), nbformat.read(path, as_version=4)
    ours, theirs, written = lesson.metadata.fingerprint, fingerprint(page), page.metadata.get("fingerprint")
    outcome = "in sync" if ours == theirs else f"{path.name} follows {source.name}"
    if ours != theirs != written:
        if ours != written:
            raise BothEditedError(
                f"{source.name} and {path.name} were both edited since `make lessons`: neither can follow. "
                f"Take the page's edit over into {source.name} by hand, then `git checkout` the page"
            )
        page.metadata = lesson.metadata
        write_text(source, jupytext.writes(page, fmt="py:percent"))
        lesson, outcome = read_source(source), f"{source.name} follows {path.name}"
    name_cells(page)
    before = {cell.id: cell for cell in page.cells if cell.cell_type == "code"}
    for cell in lesson.cells:
        if cell.id in before:
            cell["outputs"], cell["execution_count"] = before[cell.id].outputs, before[cell.id].execution_count
    write_text(path, nbformat.writes(lesson) + "\n")
    return outcome


def main() -> int:
    """Bring all lessons together; return the exit status."""
    failures = 0
    for source in sources():
        try:
            outcome = sync(source)
        except BothEditedError as error:
            outcome, failures = f"FAILED\n{error}", failures + 1
        print(f"{source.stem}: {outcome}")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
