"""`check_environment` finds what is missing, says what to do, and never raises, whatever it finds."""

from __future__ import annotations

import builtins
import hashlib
import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from llama_lessons.checks import environment
from llama_lessons.checks.environment import Environment, Finding, check_environment, installation, machine, memory_here
from llama_lessons.checks.environment.installation import within

ROOT = Path(__file__).resolve().parents[1]


BUILDS = {"from PyPI, for NVIDIA": "+cu130", "for the CPU": "+cpu", "as it is here": None}
TORCH = Version(torch.__version__).public  # the package's own record may leave out what stands behind the +


@pytest.fixture(params=BUILDS.values(), ids=BUILDS.keys())
def torch_build(request, monkeypatch):
    """PyTorch as one of its builds names itself; the record of the one from PyPI does not say for what it was built."""
    if request.param:
        record = TORCH if request.param == "+cu130" else f"{TORCH}{request.param}"
        monkeypatch.setattr(torch, "__version__", f"{TORCH}{request.param}")
        known = installation.version
        monkeypatch.setattr(installation, "version", lambda name: record if name == "torch" else known(name))


def line(found: Environment, what: str) -> Finding:
    """The line of a table that is about something."""
    [finding] = [finding for finding in found.findings if finding.what == what]
    return finding


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A small course: pyproject.toml with ranges that are met, and a data folder that is complete."""
    project = {"torch": ">=2", "anywidget": ">=0.11,<1"}
    dependencies = ", ".join(f'"{name}{asked}"' for name, asked in project.items())
    extras = "\n".join(f'{extra} = ["pytest>=8"]' for extra in installation.PURPOSE)
    (tmp_path / "pyproject.toml").write_text(
        f"[project]\ndependencies = [{dependencies}]\n[project.optional-dependencies]\n{extras}\n"
    )
    for name in (*installation.MODEL, *installation.WORLD, "texts/valley.txt"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    digest = hashlib.sha256(b"texts/valley.txt").hexdigest()
    (tmp_path / "data" / "README.md").write_text(f"| `texts/valley.txt` | us | CC | 16 | `{digest}` | hand |\n")
    return tmp_path


def test_this_checkout_is_ready(torch_build):
    found = check_environment()
    assert found.ready and found.verdict == "ready for the lessons"
    assert line(found, "Python").here == platform.python_version()
    assert Version(line(found, "torch").here).public == TORCH


def test_every_needed_package_has_a_line_with_what_pyproject_asks():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = check_environment()
    for dependency in project["dependencies"]:
        name = re.match(r"[\w-]+", dependency)[0]
        assert line(found, name).asked == dependency.removeprefix(name)
    assert set(installation.PURPOSE) <= set(project["optional-dependencies"])
    assert project["requires-python"] == installation.PYTHON


def test_a_complete_course_has_nothing_missing(course):
    assert [finding.what for finding in check_environment(course).findings if finding.state == "missing"] == []
    assert line(check_environment(course), "data/").here == "complete, 7 entries"


@pytest.mark.parametrize(
    ("dependency", "here"),
    [("no-such-package>=1", "not installed"), ("torch>=99", TORCH), ("torch>=1,<2", TORCH)],
)
def test_a_package_that_does_not_fit_is_missing_and_comes_with_its_command(course, torch_build, dependency, here):
    page = course / "pyproject.toml"
    page.write_text(page.read_text().replace("anywidget>=0.11,<1", dependency))
    found = check_environment(course)
    finding = [finding for finding in found.findings if finding.state == "missing"]
    assert [(one.what, one.here.partition("+")[0]) for one in finding] == [(re.match(r"[\w-]+", dependency)[0], here)]
    assert f'%pip install "{dependency}"' in finding[0].advice
    assert not found.ready and finding[0].what in found.verdict


def test_an_extra_that_is_not_there_is_only_a_note(course):
    page = course / "pyproject.toml"
    page.write_text(page.read_text().replace('demo = ["pytest>=8"]', 'demo = ["pytest>=8", "no-such-package>=1"]'))
    finding = line(check_environment(course), "extra `demo`")
    assert (finding.state, finding.here) == ("note", "1 of 2 packages")
    assert '"no-such-package>=1"' in finding.advice and "pytest" not in finding.advice
    assert check_environment(course).ready


@pytest.mark.parametrize("name", ["texts/valley.txt", installation.MODEL[1], installation.WORLD[0]])
def test_data_that_is_not_there_is_named(course, name):
    (course / "data" / name).unlink()
    finding = line(check_environment(course), "data/")
    assert (finding.state, finding.here) == ("missing", "1 of 7 missing")
    assert name in finding.advice


def test_data_that_was_changed_is_a_note(course):
    (course / "data" / "texts" / "valley.txt").write_text("my own")
    finding = line(check_environment(course), "data/")
    assert finding.state == "note" and "texts/valley.txt" in finding.advice
    assert check_environment(course).ready


def test_a_folder_that_cannot_be_written_to_is_a_note(course, monkeypatch):
    def refuse(**kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(installation.tempfile, "TemporaryFile", refuse)
    finding = line(check_environment(course), "course folder")
    assert finding.state == "note" and "Permission denied" in finding.here and "copy" in finding.advice


def test_nothing_is_left_in_the_folder(course):
    before = sorted(course.rglob("*"))
    check_environment(course)
    assert sorted(course.rglob("*")) == before


def test_an_old_python_is_missing(course, monkeypatch):
    monkeypatch.setattr(platform, "python_version", lambda: "3.9.2")
    finding = line(check_environment(course), "Python")
    assert (finding.state, finding.asked) == ("missing", ">=3.11")


def test_one_core_and_little_memory_and_disk_are_notes(course, monkeypatch):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _process: {0}, raising=False)
    monkeypatch.setattr(machine, "memory_bytes", lambda: 2 * 10**9)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _path: type("Usage", (), {"free": 3 * 10**8}))
    found = check_environment(course)
    for what, here in {"processor": "1 core,", "memory": "2.0 GB", "free disk": "0.3 GB"}.items():
        assert (
            line(found, what).state == "note" and line(found, what).here.startswith(here) and line(found, what).advice
        )
    assert found.ready


@pytest.mark.parametrize("name", ["abacus", "cuda:77"])
def test_a_device_that_does_not_work_is_missing(course, monkeypatch, name):
    monkeypatch.setenv(machine.DEVICE, name)
    finding = line(check_environment(course), "device")
    assert (finding.state, finding.here) == ("missing", f"{name!r} does not work")
    assert f"Unset {machine.DEVICE}" in finding.advice


@pytest.mark.parametrize(("build", "advice"), [(None, "without TORCH=cpu"), ("12.8", "finds no GPU")])
def test_a_gpu_that_is_not_used_is_a_note(course, monkeypatch, build, advice):
    monkeypatch.delenv(machine.DEVICE, raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", build)
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/usr/bin/{name}")
    finding = line(check_environment(course), "device")
    assert (finding.state, finding.here) == ("note", "CPU") and advice in finding.advice
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # the reader's own choice needs no advice
    assert line(check_environment(course), "device") == Finding("device", "CPU")


def test_a_gpu_is_named_with_its_memory(course, monkeypatch):
    monkeypatch.setenv(machine.DEVICE, "cuda")
    monkeypatch.setattr(torch, "empty", lambda *size, device: type("Found", (), {"device": torch.device("cuda", 0)}))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda name: "A Card")
    card = type("Properties", (), {"total_memory": 25_300_000_000})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda name: card)
    assert line(check_environment(course), "device") == Finding("device", "A Card, 25.3 GB")
    assert memory_here()["its GPU"] == 25_300_000_000


def test_a_containers_limit_counts(tmp_path):
    whole = machine.memory_bytes(tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.memory_bytes(tmp_path) == whole > 10**9
    (tmp_path / "memory.max").write_text("123456789\n")
    assert machine.memory_bytes(tmp_path) == 123_456_789


def test_memory_is_found_without_psutil(tmp_path, monkeypatch):
    with_psutil = machine.memory_bytes(tmp_path)
    real = builtins.__import__

    def without(name, *rest):
        if name == "psutil":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert machine.memory_bytes(tmp_path) == pytest.approx(with_psutil, rel=0.01)


@pytest.mark.parametrize("probe", environment.PROBES, ids=lambda probe: probe.__name__)
def test_a_probe_that_fails_is_a_line_and_the_others_are_there(course, monkeypatch, probe):
    def broken(_course):
        raise RuntimeError("<broken>")

    broken.__name__ = probe.__name__
    whole = len(check_environment(course).findings) - len(list(probe(course)))
    probes = [broken if one is probe else one for one in environment.PROBES]
    monkeypatch.setattr(environment, "PROBES", probes)
    found = check_environment(course)
    assert line(found, probe.__name__).here == "could not be found out: RuntimeError: <broken>"
    assert len(found.findings) == whole + 1
    assert "&lt;broken&gt;" in found._repr_html_()


def test_an_empty_folder_and_none_at_all_raise_nothing(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        found = check_environment(folder)
        assert line(found, "data").here.startswith("could not be found out: FileNotFoundError")
        assert repr(found) and found._repr_html_()


def test_memory_here_leaves_out_what_cannot_be_found(monkeypatch):
    def broken(*arguments):
        raise OSError

    monkeypatch.setattr(machine, "memory_bytes", broken)
    monkeypatch.setattr(machine, "gpu_bytes", broken)
    assert memory_here() == {}


def test_it_needs_nothing_but_python_to_be_imported():
    others = "{'torch', 'numpy', 'psutil', 'packaging'}"
    code = f"import sys, llama_lessons.checks.environment; print({others} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_table_shows_every_line_twice_over():
    table = Environment((Finding("one", "1 & 2", "3"), Finding("two", "4", "", "missing", "<do>")))
    _, first, second, last = repr(table).splitlines()
    assert (first.split(), second.split()) == (["ok", "one", "1", "&", "2", "3"], ["missing", "two", "4", "<do>"])
    assert last == "not ready for the lessons: look at two"
    html = table._repr_html_()
    assert ">1 &amp; 2</td>" in html and "&lt;do&gt;" in html and html.count("<tr>") == 3


versions = st.lists(st.integers(0, 12), min_size=1, max_size=3).map(lambda numbers: ".".join(map(str, numbers)))
bounds = st.lists(st.tuples(st.sampled_from(["<", "<=", ">", ">="]), versions), max_size=3)


@given(versions, bounds)
@example("3", [("<", "3.0")])
@example("3.0", [(">", "3")])
def test_ranges_are_read_as_packaging_reads_them(found, bounds):
    asked = ",".join(operator + bound for operator, bound in bounds)
    assert within(found, asked) == SpecifierSet(asked).contains(found)


def test_what_stands_behind_the_numbers_of_a_version_does_not_count():
    assert within("2.13.0+cpu", ">=2.9,<3")
    assert within("2.9.0a0+git12345", ">=2.9")
