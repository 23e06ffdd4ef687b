"""Where the course's data lies, and how a file is written so that it is never half there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

COURSE = Path(__file__).resolve().parents[1]
MARK = ".my_lessons"  # a file in each folder of a learner's own pages
FIRST_BYTES = 100_000
DRAFT = ".saving"  # ends the name of what is not whole yet


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
    path = Path(path).expanduser()
    try:
        with path.open("rb") as file:
            raw = file.read(FIRST_BYTES)  # of a large file that is no text, this is enough to see it
            raw += b"" if b"\0" in raw else file.read()
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


def learners_folder() -> Path | None:
    """The folder of a learner's own pages, if this process runs one; None on others, and while they are checked."""
    here = Path.cwd()
    return here if (here / MARK).exists() and "PYTEST_CURRENT_TEST" not in os.environ else None


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
    """Write a file beside its place, and move it there only when it is whole.

    Args:
        path: where the file shall be in the end; what stood there is replaced, and a link stays a link.

    Yields:
        A path beside it that does not exist yet: write a file there. If the block raises, what was written is
        removed, folders made for it too, and what stood at `path` is left as it was.

    Raises:
        ValueError: path is a folder.
    """
    path = real_path(path)
    if path.is_dir():
        raise ValueError(f"path {path} is a folder: choose another, for a file")
    draft = path.with_name(f".{path.name}{DRAFT}")
    with made_folder(path.parent):
        try:
            draft.unlink(missing_ok=True)  # left by a process that was killed
            yield draft
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def check_file(path: Path | str, opens: Callable[[Path], object]) -> None:
    """Refuse to replace a file of another kind, before work is done whose result could then not be written.

    Args:
        path: where a file shall be written; there may be none yet, or an empty one.
        opens: what reads files of the kind that may be replaced, and raises an exception for others.

    Raises:
        ValueError: path is a folder, or a file that `opens` refuses.
    """
    path = real_path(path)
    if path.is_dir():
        raise ValueError(f"path {path} is a folder: choose another, for a file")
    if path.exists() and path.stat().st_size:
        try:
            opens(path)
        except Exception as error:
            raise ValueError(f"path {path} is a file of another kind, and would be lost: choose another") from error


def real_path(path: Path | str) -> Path:
    """Where a path leads, from the home folder (~) and through links."""
    return Path(os.path.realpath(Path(path).expanduser()))


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; if the block raises, remove those that were made and are still empty."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for path in new:
                path.rmdir()
        raise
