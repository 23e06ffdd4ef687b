"""What a lesson's page must be, as rules: each takes a notebook and says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from nbformat import NotebookNode

from llama_lessons.files import COURSE
from tools.notebook_outputs import PICTURES, WIDGET_VIEW

MAX_LINES = 25  # of a code cell
MAX_IGNORED = 2  # cells whose output nbval does not compare
MACHINE_PATH = re.compile(rf"(?<![\w.~/-])/(?:home|root|tmp|Users)/|[A-Z]:\\+Users|{re.escape(str(COURSE))}")
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
MARKDOWN_IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\(")
HTML_IMAGE = re.compile(r"<img\b[^>]*>")
DESCRIBED = re.compile(r"""\balt\s*=\s*["'][^"']*\w""")

Rule = Callable[[NotebookNode], Iterator[str]]
RULES: dict[str, Rule] = {}


def rule(check: Rule) -> Rule:
    """Put a function among the rules, under its name in words."""
    RULES[check.__name__.replace("_", " ")] = check
    return check


def _code(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """The code cells, each with its place in the notebook."""
    return [(number, cell) for number, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def _outputs(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    for number, cell in _code(notebook):
        for output in cell.outputs:
            yield number, output


def _printed(output: NotebookNode) -> str:
    """All text of an output, pictures left out."""
    values = {kind: value for kind, value in output.get("data", {}).items() if kind not in PICTURES}
    return f"{output.get('text', '')}\n{output.get('evalue', '')}\n{values}"


@rule
def it_ran_from_the_first_cell_to_the_last(notebook: NotebookNode) -> Iterator[str]:
    """nbval compares nothing in a cell without a count, and says nothing about it."""
    for count, (number, cell) in enumerate(_code(notebook), start=1):
        if cell.execution_count != count:
            yield f"cell {number} has the count {cell.execution_count}, not {count}"


@rule
def no_error_is_stored(notebook: NotebookNode) -> Iterator[str]:
    for number, output in _outputs(notebook):
        if output.output_type == "error" or output.get("name") == "stderr":
            yield f"cell {number}: {_printed(output).strip()[:200]}"


@rule
def no_widget_state_is_stored(notebook: NotebookNode) -> Iterator[str]:
    if "widgets" in notebook.metadata:
        yield "the notebook's metadata hold widgets"
    for number, output in _outputs(notebook):
        if WIDGET_VIEW in output.get("data", {}):
            yield f"cell {number} names a widget of one kernel"


@rule
def nothing_names_this_machine(notebook: NotebookNode) -> Iterator[str]:
    texts = [(number, cell.source) for number, cell in enumerate(notebook.cells)]
    texts += [(number, _printed(output)) for number, output in _outputs(notebook)]
    for number, text in texts:
        if found := MACHINE_PATH.search(text):
            yield f"cell {number} holds the path {text[found.start() : found.end() + 20]}"


@rule
def no_memory_address_is_shown(notebook: NotebookNode) -> Iterator[str]:
    for number, output in _outputs(notebook):
        if found := ADDRESS.search(_printed(output)):
            yield f"cell {number} shows {found.group()}"


@rule
def cells_are_short(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in _code(notebook):
        if (lines := len(cell.source.splitlines())) > MAX_LINES:
            yield f"cell {number} has {lines} lines, more than {MAX_LINES}"


@rule
def cells_begin_and_end_with_text(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells):
        if not cell.source.strip() or cell.source != cell.source.strip("\n"):
            yield f"cell {number} is empty, or begins or ends with an empty line"


@rule
def no_cell_ends_with_a_semicolon(notebook: NotebookNode) -> Iterator[str]:
    """It hides a value in JupyterLab, but not under nbval: write `_ = value`."""
    for number, cell in _code(notebook):
        if cell.source.rstrip().endswith(";"):
            yield f"cell {number}"


@rule
def every_picture_is_described(notebook: NotebookNode) -> Iterator[str]:
    """Outputs by `page.show(figure, alt=...)`, pictures in Markdown by the text in their brackets."""
    for number, output in _outputs(notebook):
        for kind in set(PICTURES) & set(output.get("data", {})):
            if not output.metadata.get(kind, {}).get("alt", "").strip():
                yield f"cell {number} draws a picture without an alt text"
        if any(not DESCRIBED.search(tag) for tag in HTML_IMAGE.findall(output.get("data", {}).get("text/html", ""))):
            yield f"cell {number} prints an <img> without an alt text"
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            bare = any(not image["alt"].strip() for image in MARKDOWN_IMAGE.finditer(cell.source))
            if bare or any(not DESCRIBED.search(tag) for tag in HTML_IMAGE.findall(cell.source)):
                yield f"cell {number} shows a picture without an alt text"


@rule
def outputs_are_ignored_rarely_and_with_a_reason(notebook: NotebookNode) -> Iterator[str]:
    """By the tag `nbval-ignore-output`; the cell's first line is a comment that says why."""
    ignored = [(n, cell) for n, cell in _code(notebook) if "nbval-ignore-output" in cell.metadata.get("tags", [])]
    if len(ignored) > MAX_IGNORED:
        yield f"{len(ignored)} cells are ignored, more than {MAX_IGNORED}"
    for number, cell in ignored:
        if not re.match(r"# \w+", cell.source):
            yield f"cell {number} is ignored, and its first line is no comment that says why"
    for number, cell in _code(notebook):
        if "NBVAL_" in cell.source or "nbval-skip" in cell.metadata.get("tags", []):
            yield f"cell {number} escapes nbval in another way than the tag nbval-ignore-output"


@rule
def it_has_a_title_and_a_set_up(notebook: NotebookNode) -> Iterator[str]:
    if not notebook.cells[0].source.startswith("# "):
        yield "the first cell is no title"
    if not re.match(
        r"(#.*\n)*from llama_lessons\.page import [\w, ]+\n\nsetup\(\)(\n|$)", _code(notebook)[0][1].source
    ):
        yield "the first code cell does not begin with setup(), which readies the kernel before torch and others load"


@rule
def it_ends_with_what_to_read(notebook: NotebookNode) -> Iterator[str]:
    """The last cell names files of llama_lessons/, where the finished version lives, and they exist."""
    last = notebook.cells[-1]
    named = re.findall(r"\bllama_lessons/[\w/.]*\w", last.source)
    if last.cell_type != "markdown" or not named:
        yield "the last cell names no file of llama_lessons/ to read"
    for name in named:
        if not (COURSE / name).exists():
            yield f"the last cell names {name}, which does not exist"
