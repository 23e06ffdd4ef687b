"""One file for a whole folder: the same bytes whenever the same files are packed, and nothing unpacked outside."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from llama_lessons.files import atomic

MOST_BYTES = 200_000_000  # unpacked; a small file can hold a disk full of zeros


class ReleaseError(ValueError):
    """A release that cannot be trusted.

    Args:
        troubles: a sentence for each thing that is wrong, beginning with the name of the file.

    Attributes:
        troubles: as given.
    """

    def __init__(self, troubles: list[str]) -> None:
        super().__init__(troubles)
        self.troubles = troubles

    def __str__(self) -> str:
        return "\n".join(self.troubles)


def leaves_folder(name: str) -> bool:
    """Whether a file of this name, written below a folder, may land outside of it, on any system."""
    paths = PurePosixPath(name), PureWindowsPath(name)
    return any(path.anchor or ".." in path.parts for path in paths)


def write_archive(folder: Path, archive: Path) -> None:
    """Pack a folder's files into a .tar.gz, in order of their names, without times and owners."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    with (
        atomic(archive) as draft,
        draft.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name in names:
            member = tarfile.TarInfo(f"{folder.name}/{name}")
            member.size = (folder / name).stat().st_size
            with (folder / name).open("rb") as content:
                tar.addfile(member, content)


def unpack(archive: Path, into: Path) -> Path:
    """Unpack an archive into a folder; nothing is written before every name in it was looked at.

    Args:
        archive: a .tar.gz whose files lie in one folder.
        into: where that folder goes.

    Returns:
        The folder.

    Raises:
        ReleaseError: it is no such archive; it holds too much, or a link, a device, or a name that leaves the folder.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = tar.getmembers()
            if troubles := _member_troubles(members):
                raise ReleaseError(troubles)
            tar.extractall(into, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ReleaseError([f"{archive.name}: cannot be read: {error}"]) from error
    return into / PurePosixPath(members[0].name).parts[0]


def _member_troubles(members: list[tarfile.TarInfo]) -> list[str]:
    troubles = [f"{m.name}: leaves the folder that it is unpacked to" for m in members if leaves_folder(m.name)]
    troubles += [f"{m.name}: is a link or a device, not a file" for m in members if not (m.isreg() or m.isdir())]
    if len({PurePosixPath(m.name).parts[:1] for m in members}) != 1:
        troubles.append("the archive must hold one folder, with everything in it")
    if sum(m.size for m in members) > MOST_BYTES:
        troubles.append(f"the archive holds more than {MOST_BYTES:,} bytes")
    return troubles
