"""What a lesson's page must be, as rules: each takes a notebook and says what is wrong with it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from IPython.core.inputtransformer2 import TransformerManager
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

CLOCKS = {
    name + unit for name in ("time", "perf_counter", "monotonic", "process_time", "thread_time") for unit in ("", "_ns")
}
GROW = {"append", "extend", "insert", "add"}  # methods that put something into a list or set

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


@rule
def no_verdict_depends_on_the_clock(notebook: NotebookNode) -> Iterator[str]:
    """On a busy machine it would be another: times are shown, in a cell whose output is ignored, and never judged."""
    magics, starts, code = TransformerManager(), {}, ""
    for number, cell in _code(notebook):
        starts[number] = code.count("\n") + 1
        code += magics.transform_cell(cell.source)
    for line in clock_verdicts(code):
        yield f"cell {max(number for number, start in starts.items() if start <= line)} judges a time"


def clock_verdicts(code: str) -> list[int]:
    """Lines of a program that compare or assert something made of a clock's times; loops that wait may do so."""
    reader = _ClockReader(set())
    reader.visit(ast.parse(code))
    return sorted(reader.judged)


class _ClockReader(ast.NodeVisitor):
    """Reads a program from top to bottom and follows what a clock said: through variables, lists and functions.

    Args:
        timed: names that hold a time already, or are functions that give one.
    """

    def __init__(self, timed: set[str]) -> None:
        self.timed, self.judged, self.gives_time = set(timed), set(), False

    def tells_time(self, node: ast.expr | None) -> bool:
        """Whether an expression reads a clock or a timed name; how many times there are is no time."""
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in CLOCKS or name == "len":
                return name != "len"
        if isinstance(node, ast.Name):
            return node.id in self.timed
        return node is not None and any(map(self.tells_time, ast.iter_child_nodes(node)))

    def bind(self, target: ast.expr, value: ast.expr | None, grows: bool = False) -> None:
        """Give a target what an expression says; what only grows keeps the times that it held."""
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for part, its_value in zip(target.elts, value.elts, strict=True):
                self.bind(part, its_value)
        elif isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self.bind(part, value)
        elif isinstance(target, ast.Subscript | ast.Attribute | ast.Starred):
            self.bind(target.value, value, grows=True)
        elif isinstance(target, ast.Name) and self.tells_time(value):
            self.timed.add(target.id)
        elif isinstance(target, ast.Name) and not grows:
            self.timed.discard(target.id)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.bind(target, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        self.bind(node.target, node.value, grows=True)

    def visit_NamedExpr(self, node: ast.NamedExpr | ast.AnnAssign) -> None:
        self.bind(node.target, node.value)
        self.generic_visit(node)

    visit_AnnAssign = visit_NamedExpr

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in GROW:
            self.bind(node.func.value, ast.Tuple(node.args), grows=True)

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        for part in 2 * node.body:  # the second round knows what the first has stored
            self.bind(node.target, node.iter)
            self.visit(part)

    def visit_While(self, node: ast.While) -> None:
        for part in 2 * node.body:
            self.visit(part)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self.bind(node.target, node.iter)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        inner = _ClockReader(
            self.timed - {argument.arg for argument in ast.walk(node.args) if hasattr(argument, "arg")}
        )
        for part in node.body:
            inner.visit(part)
        self.judged |= inner.judged
        self.timed = self.timed | {node.name} if inner.gives_time else self.timed - {node.name}

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        inner = _ClockReader(self.timed)
        inner.generic_visit(node)
        self.judged |= inner.judged

    def visit_Return(self, node: ast.Return) -> None:
        self.generic_visit(node)
        self.gives_time |= self.tells_time(node.value)

    visit_Yield = visit_Return

    def visit_Compare(self, node: ast.Compare) -> None:
        self.generic_visit(node)
        self.judged |= {node.lineno} if self.tells_time(node) else set()

    def visit_Assert(self, node: ast.Assert) -> None:
        self.generic_visit(node)
        self.judged |= {node.lineno} if self.tells_time(node.test) else set()


@rule
def every_assert_says_what_it_means(notebook: NotebookNode) -> Iterator[str]:
    """A reader whose run differs would see `AssertionError` and nothing else."""
    for number, cell in _code(notebook):
        code = ast.walk(ast.parse(TransformerManager().transform_cell(cell.source)))
        bare = [node for node in code if isinstance(node, ast.Assert) and node.msg is None]
        if bare:
            yield f"cell {number} asserts {ast.unparse(bare[0].test)} without a message"
