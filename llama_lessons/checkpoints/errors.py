"""What goes wrong with a checkpoint, always in three parts: which file, what is wrong, what to do."""

from __future__ import annotations

from pathlib import Path


class CheckpointError(ValueError):
    """A checkpoint that cannot be opened, or cannot be honoured.

    Args:
        path: the file or folder to blame.
        trouble: what is wrong with it, continuing "<path>: ".
        remedy: what to do, a sentence.

    Attributes:
        path, trouble, remedy: as given.
    """

    def __init__(self, path: Path | str, trouble: str, remedy: str) -> None:
        super().__init__(path, trouble, remedy)  # all three, so that it survives pickling between processes
        self.path, self.trouble, self.remedy = path, trouble, remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.trouble}. {self.remedy}."


def unreadable(path: Path, error: Exception) -> CheckpointError:
    """The error for a file that a library refused to open.

    Args:
        path: the file.
        error: what the library raised.
    """
    with path.open("rb") as file:
        if file.read(40).startswith(b"version https://git-lfs"):
            return CheckpointError(
                path, "is a pointer left by git-lfs, not the weights", "Fetch them with `git lfs pull`"
            )
    reason = str(error).splitlines()[0].rstrip(".")
    return CheckpointError(
        path,
        f"cannot be read: it is truncated, damaged or another kind of file ({reason})",
        "Compare its size with the original's and download it again",
    )
