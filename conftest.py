"""What every run of pytest needs, above all `pytest --nbval notebooks/`, from any directory and on any machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

SANITIZE = Path(__file__).resolve().parent / "tools" / "nbval_sanitize.cfg"
NBVAL_CELL_TIMEOUT = 2000.0  # seconds; nbval's own default


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Share the cores among workers; under nbval, give kernels the environment in which the pages were made."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    if workers > 1:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    if config.getoption("nbval", False) or config.getoption("nbval_lax", False):
        _prepare_nbval(config)
    else:  # a lesson's kernel sees to it by itself, in setup()
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads sleep, and leave the core to other workers


def _prepare_nbval(config: pytest.Config) -> None:
    option = config.option
    option.nbval_sanitize_with = option.nbval_sanitize_with or str(SANITIZE)
    if option.nbval_kernel_name is None:
        option.nbval_current_env = True  # this Python, never a kernel of the same name from elsewhere
    if option.nbval_cell_timeout == NBVAL_CELL_TIMEOUT:
        option.nbval_cell_timeout = 300.0  # a dead kernel is noticed only then
    if os.environ.setdefault("LLAMA_LESSONS_DEVICE", "cpu") == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ.setdefault("PYTHONHASHSEED", "0")
    os.environ.setdefault("TQDM_DISABLE", "1")  # a progress bar shows times
    profile = tempfile.TemporaryDirectory(prefix="llama_lessons_ipython_")  # not the user's: it may draw figures as svg
    os.environ["IPYTHONDIR"] = profile.name
    config.add_cleanup(profile.cleanup)
