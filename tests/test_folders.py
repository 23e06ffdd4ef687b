"""A folder of files comes whole or not at all, wherever the process is killed, and loses only its own old files."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from llama_lessons import folders
from llama_lessons.folders import MANIFEST, check_folder, settle_folder, write_folder
from tests.reference.killed import kill_at

OLD = {"config": "old", "weights": "old", "index": "old"}
NEW = {"config": "new", "weights": "new", "tokenizer": "new"}


def write(folder: Path | str, content: dict[str, str], kind: str = "a checkpoint") -> None:
    with write_folder(folder, kind) as draft:
        for name, text in content.items():
            (draft / name).write_text(text)


def read(folder: Path) -> dict[str, str]:
    """Names and texts of all files in a folder, the manifest left out; a folder in it has None."""
    entries = [entry for entry in folder.iterdir() if entry.name != MANIFEST]
    return {entry.name: entry.read_text() if entry.is_file() else None for entry in entries}


def test_files_appear_together_in_place_of_the_old_ones(tmp_path: Path):
    write(tmp_path / "new" / "a", OLD)
    assert read(tmp_path / "new" / "a") == OLD
    write(tmp_path / "new" / "a", NEW)
    assert read(tmp_path / "new" / "a") == NEW


@pytest.mark.parametrize("there", [True, False], ids=["an old one", "nothing"])
def test_an_error_or_interrupt_leaves_what_was_there(there: bool, tmp_path: Path):
    folder = tmp_path / "a" / "b"
    if there:
        write(folder, OLD)
    with pytest.raises(KeyboardInterrupt), write_folder(folder, "a checkpoint") as draft:
        (draft / "config").write_text("half")
        raise KeyboardInterrupt
    assert read(folder) == OLD if there else not (tmp_path / "a").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that can be killed is forked")
def test_wherever_it_is_killed_the_old_files_are_found_or_the_new_ones(tmp_path: Path):
    found = []
    for step in itertools.count(1):
        folder = tmp_path / f"killed at {step}"
        write(folder, OLD)
        (folder / "README.md").write_text("mine")
        killed = kill_at(step, lambda folder=folder: write(folder, NEW))
        settle_folder(folder)  # what every reader begins with
        content = {name: text for name, text in read(folder).items() if not name.startswith(".")}
        assert content.pop("README.md") == "mine"
        assert content in (OLD, NEW), f"killed at step {step}"
        found.append(content)
        again = tmp_path / f"killed at {step}, then written again"
        write(again, OLD)
        assert kill_at(step, lambda folder=again: write(folder, NEW)) == killed
        write(again, OLD)  # what was left behind is not in the way, and goes
        assert read(again) == OLD
        if not killed:
            break
    assert found[0] == OLD and found[-1] == NEW and len(found) > 6


def test_what_was_not_written_here_is_neither_replaced_nor_lost(tmp_path: Path):
    for name in ("config", "tokenizer_data", "experiment_config.json"):
        folder = tmp_path / name / "a"
        folder.mkdir(parents=True)
        (folder / name).mkdir() if name == "tokenizer_data" else (folder / name).write_text("years of work")
        before = read(folder)
        with pytest.raises(ValueError, match=rf"path .* holds {name}, which is not of a checkpoint saved here before"):
            write(folder, NEW)
        assert read(folder) == before
        assert list(folder.iterdir()) == [folder / name]


def test_what_was_put_beside_it_later_is_not_lost_either(tmp_path: Path):
    write(tmp_path, OLD)
    (tmp_path / "tokenizer").write_text("mine")
    for content in (OLD, NEW):
        with pytest.raises(ValueError, match="holds tokenizer, which is not of"):
            write(tmp_path, content)
    assert read(tmp_path) == OLD | {"tokenizer": "mine"}


@pytest.mark.parametrize("name", [".saving", ".saved", ".git"])
def test_hidden_folders_of_others_stay_as_they_are(name: str, tmp_path: Path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine").write_text("x")
    settle_folder(tmp_path)
    write(tmp_path, NEW)
    assert (tmp_path / name / "mine").read_text() == "x"


def test_files_of_another_kind_are_not_replaced(tmp_path: Path):
    write(tmp_path, OLD, "adapters")
    with pytest.raises(ValueError, match="holds config, index, weights, which is not of a checkpoint"):
        write(tmp_path, NEW)
    assert read(tmp_path) == OLD


@pytest.mark.parametrize("name", [".DS_Store", ".ipynb_checkpoints", ".git", "Thumbs.db", "desktop.ini", "README.md"])
def test_what_desktops_and_people_leave_in_any_folder_stays_and_is_not_in_the_way(name: str, tmp_path: Path):
    (tmp_path / name).mkdir() if name in (".ipynb_checkpoints", ".git") else (tmp_path / name).write_text("theirs")
    beside = read(tmp_path)
    for content in (OLD, NEW):
        write(tmp_path, content)
        assert read(tmp_path) == content | beside


def test_a_manifest_cannot_name_files_elsewhere(tmp_path: Path):
    (tmp_path / "thesis").write_text("years of work")
    write(tmp_path / "a", OLD)
    with (tmp_path / "a" / MANIFEST).open("a") as file:
        file.write(f"\n../thesis\n{tmp_path / 'thesis'}")
    write(tmp_path / "a", NEW)
    assert (tmp_path / "thesis").read_text() == "years of work"


def test_a_manifest_that_is_garbage_names_nothing(tmp_path: Path):
    write(tmp_path, OLD)
    (tmp_path / MANIFEST).write_bytes(b"\xff\0")
    with pytest.raises(ValueError, match="holds config, index, weights"):
        write(tmp_path, NEW)


def test_a_link_stays_a_link_and_its_folder_gets_the_files(tmp_path: Path):
    write(tmp_path / "disk", OLD)
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    write(tmp_path / "run", NEW)
    assert (tmp_path / "run").is_symlink()
    assert read(tmp_path / "disk") == NEW


def test_the_current_folder_and_home_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write(".", OLD)
    write("~/here", NEW)
    assert read(Path()) == NEW
    assert os.path.samefile(".", tmp_path / "here")


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path):
    (tmp_path / "a").write_text("mine")
    for attempt in (lambda: write(tmp_path / "a", NEW), lambda: check_folder(tmp_path / "a", "a checkpoint")):
        with pytest.raises(ValueError, match=r"path .*a is a file: choose another"):
            attempt()


def test_in_the_courses_own_data_files_of_the_same_names_are_replaced(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folders, "COURSE", tmp_path)
    folder = tmp_path / "data" / "checkpoints" / "base"
    folder.mkdir(parents=True)
    for name in ("config", "note"):
        (folder / name).write_text("shipped")
    write(folder, NEW)
    assert read(folder) == NEW | {"note": "shipped"}
