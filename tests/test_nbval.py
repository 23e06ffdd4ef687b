"""`pytest --nbval` takes its settings from the course, whatever the user, the machine and the directory bring."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools.notebook_files import KERNELSPEC

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = "print(os.environ['LLAMA_LESSONS_DEVICE'], repr(os.environ['CUDA_VISIBLE_DEVICES']))"
PRINTED = {  # code -> what the page has stored
    f"import os\nimport sys\n\n{ENVIRONMENT}": "cpu ''\n",
    "print(f'{sys._getframe().f_code.co_filename}:1')": "/elsewhere/ipykernel_77/1234.py:1\n",
    "print(sys.flags.hash_randomization)": "0\n",
    "from tqdm import tqdm\n\nprint(sum(tqdm([1, 2])))": "3\n",
}


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A folder with the course's settings and one page; its path holds blanks."""
    course = tmp_path / "a course"
    (course / "tools").mkdir(parents=True)
    for name in ("conftest.py", "pyproject.toml", "tools/nbval_sanitize.cfg"):
        shutil.copy(ROOT / name, course / name)
    cells = [
        new_code_cell(code, execution_count=count, outputs=[new_output("stream", text=text)])
        for count, (code, text) in enumerate(PRINTED.items(), start=1)
    ]
    (course / "notebooks").mkdir()
    nbformat.write(
        new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC}), course / "notebooks" / "01_page.ipynb"
    )
    return course


def run(course: Path, cwd: Path, *options: str) -> subprocess.CompletedProcess:
    """Run pytest on the course's pages, for a user who has a start-up file for IPython, and a GPU."""
    startup = course / "profile" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "hello.py").write_text("import sys\nsys.ps1 = print = lambda *words: None\n")
    outer = ("PYTEST_", "LLAMA_", "OMP_", "TQDM_", "PYTHONHASHSEED")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    environment |= {"IPYTHONDIR": str(course / "profile"), "CUDA_VISIBLE_DEVICES": "0", "TMPDIR": str(course)}
    command = [sys.executable, "-m", "pytest", "--nbval", str(course / "notebooks"), "-q", *options]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_nbval_compares_under_the_course_s_settings_from_another_directory(course: Path):
    done = run(course, course.parent)
    assert done.returncode == 0, done.stdout
    assert f"{len(PRINTED)} passed" in done.stdout
    assert list(course.glob("llama_lessons_ipython_*")) == [], "the temporary profile was left behind"


def test_nbval_keeps_a_page_together_with_two_workers(course: Path):
    done = run(course, course / "notebooks", "-n", "2")
    assert done.returncode == 0, done.stdout


def test_nbval_is_strict(course: Path):
    page = course / "notebooks" / "01_page.ipynb"
    page.write_text(page.read_text().replace("3\\n", "4\\n"))
    assert "3 passed" in run(course, course).stdout
