"""A JupyterLab server for tests: alone with itself, without this user's settings, tokens, news or updates."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SERVER = (
    "--no-browser",
    "--allow-root",
    "--ServerApp.port_retries=0",
    "--IdentityProvider.token=",
    "--ServerApp.password=",
    "--LabApp.expose_app_in_browser=True",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",  # the other one asks PyPI
)
DISABLED = {
    "@jupyterlab/apputils-extension:announcements": True,  # asks in a pop-up whether to fetch news
    "@jupyterlab/debugger-extension": True,  # asks a kernel that is restarting for its state, then logs an error
}


@contextmanager
def jupyterlab(home: Path, timeout: float = 180) -> Iterator[str]:
    """Run a JupyterLab server that knows nothing of this user's settings.

    Args:
        home: an empty folder for its settings and its log; it serves the folder `root` in it.
        timeout: seconds it may take to answer.

    Yields:
        Its address, without a slash at the end.

    Raises:
        RuntimeError: it did not answer; the message holds its log.
    """
    (home / "root").mkdir()
    (home / "config" / "labconfig").mkdir(parents=True)
    (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps({"disabledExtensions": DISABLED}))
    with serve([f"--ServerApp.root_dir={home / 'root'}", *SERVER], home, home, timeout) as url:
        yield url


@contextmanager
def serve(
    words: Sequence[str],
    folder: Path,
    home: Path,
    timeout: float = 60,
    server: str = "jupyterlab",
    ready: str = "api/status",
) -> Iterator[str]:
    """Run JupyterLab with these words on its command line, in a folder, for a reader whose settings lie below `home`.

    Args:
        words: what stands behind `python -m jupyterlab`.
        folder: the current folder of the server.
        home: holds, or will hold, the folders of Jupyter's files, such as `config`, and the server's log.
        timeout: seconds it may take to answer.
        server: another to run: the name of its module.
        ready: what it is asked for until it answers.

    Yields:
        Its address, without a slash at the end.

    Raises:
        RuntimeError: it did not answer; the message holds its log.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", home / "server.log"
    command = [sys.executable, "-m", server, f"--port={port}", *words]
    with log.open("w") as sink:
        process = subprocess.Popen(command, cwd=folder, env=_environment(home), stdout=sink, stderr=subprocess.STDOUT)
    try:
        _wait_for(f"{url}/{ready}", process, log, timeout)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def _environment(home: Path) -> dict[str, str]:
    """This process's environment, with every folder of Jupyter's moved below `home`."""
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "IPYTHONDIR": "ipython",
    }
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}  # kernels look at it
    return {"LLAMA_LESSONS_DEVICE": "cpu", **kept, **{name: str(home / folder) for name, folder in folders.items()}}


def _wait_for(url: str, server: subprocess.Popen, log: Path, timeout: float) -> None:
    end = time.monotonic() + timeout
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=2).read()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"no answer from {url}:\n{log.read_text()}")
