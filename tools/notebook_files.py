"""The pages' files: a source in percent format, notebooks/NN_name.py, and beside it its page, NN_name.ipynb.

They are the lessons, which have numbers, and two pages that have none: `demo` and `ledger`.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME
from nbformat import NotebookNode

from llama_lessons.files import COURSE, atomic

NOTEBOOKS = COURSE / "notebooks"
UNNUMBERED = ("demo.py", "ledger.py")  # pages that are no lessons
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": NATIVE_KERNEL_NAME}
KEPT = ("tags", "slideshow", "jupyter")  # of a cell's metadata: what cell_metadata_filter of pyproject.toml names
LANGUAGE = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python", "pygments_lexer": "ipython3"}


def sources(names: list[str] | None = None) -> list[Path]:
    """The pages' .py files in order, all or those whose names begin with one of `names`; the other pages come last.

    Raises:
        ValueError: a name fits no lesson.
    """
    others = [NOTEBOOKS / name for name in UNNUMBERED]
    found = [*sorted(NOTEBOOKS.glob("[0-9]*.py")), *(other for other in others if other.exists())]
    for name in names or []:
        if not any(path.stem.startswith(name) for path in found):
            raise ValueError(f"no lesson begins with {name!r}; there are {', '.join(p.stem for p in found) or 'none'}")
    return [path for path in found if not names or path.stem.startswith(tuple(names))]


def lessons() -> list[Path]:
    """The lessons' .py files in order; pages that are no lessons have no number."""
    return [source for source in sources() if source.stem[0].isdigit()]


def read_source(source: Path) -> NotebookNode:
    """A percent script as a notebook without outputs, the same in every build.

    Args:
        source: the script; its head does not count, pyproject.toml says what pairing keeps.

    Returns:
        The notebook, each cell with an id made from its content, and its metadata with a `fingerprint` of them all.
    """
    settings = tomllib.loads((COURSE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["jupytext"]
    notebook = jupytext.read(source)
    notebook["metadata"] = NotebookNode(
        fingerprint=fingerprint(notebook), jupytext=settings, kernelspec=KERNELSPEC, language_info=LANGUAGE
    )
    name_cells(notebook)
    return notebook


def name_cells(notebook: NotebookNode) -> None:
    """Give every cell an id made from its content, so that ids are the same on every machine."""
    seen = Counter()
    for cell in notebook.cells:
        digest = hashlib.sha1(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] += 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def fingerprint(notebook: NotebookNode) -> str:
    """A mark of what the cells say, with what a source holds of their metadata; running them does not change it.

    A page carries in its metadata the mark that it was written with: when the two differ, somebody has edited the page.
    """
    cells = [
        (cell.cell_type, cell.source, {key: cell.metadata[key] for key in KEPT if cell.metadata.get(key)})
        for cell in notebook.cells
    ]
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()[:16]


def difference(source: Path) -> str | None:
    """What keeps a page from having its source's cells: kind, text and metadata, one by one; None when nothing does."""
    page = source.with_suffix(".ipynb")
    if not page.exists():
        return f"{page.name} does not exist"
    ours, theirs = (
        [(cell.cell_type, cell.source, dict(cell.metadata)) for cell in notebook.cells]
        for notebook in (read_source(source), nbformat.read(page, as_version=4))
    )
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
        if mine != other:
            return f"cell {number} of {page.name} is not that of {source.name}"
    return None if len(ours) == len(theirs) else f"{page.name} has {len(theirs)} cells, {source.name} {len(ours)}"


def write_text(path: Path, text: str) -> bool:
    """Write a text where it differs from what is there; return whether it did."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    with atomic(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return True
