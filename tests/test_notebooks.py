"""The lessons' pages: paired with their sources, clean, and small; and proof that each rule can fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.hygiene import RULES, clock_verdicts
from tools.notebook_files import NOTEBOOKS, difference, read_source, sources
from tools.notebook_outputs import WIDGET_VIEW

MAX_BYTES = 300_000
SOURCES = sources()


def test_every_page_has_a_source_and_every_source_a_page():
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {path.stem for path in NOTEBOOKS.glob("*.py")}
    assert {path.stem for path in SOURCES} == {path.stem for path in NOTEBOOKS.glob("*.py")}, "call it NN_name.py"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_page_is_what_the_builder_made_of_its_source(source: Path):
    assert difference(source) is None, "run `make sync`, then `make lessons`"
    page, built = nbformat.read(source.with_suffix(".ipynb"), as_version=4), read_source(source)
    assert [cell.id for cell in page.cells] == [cell.id for cell in built.cells], "run `make lessons`"
    assert page.metadata == built.metadata, "run `make lessons`"


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_page_obeys(source: Path, name: str):
    assert list(RULES[name](nbformat.read(source.with_suffix(".ipynb"), as_version=4))) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_page_is_small(source: Path):
    assert source.with_suffix(".ipynb").stat().st_size <= MAX_BYTES


def good_page() -> NotebookNode:
    """A page that obeys every rule."""
    picture = new_output("display_data", {"image/png": "", "text/plain": "a line"})
    picture.metadata["image/png"] = {"alt": "a line that rises"}
    time = new_code_cell("# the time differs on every machine\ntime.time()", execution_count=3)
    time.metadata["tags"] = ["nbval-ignore-output"]
    cells = [
        new_markdown_cell("# A page\n![a llama on a hill](llama.png)"),
        new_code_cell("from llama_lessons.page import setup\n\nsetup()", execution_count=1),
        new_code_cell("print('fine')", execution_count=2, outputs=[new_output("stream", text="fine\n"), picture]),
        time,
        new_markdown_cell("Read `llama_lessons/page.py`."),
    ]
    return new_notebook(cells=cells)


def put_source(number: int, text: str) -> Callable[[NotebookNode], None]:
    return lambda page: page.cells[number].update(source=text)


def put_output(output: NotebookNode) -> Callable[[NotebookNode], None]:
    return lambda page: page.cells[2].outputs.append(output)


def put_tag(number: int, tag: str) -> Callable[[NotebookNode], None]:
    return lambda page: page.cells[number].metadata.setdefault("tags", []).append(tag)


def shown(kind: str, value: str) -> Callable[[NotebookNode], None]:
    return put_output(new_output("display_data", {kind: value, "text/plain": "x"}))


def ignore_three(page: NotebookNode) -> None:
    for cell in page.cells[1:3]:
        cell.source = f"# because\n{cell.source}"
        cell.metadata["tags"] = ["nbval-ignore-output"]


FASTEST = """def fastest(work):
    times = []
    for _ in range(3):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)
"""

BAD = {
    "it ran from the first cell to the last": [
        lambda page: page.cells[2].update(execution_count=None),
        lambda page: page.cells[2].update(execution_count=7),
    ],
    "no error is stored": [
        put_output(new_output("error", ename="ValueError", evalue="no", traceback=[])),
        put_output(new_output("stream", name="stderr", text="warning")),
    ],
    "no widget state is stored": [
        shown(WIDGET_VIEW, "model 7"),
        lambda page: page.metadata.update(widgets={}),
    ],
    "nothing names this machine": [
        put_output(new_output("stream", text="saved to /tmp/x1/model")),
        shown("text/html", "see /home/ann/course"),
        put_source(2, "open('/Users/ann/text')"),
        put_source(0, "# A page\nC:\\Users\\ann"),
        put_output(new_output("stream", text=str(NOTEBOOKS))),
    ],
    "no memory address is shown": [put_output(new_output("execute_result", {"text/plain": "<X at 0x7f5429153550>"}))],
    "cells are short": [put_source(2, "\n".join(["x = 1"] * 26))],
    "cells begin and end with text": [
        put_source(2, "x = 1\n"),
        put_source(4, "\nRead `llama_lessons/page.py`."),
        put_source(2, ""),
    ],
    "no cell ends with a semicolon": [put_source(2, "plot(x);")],
    "every picture is described": [
        lambda page: page.cells[2].outputs[1].metadata.clear(),
        shown("image/jpeg", ""),
        shown("text/html", '<img src="x.png" alt="">'),
        put_source(0, "# A page\n![](llama.png)"),
        put_source(0, '# A page\n<img src="llama.png">'),
    ],
    "outputs are ignored rarely and with a reason": [
        ignore_three,
        put_tag(2, "nbval-ignore-output"),
        put_tag(2, "nbval-skip"),
        put_source(2, "# NBVAL_IGNORE_OUTPUT\nprint('fine')"),
    ],
    "it has a title and a set up": [
        put_source(0, "A page"),
        put_source(1, "import torch"),
        put_source(1, "import torch\n\nfrom llama_lessons.page import setup\n\nsetup()"),
    ],
    "it ends with what to read": [
        put_source(4, "The end."),
        put_source(4, "Read `llama_lessons/no_such_file.py`."),
        lambda page: page.cells.append(new_code_cell("# llama_lessons/page.py", execution_count=4)),
    ],
    "no verdict depends on the clock": [
        put_source(2, "start = time.time()\nwork()\nassert time.time() - start < 5, start"),
        put_source(2, f"{FASTEST}\nprint(fastest(slow) > 4 * fastest(quick))"),
        put_source(2, f"{FASTEST}\nratio = fastest(slow) / fastest(quick)\nassert ratio, seconds"),
        put_source(2, f"%matplotlib inline\n{FASTEST}\nseconds = {{}}\nseconds[1] = fastest(work)\nseconds[1] < 2"),
        lambda page: [
            put_source(n, text)(page) for n, text in ((2, "a = perf_counter()"), (3, "# because\nx = a < 1"))
        ],
    ],
    "every assert says what it means": [put_source(2, "if x:\n    assert x == 1")],
}


def test_good_page_obeys_every_rule():
    assert {name: list(check(good_page())) for name, check in RULES.items()} == {name: [] for name in RULES}


def test_every_rule_has_pages_that_break_it():
    assert set(BAD) == set(RULES)


@pytest.mark.parametrize(("name", "number"), [(name, number) for name in BAD for number in range(len(BAD[name]))])
def test_bad_page_breaks_its_rule_and_no_other(name: str, number: int):
    page = good_page()
    BAD[name][number](page)
    assert {rule for rule, check in RULES.items() if list(check(page))} == {name}


def test_no_test_judges_the_clock():
    tests = sorted(Path(__file__).parent.rglob("*.py"))
    judged = {path.name: clock_verdicts(path.read_text(encoding="utf-8")) for path in tests}
    assert {name: lines for name, lines in judged.items() if lines} == {}


@pytest.mark.parametrize(
    "code",
    [
        "end = monotonic() + 5\nwhile monotonic() < end and not ready():\n    pass",
        f"{FASTEST}\nprint('seconds:', fastest(work))\nassert x < 3",
        f"{FASTEST}\nmore = [fastest(work), fastest(work)]\nassert len(more) == 2 and x < 3",
        "start, n = time.time(), 3\nassert n == 3",
    ],
)
def test_times_that_are_waited_for_or_shown_are_no_verdict(code: str):
    assert clock_verdicts(code) == []
