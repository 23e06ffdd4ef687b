"""Reading and writing single files of a checkpoint: JSON, safetensors, torch.save's; and what is wrong with them."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm.auto import tqdm

QUIET_BELOW = 500_000_000  # bytes; less is read or written within two seconds
OLD_KIND = pickle.dumps(torch.serialization.MAGIC_NUMBER, protocol=2)  # torch.save's files before 1.6 begin so


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


@contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Give a CheckpointError for a file in or at this path that the operating system does not let us read."""
    try:
        yield
    except OSError as error:
        remedy = "Check that it is a file, and that you may read it and the folders that it lies in"
        raise CheckpointError(
            Path(error.filename or path), f"cannot be read: {error.strerror or error}", remedy
        ) from error


def unreadable(path: Path, error: Exception) -> CheckpointError:
    """The error for a file that a library refused to open.

    Args:
        path: the file.
        error: what the library raised.

    Raises:
        OSError: it is a folder, or may not be read.
    """
    with path.open("rb") as file:
        if file.read(40).startswith(b"version https://git-lfs"):
            return CheckpointError(
                path, "is a pointer left by git-lfs, not the weights", "Fetch them with `git lfs pull`"
            )
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return CheckpointError(
        path,
        f"cannot be read: it is truncated, damaged or another kind of file ({reason})",
        "Compare its size with the original's and download it again",
    )


def read_json(path: Path) -> dict:
    """The table in a JSON file.

    Raises:
        CheckpointError: it is not there, or holds anything but a JSON table.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(path, "is missing", "Download it: the checkpoint is not complete without it") from None
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or nested without end
        raise CheckpointError(path, f"is not valid JSON ({error})", "Download it again") from error
    if not isinstance(table, dict):
        raise CheckpointError(path, f"holds a {type(table).__name__}, not a table", "Download it again")
    return table


def write_json(path: Path, table: dict) -> None:
    """Write a table as JSON that people can read."""
    path.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, of any shape, mapped: nothing is read yet, and writing to them does not reach the file.

    Raises:
        CheckpointError: the file is damaged, or no safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except (SafetensorError, OSError) as error:
        raise unreadable(path, error) from error


def write_safetensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write tensors of any shape, on the CPU and contiguous, to a file with the usual rights of a new one."""
    path.touch()
    mode = path.stat().st_mode
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(mode)  # safetensors lets nobody else read it


def read_torch_file(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth or .bin file, mapped from the disk where it can be: nothing is read before it is used.

    A pickle can hold any program. `weights_only=True` knows tensors and plain containers, and refuses the rest
    before anything of it runs.

    Args:
        path: the file.

    Returns:
        Tensors by name, on the CPU, in a checkpoint of shape (rows, columns), norms (C,). Writing to them does not
        reach the file.

    Raises:
        CheckpointError: the file is damaged, holds code, or is no table of tensors.
    """
    try:
        sizes = _stored_sizes(path)
        table = torch.load(path, map_location="cpu", weights_only=True, mmap=sizes is not None)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            path,
            "holds something other than tensors, such as code; none of it was run",
            "Do not open it by other means unless you trust who made it; look for a .safetensors copy",
        ) from error
    except Exception as error:  # a damaged pickle raises whatever its last whole instruction leads to
        raise unreadable(path, error) from error
    if not isinstance(table, dict) or not all(_is_entry(name, value) for name, value in table.items()):
        raise CheckpointError(
            path, "is no table of named tensors", "If it is a training state, save its model's state_dict alone"
        )
    if sizes is not None and sizes != _sizes(table):
        raise unreadable(path, ValueError("tensors are longer or shorter than their records"))
    return table


def _stored_sizes(path: Path) -> list[int] | None:
    """Bytes of the records of numbers in a file, sorted; None if they cannot be mapped as they lie in it."""
    with path.open("rb") as file:
        if file.read(len(OLD_KIND)) == OLD_KIND:
            return None
        with zipfile.ZipFile(file) as archive:  # what torch.save writes since 1.6, each tensor's numbers a record
            records = [info for info in archive.infolist() if "/data/" in info.filename and info.file_size]
    if any(info.compress_type != zipfile.ZIP_STORED for info in records):  # packed again by another program
        return None
    return sorted(info.file_size for info in records)


def _sizes(table: dict[str, Tensor]) -> list[int]:
    """Bytes of the numbers of a table, each piece of memory counted once, sorted."""
    pieces = (tensor.untyped_storage() for tensor in table.values())
    return sorted({piece.data_ptr(): piece.nbytes() for piece in pieces if piece.nbytes()}.values())


def _is_entry(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, Tensor) and value.layout is torch.strided


def bar_settings(n_bytes: int, what: str) -> dict:
    """Arguments for tqdm. Large work leaves `disable` unsaid, so that TQDM_DISABLE=1 is obeyed."""
    return {"desc": what} | ({"disable": True} if n_bytes < QUIET_BELOW else {})


def progress(items: Sequence, n_bytes: int, what: str) -> tqdm:
    """Iterate over items under a progress bar, which shows only if there are many bytes to move.

    Args:
        items: what to iterate over.
        n_bytes: size of it all.
        what: one word before the bar.
    """
    return tqdm(items, **bar_settings(n_bytes, what))
