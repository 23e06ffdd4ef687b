"""JupyterLab as `make lab` opens it: the course's folder and settings, whatever the reader's own Jupyter is set to."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import urllib.request
from pathlib import Path

import nbformat
import pytest
from jupyter_client import KernelManager
from jupyter_server.auth import passwd
from playwright.sync_api import Browser, Page

from llama_lessons.files import COURSE
from tests.browser import OPENED
from tests.lab_server import serve
from tools.my_lessons import complete
from tools.notebook_files import read_source, sources

RECIPES = dict(re.findall(r"^(lab|teach):.*\n\t\$\(RUN\) -m jupyterlab (.*)$", (COURSE / "Makefile").read_text(), re.M))
FIRST = sources()[0].stem
# What readers have in the files of ~/.jupyter, each of which keeps JupyterLab from showing the course.
OWN = """
c.ServerApp.root_dir = c.ServerApp.notebook_dir = c.ServerApp.preferred_dir = {elsewhere!r}
c.FileContentsManager.root_dir = c.ContentsManager.root_dir = {elsewhere!r}
c.FileContentsManager.preferred_dir = "notes"
c.ServerApp.base_url = "/mine/"
c.ServerApp.default_url = c.LabApp.default_url = "/tree"
c.ServerApp.contents_manager_class = "jupytext.TextFileContentsManager"
c.ContentsManager.formats = c.TextFileContentsManager.formats = "ipynb,py:percent"
c.PasswordIdentityProvider.hashed_password = c.ServerApp.password = {password!r}
c.PasswordIdentityProvider.password_required = True
"""


OUTPUTS = (
    "() => window.jupyterapp.shell.currentWidget.content.widgets.flatMap(cell => cell.model.outputs?.toJSON() ?? [])"
)
SAVE = "() => window.jupyterapp.shell.currentWidget.context.save()"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A folder with the course's settings, its first lesson and a copy of it; its path holds a blank."""
    course = tmp_path / "a course"
    for name in ("pyproject.toml", "tools/jupyterlab", f"notebooks/{FIRST}.py", f"notebooks/{FIRST}.ipynb"):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (COURSE / name).is_dir() else shutil.copy
        copy(COURSE / name, course / name)
    complete([course / f"notebooks/{FIRST}.py"], course / "my_lessons")
    return course


def words_of(target: str) -> list[str]:
    """What a target of the Makefile calls JupyterLab with, and what a test needs."""
    words = RECIPES[target].replace("$(CONFIG)", "tools/jupyterlab/config.py").replace("$(FIRST)", f"{FIRST}.ipynb")
    tested = ("--no-browser", "--allow-root", "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True")
    return [*words.replace("$(ARGS)", "").split(), *tested]


def get(url: str) -> tuple[str, bytes]:
    """The address where a request ends, and what is there."""
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.geturl(), answer.read()


@pytest.mark.parametrize("file", ["jupyter_server_config.py", "jupyter_lab_config.py", "jupyter_config.py"])
def test_the_course_opens_whatever_the_reader_s_own_settings_say(course: Path, tmp_path: Path, file: str):
    (tmp_path / "config").mkdir()
    (tmp_path / "elsewhere").mkdir()
    own = OWN.format(elsewhere=str(tmp_path / "elsewhere"), password=passwd("mine"))
    (tmp_path / "config" / file).write_text(own)
    with serve(words_of("lab"), course, tmp_path, timeout=120) as url:
        assert get(f"{url}/")[0] == f"{url}/lab/tree/my_lessons/{FIRST}.ipynb"
        for folder in ("my_lessons", "notebooks"):
            assert json.loads(get(f"{url}/api/contents/{folder}/{FIRST}.ipynb?content=0")[1])["type"] == "notebook"
        schema = json.loads(get(f"{url}/lab/api/settings/@jupyterlab/notebook-extension:tracker")[1])["schema"]
        assert schema["properties"]["windowingMode"]["default"] == "defer"
        schema = json.loads(get(f"{url}/lab/api/settings/@jupyterlab/apputils-extension:notification")[1])["schema"]
        assert schema["properties"]["fetchNews"]["default"] == "false"
    assert (tmp_path / "config" / file).read_text() == own


@pytest.mark.skipif(sys.platform != "linux", reason="asks GNU's OpenMP, which other systems do not have")
def test_idle_threads_of_a_kernel_sleep_however_it_was_started(tmp_path: Path):
    """Two threads that wait for each other by spinning make a lesson take minutes on a busy machine."""
    first = next(cell for cell in read_source(sources(["02"])[0]).cells if cell.cell_type == "code")
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    manager = KernelManager(kernel_name="python3")
    with (tmp_path / "stderr").open("w") as sink:  # OpenMP says there how it was set up, when torch loads it
        manager.start_kernel(env={**environment, "OMP_DISPLAY_ENV": "VERBOSE"}, stderr=sink)
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=120)
        reply = client.execute_interactive(first.source, timeout=120)
        client.stop_channels()
        manager.shutdown_kernel()
    assert reply["content"]["status"] == "ok"
    assert set(re.findall(r"GOMP_SPINCOUNT = '(\d+)'", (tmp_path / "stderr").read_text())) == {"0"}


def open_first(browser: Browser, url: str) -> Page:
    """What the browser shows at JupyterLab's own address, once its kernel is ready."""
    page = browser.new_page()
    page.goto(url)
    assert page.wait_for_function(OPENED, arg=f"{FIRST}.ipynb", timeout=120_000).json_value() == "ready"
    return page


def test_lab_opens_a_page_without_outputs_and_an_answer_typed_there_is_kept(
    browser: Browser, course: Path, tmp_path: Path
):
    file = course / "my_lessons" / f"{FIRST}.ipynb"
    cells = nbformat.read(file, as_version=4).cells
    number = next(k for k, cell in enumerate(cells) if "exercise" in cell.metadata.get("tags", []))
    with serve(words_of("lab"), course, tmp_path, timeout=120) as url:
        page = open_first(browser, url)
        assert page.evaluate(OUTPUTS) == []
        page.wait_for_timeout(2000)  # for questions that JupyterLab asks late
        assert page.locator(".jp-Dialog, .Toastify__toast").count() == 0
        stub = page.locator(".jp-Notebook .jp-Cell").nth(number).locator(".cm-content")
        stub.click()
        page.keyboard.press("Control+End")
        page.keyboard.type("\n# my answer")
        page.evaluate(SAVE)
    assert complete([course / f"notebooks/{FIRST}.py"], file.parent) == []  # `make lab` again
    assert nbformat.read(file, as_version=4).cells[number].source == cells[number].source + "\n# my answer"
    assert [path.name for path in file.parent.glob("[!.]*")] == [file.name]


def test_a_page_that_was_only_looked_at_is_saved_as_it_was(browser: Browser, course: Path, tmp_path: Path):
    file = course / "notebooks" / f"{FIRST}.ipynb"
    before = file.read_bytes()
    with serve(words_of("teach"), course, tmp_path, timeout=120) as url:
        page = open_first(browser, url)
        assert len(page.evaluate(OUTPUTS)) > 10
        assert page.evaluate("() => window.jupyterapp.shell.currentWidget.context.model.dirty"), (
            "the kernel notes itself"
        )
        page.evaluate(SAVE)  # as JupyterLab does by itself after two minutes
    assert file.read_bytes() == before
