"""What was installed: Python, the packages that pyproject.toml asks for, and the course's own folder with its data."""

from __future__ import annotations

import hashlib
import platform
import re
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from llama_lessons.checks.environment.table import Finding

PYTHON = ">=3.11"  # as in pyproject.toml, which an older Python cannot read
PURPOSE = {
    "dev": "comparisons in some lessons, `make test`",
    "demo": "the chat as a web page",
    "real": "Meta's weights, lesson 14",
}
MODEL = [f"checkpoints/base/{name}" for name in ("config.json", "model.safetensors", "tokenizer.model")]
WORLD = ["world/facts", "world/names.txt", "world/plots.txt"]
LISTED = re.compile(r"^\| `([^`]+)` \|.*\| ([0-9]+) \| `([0-9a-f]{64})` \|", re.MULTILINE)  # a row of data/README.md


def python(course: Path) -> Iterator[Finding]:
    """The version of Python."""
    here = platform.python_version()
    if within(here, PYTHON):
        yield Finding("Python", here, PYTHON)
    else:
        yield Finding("Python", here, PYTHON, "missing", "install a newer Python and make .venv again")


def packages(course: Path) -> Iterator[Finding]:
    """The packages that the lessons need."""
    for line in _project(course)["dependencies"]:
        here, asked = _installed(line), line.removeprefix(_name(line))
        if _fits(line):
            yield Finding(_name(line), here, asked)
        else:
            yield Finding(_name(line), here, asked, "missing", _install([line]))


def extras(course: Path) -> Iterator[Finding]:
    """The packages that not every lesson needs, a line for each group."""
    groups = _project(course)["optional-dependencies"]
    for extra, purpose in PURPOSE.items():
        lines = groups[extra]
        wrong = [line for line in lines if not _fits(line)]
        advice = f"if you want it: {_install(wrong)}" if wrong else ""
        here = f"{len(lines) - len(wrong)} of {len(lines)} packages"
        yield Finding(f"extra `{extra}`", here, purpose, "note" if wrong else "ok", advice)


def data(course: Path) -> Iterator[Finding]:
    """The files of data/, against the list in its README."""
    listed = LISTED.findall((course / "data" / "README.md").read_text(encoding="utf-8"))
    wanted = dict.fromkeys([*WORLD, *MODEL, *(name for name, _, _ in listed)])
    missing = [name for name in wanted if not (course / "data" / name).exists()]
    changed = [name for name, _, digest in listed if name not in missing and _sha256(course / "data" / name) != digest]
    if missing:
        advice = f"fetch the course again, or `git checkout data`: there is no {', '.join(missing)}"
        yield Finding("data/", f"{len(missing)} of {len(wanted)} missing", "", "missing", advice)
    elif changed:
        advice = f"fine if you changed {', '.join(changed)}; lessons then print other numbers"
        yield Finding("data/", f"complete, {len(changed)} not as listed", "", "note", advice)
    else:
        yield Finding("data/", f"complete, {len(wanted)} entries")


def folder(course: Path) -> Iterator[Finding]:
    """Whether lessons may write into the course's folder."""
    try:
        with tempfile.TemporaryFile(dir=course):
            yield Finding("course folder", "can be written to")
    except OSError as error:
        advice = "copy the course to a folder of your own: here, what you make is lost in a temporary folder"
        yield Finding("course folder", f"cannot be written to ({error.strerror})", "", "note", advice)


def within(found: str, asked: str) -> bool:
    """Whether a version lies in a range, such as ">=2.9,<3".

    Args:
        found: a version; only the numbers at its start count, not what stands behind them in "2.13.0+cpu".
        asked: bounds with <, <=, > or >=, with commas between.
    """
    here = _numbers(found)
    for operator, bound in re.findall(r"([<>]=?)\s*([\d.]+)", asked):
        limit = _numbers(bound)
        width = max(len(here), len(limit))
        left, right = (numbers + (0,) * (width - len(numbers)) for numbers in (here, limit))
        if not {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]:
            return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.match(r"\d+(\.\d+)*", text)[0].split(".")))


def _project(course: Path) -> dict:
    import tomllib  # since Python 3.11; an older one shall at least be told so

    return tomllib.loads((course / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _name(line: str) -> str:
    return re.match(r"[\w.-]+", line)[0]


def _installed(line: str) -> str:
    try:
        return version(_name(line))
    except PackageNotFoundError:
        return "not installed"


def _fits(line: str) -> bool:
    here = _installed(line)
    return here[:1].isdigit() and within(here, line.removeprefix(_name(line)))


def _install(lines: list[str]) -> str:
    wanted = " ".join(f'"{line}"' for line in lines)
    return f"run `%pip install {wanted}` in a cell, then restart the kernel"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
