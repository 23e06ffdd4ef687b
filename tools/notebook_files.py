"""The lessons' files: a source, notebooks/NN_name.py in percent format, and beside it its page, NN_name.ipynb."""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME
from nbformat import NotebookNode

from llama_lessons.files import COURSE

NOTEBOOKS = COURSE / "notebooks"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": NATIVE_KERNEL_NAME}
LANGUAGE = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python", "pygments_lexer": "ipython3"}


def sources(names: list[str] | None = None) -> list[Path]:
    """The lessons' .py files in order, all or those whose names begin with one of `names`.

    Raises:
        ValueError: a name fits no lesson.
    """
    found = sorted(NOTEBOOKS.glob("[0-9]*.py"))
    for name in names or []:
        if not any(path.stem.startswith(name) for path in found):
            raise ValueError(f"no lesson begins with {name!r}; there are {', '.join(p.stem for p in found) or 'none'}")
    return [path for path in found if not names or path.stem.startswith(tuple(names))]


def read_source(source: Path) -> NotebookNode:
    """A percent script as a notebook without outputs, the same in every build.

    Args:
        source: the script; its head does not count, pyproject.toml says what pairing keeps.

    Returns:
        The notebook, each cell with an id made from its content.
    """
    settings = tomllib.loads((COURSE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["jupytext"]
    notebook, seen = jupytext.read(source), Counter()
    pairing = {name: value for name, value in settings.items() if name.endswith("_metadata_filter")}
    notebook["metadata"] = NotebookNode(jupytext=pairing, kernelspec=KERNELSPEC, language_info=LANGUAGE)
    for cell in notebook.cells:
        digest = hashlib.sha1(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] += 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return notebook


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
