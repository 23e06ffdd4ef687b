"""Folders of several files, written whole or not at all, in which nothing is lost that was not written so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from llama_lessons.files import COURSE, DRAFT, made_folder, real_path

MANIFEST = ".llama_lessons"  # in a folder that `write_folder` wrote: the kind of folder, then the names of its files
READY = f"{MANIFEST}.saved"  # in it, files that are whole and not all in their places yet
LEFT_ALONE = ("README.md", "Thumbs.db", "desktop.ini")  # as are all hidden files: never written, so never lost


@contextmanager
def write_folder(folder: Path | str, kind: str) -> Iterator[Path]:
    """Write files to a folder, all of them or none, in place of those that were written to it before.

    They are written to a folder inside it, whose renaming is the one step that counts: before it all old files are in
    their places, after it all new ones will come, by `settle_folder` here or, if the process is killed, in the next
    reader. The folder itself is never moved: it may be a link, the current folder or a disk. Nothing is deleted but
    what an earlier call wrote: a manifest keeps the names.

    Args:
        folder: where the files shall be in the end.
        kind: what they are together, such as "a checkpoint"; files of another kind are not replaced.

    Yields:
        A new folder: write the files there.

    Raises:
        ValueError: as for `check_folder`.
    """
    folder = real_path(folder)
    check_folder(folder, kind)
    draft = folder / f"{MANIFEST}{DRAFT}"
    with made_folder(folder):
        shutil.rmtree(draft, ignore_errors=True)  # left by a process that was killed
        draft.mkdir()
        try:
            yield draft
            (draft / MANIFEST).write_text("\n".join([kind, *sorted(os.listdir(draft))]), encoding="utf-8")
            os.replace(draft, folder / READY)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    settle_folder(folder)


def check_folder(folder: Path | str, kind: str) -> None:
    """Refuse a folder with files in it that `write_folder` did not write.

    Hidden files and a README.md may lie there: they stay. The course's own data/ is in Git, and not refused.

    Raises:
        ValueError: a file is where the folder should be, or files lie in it that are of another kind or not ours.
    """
    folder = real_path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"path {folder} is a file: choose another, for a folder of files")
    settle_folder(folder)
    if not folder.exists() or COURSE / "data" in folder.parents:
        return
    written = _written(folder, kind)
    visible = sorted(name for name in os.listdir(folder) if not name.startswith(".") and name not in LEFT_ALONE)
    foreign = [name for name in visible if name not in written]
    if foreign:
        raise ValueError(
            f"path {folder} holds {', '.join(foreign[:3])}, which is not of {kind} saved here before: "
            "move it away, or choose another folder"
        )


def settle_folder(folder: Path) -> None:
    """Bring files to their places that `write_folder` has whole; there are none unless it was killed."""
    ready = folder / READY
    if not os.path.isdir(ready):  # nor if the folder is one that we may not enter
        return
    names = os.listdir(ready)
    with suppress(FileNotFoundError):  # another process does the same
        if MANIFEST in names:
            kind, *new = (ready / MANIFEST).read_text(encoding="utf-8").splitlines()
            for name in _written(folder, kind) - set(new):
                (folder / name).unlink()
        for name in names:
            os.replace(ready / name, folder / name)
        ready.rmdir()


def _written(folder: Path, kind: str) -> set[str]:
    """Names of the files in a folder that `write_folder` wrote as this kind."""
    manifest = folder / MANIFEST
    lines = manifest.read_text(encoding="utf-8", errors="replace").splitlines() if manifest.is_file() else []
    files = {entry.name for entry in folder.iterdir() if entry.is_file()}
    return files.intersection(lines[1:]) if lines[:1] == [kind] else set()
