"""Where the course's data lies, and how a file is written so that it is never half there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

COURSE = Path(__file__).resolve().parents[1]


def data_path(name: str) -> Path:
    """Path of something the course ships in `data/`.

    Args:
        name: path below `data/`, with forward slashes: "texts/valley.txt".

    Raises:
        FileNotFoundError: it is not there; the message says what to do.
    """
    path = COURSE / "data" / name
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: the lessons read it from the course folder. "
            "Install the course from a full checkout with `pip install -e .`"
        )
    return path


def read_text(path: Path | str) -> str:
    """The text of a file that a reader named, or an error that says why there is none.

    Args:
        path: a text file in UTF-8, with line ends of any system.

    Returns:
        Its text, with line ends as "\\n".

    Raises:
        ValueError: the file cannot be read, is empty, or is no UTF-8 text.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path.absolute()} cannot be read: {error.strerror}. Check the name and the folder") from None
    if b"\0" in raw:
        raise ValueError(f"{path} is no text file: it holds zero bytes, as pictures, archives and programs do")
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        raise ValueError(f"{path} is not in UTF-8: byte 0x{byte:02X} at {error.start}. Save it as UTF-8") from None
    if not text.strip():
        raise ValueError(f"{path} is empty: name a file with text in it")
    return text


@cache
def work_dir() -> Path:
    """A folder that lessons may write to: `work/` of the course, or a temporary one where that is read-only."""
    folder = COURSE / "work"
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="llama_lessons_"))


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Write a file or a folder beside its place, and move it there only when it is whole.

    Args:
        path: where the file or folder shall be in the end; what stood there is replaced.

    Yields:
        A path beside it that does not exist yet: make a file or a folder there. If the block raises, what was
        written is removed and what stood at `path` is left as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    draft, old = room / path.name, room / "old"
    try:
        yield draft
        if path.is_dir() and draft.is_dir():
            os.rename(path, old)  # a folder cannot be replaced in one step
        os.replace(draft, path)
    finally:
        if old.exists() and not path.exists():
            os.rename(old, path)
        shutil.rmtree(room, ignore_errors=True)
