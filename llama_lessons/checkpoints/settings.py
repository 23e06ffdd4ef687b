"""config.json and params.json: the small JSON file that says what shape the weights beside it have."""

from __future__ import annotations

import json
from pathlib import Path

from llama_lessons.checkpoints.errors import CheckpointError
from llama_lessons.config import LlamaConfig

TAKE_OTHER = "Take the file that belongs to these weights"


def read_settings(path: Path) -> dict:
    """The table in a JSON file.

    Raises:
        CheckpointError: it is not there, or holds anything but a JSON table.
    """
    if not path.is_file():
        raise CheckpointError(path, "is missing", "Download it: the checkpoint is not complete without it")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or nested without end
        raise CheckpointError(path, f"is not valid JSON ({error})", "Download it again") from error
    if not isinstance(settings, dict):
        raise CheckpointError(path, f"holds a {type(settings).__name__}, not a table", "Download it again")
    return settings


def write_settings(path: Path, settings: dict) -> None:
    """Write a table as JSON that people can read."""
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def number(path: Path, settings: dict, key: str) -> int:
    """A number that the settings must give; whether it makes sense is seen by `make_config`.

    Raises:
        CheckpointError: there is none under this key.
    """
    if settings.get(key) is None:
        raise CheckpointError(path, f'does not give "{key}"', TAKE_OTHER)
    return settings[key]


def make_config(path: Path, remedy: str = TAKE_OTHER, **values) -> LlamaConfig:
    """A LlamaConfig of what a file says.

    Args:
        path: the file the values were read from.
        remedy: what to do if they make no sense.
        values: the arguments of LlamaConfig.

    Raises:
        CheckpointError: the values make no sense; the message has LlamaConfig's reason.
    """
    try:
        return LlamaConfig(**values)
    except (TypeError, ValueError) as error:  # TypeError: a text where a number should be
        raise CheckpointError(path, f"describes no Llama: {error}", remedy) from error
