"""The files around the code agree with each other: packages, versions, commands, and what README.md promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
INSTALLED = [*PROJECT["dependencies"], *EXTRAS["dev"], *EXTRAS["demo"]]  # what `make lab` and `make test` bring
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def pins() -> dict[str, str]:
    """Package -> version, as constraints.txt has them."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {
        canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines) if version
    }


def test_environment_has_the_packages_of_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    assert [line for line in pip["pip"] if not line.startswith("-")] == INSTALLED
    assert [line for line in pip["pip"] if line.startswith("-")][1:] == ["-c constraints.txt", "-e ."]
    python = next(line.partition("=")[2] for line in conda if line.startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python)


@pytest.mark.parametrize("line", INSTALLED)
def test_every_package_is_pinned_within_its_range(line: str):
    requirement = Requirement(line)
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_pins_are_for_every_machine():
    assert all(re.fullmatch(r"[\w.]+", version) for version in pins().values()), "a local version, like 2.13.0+cpu"


def test_every_target_of_the_makefile_is_explained():
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)[1].split()
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert targets == set(phony) == set(re.findall(r"^make (\w+) +\S.*", shown, flags=re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+) \?=", MAKEFILE, flags=re.MULTILINE))
    assert variables == set(re.findall(r"^  ([A-Z]+) +\S.*", shown, flags=re.MULTILINE))


def test_workflow_runs_what_any_ci_runs():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert {"run": ".ci/run"} in workflow["jobs"]["checks"]["steps"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_tree_of_the_readme_exists():
    tree = re.search(r"## What lies where\n\n(.*?)\n\n", PAGES[0].read_text(encoding="utf-8"), flags=re.DOTALL)[1]
    folder, missing = "", []
    for indent, name in re.findall(r"^    ( *)(\S+)  ", tree, flags=re.MULTILINE):
        folder = folder if indent else name
        missing += [path for path in [(folder if indent else "") + name] if not (ROOT / path).exists()]
    assert missing == []


def test_readme_links_exactly_the_lessons_there_are():
    linked = set(re.findall(r"\]\((notebooks/[^)]*)\)", PAGES[0].read_text(encoding="utf-8")))
    assert linked == {path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").glob("*.ipynb")}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_paths_that_a_page_names_exist(page: Path):
    text = page.read_text(encoding="utf-8")
    linked = [link for link in re.findall(r"\]\(([^)]*)\)", text) if not link.startswith(("https://", "..."))]
    named = re.findall(r"`((?:[\w.]+/)+[\w.]*|\w+\.(?:md|yml|toml|txt))`", text)
    made = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()  # by `make`, not there in a fresh clone
    named = [path for path in named if "NN_" not in path and f"/{path.split('/')[0]}/" not in made]  # a pattern is none
    assert [path for path in linked + named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(("moved", "changed"), [(False, False), (True, False), (False, True)])
def test_make_installs_again_only_after_a_move_or_a_change_of_packages(tmp_path: Path, moved: bool, changed: bool):
    course = tmp_path / "a course"
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "tools/install.sh"):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, course / name)
    stamp = course / ".venv" / "installed"
    stamp.parent.mkdir()
    stamp.write_text(f"{tmp_path if moved else course}\n")
    os.utime(stamp, (0, 0) if changed else None)
    planned = subprocess.run(["make", "-n", "lint"], cwd=course, capture_output=True, text=True, check=True).stdout
    assert ("tools/install.sh" in planned) is (moved or changed)
    assert "ruff check" in planned


def install(course: Path, python: str, torch: str = "") -> subprocess.CompletedProcess:
    """Run tools/install.sh in a folder that holds little else."""
    (course / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "install.sh", course / "tools")
    return subprocess.run(["sh", "tools/install.sh", python, torch], cwd=course, capture_output=True, text=True)


def fake_python(folder: Path, script: str) -> str:
    """An executable that stands in for Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_old_python_is_refused_by_name(tmp_path: Path):
    old = fake_python(tmp_path, 'if [ "$1" = -c ]; then exit 1; fi; echo Python 3.9.2')
    done = install(tmp_path / "a course", old)
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert f"{old} is not: Python 3.9.2" in done.stderr


def test_missing_venv_module_is_explained(tmp_path: Path):
    bare = fake_python(tmp_path, 'case "$1" in -m) echo "No module named ensurepip" >&2; exit 1;; esac')
    done = install(tmp_path / "a course", bare)
    assert done.returncode != 0
    assert "No module named ensurepip" in done.stderr
    assert "apt install python3-venv" in done.stderr


def test_failed_install_says_what_room_there_is_and_is_tried_again(tmp_path: Path):
    course = tmp_path / "a course"
    (course / ".venv" / "bin").mkdir(parents=True)
    fake_python(course / ".venv" / "bin", 'case "$*" in *install*) echo "No space left on device" >&2; exit 1;; esac')
    done = install(course, "")
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
    assert re.search(r"about 2 GB with TORCH=cpu.*\nFree here: \d+\.\d GB", done.stderr)
    assert not (course / ".venv" / "installed").exists()


def test_binder_gets_the_learner_s_copy_and_the_course_s_settings(tmp_path: Path):
    course = tmp_path / "course"
    course.mkdir()
    for name in ("postBuild", "pyproject.toml", "tools", "notebooks", "llama_lessons"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, course / name)
    fake_python(tmp_path, f'exec "{sys.executable}" "$@"')
    places = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(course),
        "JUPYTERLAB_DIR": str(tmp_path / "lab"),
    }
    subprocess.run(["./postBuild"], cwd=course, env={**os.environ, **places}, check=True)
    pages = {path.name for path in (course / "my_lessons").glob("*.ipynb")}
    assert pages == {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    settings = "settings/overrides.json"
    assert (tmp_path / "lab" / settings).read_bytes() == (ROOT / "tools" / "jupyterlab" / settings).read_bytes()


def test_a_checkout_on_windows_has_the_bytes_that_were_committed(tmp_path: Path):
    """Git for Windows turns line ends unless it is told not to; the sha256 of data/README.md, for one, would differ."""
    written, course = tmp_path / "written", tmp_path / "course"
    shipped = [path for folder in ("data", "notebooks", "tools", "tests") for path in (ROOT / folder).rglob("*.*")]
    names = {f"{path.relative_to(ROOT).parts[0]}/file{path.suffix}" for path in shipped if path.is_file()}
    files = dict.fromkeys([*names, "Makefile", ".ci/run"], b"one\ntwo\n") | {"data/from_windows.txt": b"one\r\ntwo\n"}
    for name, content in files.items():
        (written / name).parent.mkdir(parents=True, exist_ok=True)
        (written / name).write_bytes(content)
    shutil.copy(ROOT / ".gitattributes", written)
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "files"]):
        subprocess.run(["git", *words], cwd=written, check=True)
    subprocess.run(["git", "clone", "-q", "-c", "core.autocrlf=true", str(written), str(course)], check=True)
    assert {name: (course / name).read_bytes() for name in files} == files


def test_unknown_torch_is_refused(tmp_path: Path):
    course = tmp_path / "a course"
    (course / ".venv" / "bin").mkdir(parents=True)
    fake_python(course / ".venv" / "bin", "exit 0")
    assert "TORCH=gpu means nothing here" in install(course, "", "gpu").stderr
