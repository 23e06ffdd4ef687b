"""Fixtures that more than one test file uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser

from llama_lessons.files import work_dir
from llama_lessons.tokenizer import Tokenizer
from tests.browser import Lab, find_chromium, launch
from tests.lab_server import jupyterlab

settings.register_profile("course", deadline=None)  # an example that takes long shows a busy machine, not a mistake
settings.load_profile("course")


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A small tokenizer: 300 pieces, learned from one sentence."""
    text = "the llama hums on the hill and the other llama hums back " * 20
    return Tokenizer.train([text], 300, tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium, one in each process, for playwright can start only once; skips where there is none."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            pytest.skip("no browser: install chromium, or run `playwright install chromium`")
        browser = launch(playwright, path)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A JupyterLab server's address and its root folder."""
    home: Path = tmp_path_factory.mktemp("jupyterlab")
    with jupyterlab(home) as url:
        yield url, home / "root"


@pytest.fixture
def lab(browser: Browser, lab_server: tuple[str, Path]) -> Iterator[Lab]:
    """A tab in a real JupyterLab: `lab.open(notebook)`, then `lab.run_all()`; see `tests/browser.py`."""
    url, root = lab_server
    shots = work_dir() / "screenshots"
    shots.mkdir(exist_ok=True)
    tab = Lab(browser.new_page(), url, root, shots)
    yield tab
    tab.close()
