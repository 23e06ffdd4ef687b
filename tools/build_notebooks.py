"""Run the lessons and save what they print: the source notebooks/NN_name.py becomes the page notebooks/NN_name.ipynb.

    python tools/build_notebooks.py               run every lesson
    python tools/build_notebooks.py 01 03         run the lessons whose names begin like this
    python tools/build_notebooks.py --check       run nothing, only say whether each page has its source's cells

Twice in a row leaves no difference: cells are named by their content, nothing random or dated is stored, and an output
that is as good as the old one is not replaced by it (a picture that differs by a shade, a time that was measured).
`--fresh` replaces all of them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from copy import deepcopy
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from llama_lessons.page import BUILDING
from tools.notebook_files import difference, fingerprint, read_source, sources, write_text
from tools.notebook_outputs import keep_outputs, tidy

CELL_TIMEOUT = 300  # seconds
ENVIRONMENT = {
    BUILDING: "1",
    "LLAMA_LESSONS_DEVICE": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTEST_CURRENT_TEST": "build",  # ipykernel then leaves file descriptors 1 and 2 alone, as it does under nbval
    "PYTHONHASHSEED": "0",
    "TQDM_DISABLE": "1",
}


class BuildError(Exception):
    """A lesson did not run to its end, or must not be run; the message names the lesson and what is wrong."""


def build(source: Path, fresh: bool = False) -> bool:
    """Run a lesson in a kernel of its own and write its page, and its source as jupytext would write it.

    Args:
        source: a percent script.
        fresh: replace also the outputs that are as good as before.

    Returns:
        Whether the page changed.

    Raises:
        BuildError: a cell failed, the page holds an edit that the source has not, or one of the two was edited while
            the lesson ran; both are left as they are.
    """
    page = source.with_suffix(".ipynb")
    before = _contents(source, page)
    notebook = read_source(source)
    old = nbformat.read(page, as_version=4) if page.exists() else None
    metadata = deepcopy(notebook.metadata)
    if old and fingerprint(old) not in (metadata.fingerprint, old.metadata.get("fingerprint", fingerprint(old))):
        raise BuildError(f"{page.name} was edited, and {source.name} does not have the edit: `make sync` first")
    run(notebook, source)
    if _contents(source, page) != before:
        raise BuildError(f"{source.name} or {page.name} was edited while the lesson ran: build it again")
    notebook["metadata"] = metadata  # the run notes the version of Python
    tidy(notebook)
    if old and not fresh:
        keep_outputs(notebook, old)
    nbformat.validate(notebook)
    changed = write_text(page, nbformat.writes(notebook) + "\n")
    write_text(source, jupytext.writes(notebook, fmt="py:percent"))
    return changed


def _contents(*files: Path) -> list[bytes | None]:
    return [file.read_bytes() if file.exists() else None for file in files]


def run(notebook: NotebookNode, source: Path, **environment: str) -> None:
    """Run a page in a kernel of its own; its outputs come into the notebook.

    Args:
        notebook: the page.
        source: the script that it comes from; it runs where that lies.
        environment: variables of the kernel, besides those that make all builds alike.

    Raises:
        BuildError: a cell failed.
    """
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(source.parent)}},
    )
    try:
        with tempfile.TemporaryDirectory(prefix="llama_lessons_ipython_") as profile:  # not the user's own
            client.execute(env={**os.environ, **ENVIRONMENT, **environment, "IPYTHONDIR": profile})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        number = next(k for k, cell in enumerate(notebook.cells) if _failed(cell))
        raise BuildError(f"{source.name}, cell {number}:\n{notebook.cells[number].source}\n\n{error}") from None


def _failed(cell: NotebookNode) -> bool:
    if cell.cell_type != "code":
        return False
    return cell.execution_count is None or any(output.output_type == "error" for output in cell.outputs)


def _check(chosen: list[Path]) -> int:
    troubles = {source.name: difference(source) for source in chosen}
    for name, trouble in troubles.items():
        print(f"{name}: {trouble or 'in sync'}")
    return int(any(troubles.values()))


def _build_all(chosen: list[Path], fresh: bool) -> int:
    failures = 0
    for source in chosen:
        print(f"{source.stem} ... ", end="", flush=True)
        start = time.monotonic()
        try:
            outcome = "changed" if build(source, fresh) else "as before"
        except BuildError as error:
            outcome, failures = f"FAILED, its page is left as it was\n{error}", failures + 1
        print(f"{time.monotonic() - start:.1f} s, {outcome}", flush=True)
    return int(failures > 0)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and do what it says; return the exit status."""
    parser = argparse.ArgumentParser(description="Run the lessons and save their pages.")
    parser.add_argument("names", nargs="*", help="how the lessons' names begin: 01 or 01_tokenizer; default: all")
    parser.add_argument("--check", action="store_true", help="run nothing, only compare sources and pages")
    parser.add_argument("--fresh", action="store_true", help="replace also outputs that are as good as before")
    options = parser.parse_args(arguments)
    try:
        chosen = sources(options.names)
    except ValueError as error:
        parser.error(str(error))
    if options.check:
        return _check(chosen)
    return _build_all(chosen, options.fresh)


if __name__ == "__main__":
    sys.exit(main())
