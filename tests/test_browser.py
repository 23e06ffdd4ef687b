"""Every lesson is run in a real JupyterLab, by a test file of its own; and what the harness notices there."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.browser import Lab
from tools.notebook_files import KERNELSPEC, NOTEBOOKS

TESTS = Path(__file__).parent
RUN_LESSON = r"""lab\.run_lesson\(NOTEBOOKS / "(.*?)\.ipynb"\)"""


def test_every_lesson_is_run_in_a_browser():
    lessons = {path.stem for path in NOTEBOOKS.glob("*.ipynb")}
    run = {name for path in TESTS.glob("test_browser_*.py") for name in re.findall(RUN_LESSON, path.read_text())}
    assert run == lessons, "write tests/test_browser_NN_name.py, which runs it and tries its view"


BREAKS = {
    "a red cell": "1 / 0",
    "an error in the page's own code": "display(Javascript('console.error(\"broken\")'))",
    "a request that leaves the machine": "display(HTML('<img src=\"https://example.com/x.png\">'))",
}


@pytest.mark.parametrize("trouble", BREAKS)
def test_harness_notices(lab: Lab, trouble: str, tmp_path: Path):
    cells = [new_code_cell("from IPython.display import HTML, Javascript, display"), new_code_cell(BREAKS[trouble])]
    notebook = new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC})
    nbformat.write(notebook, tmp_path / "broken.ipynb")
    page = lab.open(tmp_path / "broken.ipynb")
    ran = lab.run_all()
    page.wait_for_timeout(500)  # the request is made, and fails, after the cell has run
    noticed = {
        "a red cell": lab.cell_errors() == ["cell 1: ZeroDivisionError: division by zero"] and not ran,
        "an error in the page's own code": any("broken" in error for error in lab.console_errors),
        "a request that leaves the machine": "https://example.com/x.png" in lab.outside_requests,
    }
    assert [name for name, seen in noticed.items() if seen] == [trouble]


def test_question_of_jupyterlab_is_an_error(lab: Lab, tmp_path: Path):
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), tmp_path / "no_kernel_named.ipynb")
    with pytest.raises(RuntimeError, match=r"(?s)did not open .*no_kernel_named.ipynb.*[Kk]ernel"):
        lab.open(tmp_path / "no_kernel_named.ipynb")
