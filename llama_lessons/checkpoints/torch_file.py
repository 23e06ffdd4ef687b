"""Files that `torch.save` wrote: read without running what may be hidden in them."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor

from llama_lessons.checkpoints.errors import CheckpointError, unreadable


def read_torch_file(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth or .bin file, mapped from the disk: nothing is read before it is used.

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
        table = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
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
    return table


def _is_entry(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, Tensor) and value.layout is torch.strided
