"""Whether a release is what it says: files, licence, card, and every score measured anew."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import torch

from llama_lessons.checkpoints import CheckpointError, load
from llama_lessons.evaluation import Score
from llama_lessons.release.archive import ReleaseError, leaves_folder
from llama_lessons.release.card import TEXTS, card_troubles, drift
from llama_lessons.release.scores import measure
from llama_lessons.tokenizer import Tokenizer, TokenizerError

SUMS = "SHA256SUMS"  # as `sha256sum --check` reads it
MODEL_FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer.model")
MODEL_FILES += ("tokenizer_config.json",)
BINARY = ("model.safetensors", "tokenizer.model")  # all else is text
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib")


def check_release(folder: Path) -> dict[str, Score]:
    """Check a release from its files' sums to its scores.

    It runs no code of the release: what it measures with is the course's own. Sums find what changed on the way; who
    changed a file on purpose changes its sum as well, and only measuring anew finds him.

    Args:
        folder: where the release lies, unpacked.

    Returns:
        Every score as measured now; the card tells the same.

    Raises:
        ReleaseError: something is wrong; a line for each thing, beginning with the file's name.
    """
    _demand(check_files(folder))
    try:
        model = load(folder, dtype=torch.float32)
        tok = Tokenizer(folder / "tokenizer.model")
    except (CheckpointError, TokenizerError) as error:
        raise ReleaseError([str(error)]) from error
    _demand(card_troubles(folder, model.config))
    scores = measure(model, tok)
    _demand(drift(folder, scores))
    return scores


def check_files(folder: Path) -> list[str]:
    """What is wrong with a release's files, before any is opened as what it claims to be.

    Args:
        folder: where the release lies, unpacked.

    Returns:
        A line for each file that is missing, changed, unlisted, a link, a pickle, or no text where text should be.
    """
    sums = folder / SUMS
    if sums.is_symlink() or not sums.is_file():
        return [f"{SUMS}: is missing: {folder} is no release"]
    lines = [line.split("  ", 1) for line in sums.read_text(encoding="utf-8", errors="replace").splitlines()]
    listed = {line[-1]: line[0] for line in lines}
    troubles = [f"{name}: leaves the folder" for name in listed if leaves_folder(name)]
    troubles += [f"{name}: belongs to a release and is not listed" for name in {*TEXTS, *MODEL_FILES} - listed.keys()]
    found = {path.relative_to(folder).as_posix(): path for path in _entries(folder) if path != sums}
    troubles += [f"{name}: is listed in {SUMS} and missing" for name in sorted(listed.keys() - found)]
    for name, path in sorted(found.items()):
        troubles += _file_troubles(name, path, listed.get(name))
    return troubles


def _entries(folder: Path) -> Iterator[Path]:
    """Everything in a folder that is no folder itself; links are not followed."""
    for where, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(where, name))]
        yield from (Path(where, name) for name in (*files, *links))


def _file_troubles(name: str, path: Path, digest: str | None) -> Iterator[str]:
    if path.is_symlink() or not path.is_file():
        yield f"{name}: is a link or a device, not a file"
        return
    content = path.read_bytes()
    if is_pickle(name, content):
        yield f"{name}: is a pickle, or may hold one: opening it can run any code"
    elif path.name not in BINARY and not _is_text(content):
        yield f"{name}: is no text, and only {' and '.join(BINARY)} may be none"
    if digest is None:
        yield f"{name}: is not listed in {SUMS}, so it did not come with the release"
    elif hashlib.sha256(content).hexdigest() != digest:
        yield f"{name}: was changed: its sha256 is not the one in {SUMS}"


def is_pickle(name: str, content: bytes) -> bool:
    """Whether a file is of a kind that runs code when it is opened: a pickle, or a zip, as PyTorch packs pickles."""
    starts = content[:1] == b"\x80" and content[1:2] <= b"\x05", content.startswith(b"PK\x03\x04")
    return name.endswith(PICKLES) or any(starts)


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _demand(troubles: list[str]) -> None:
    if troubles:
        raise ReleaseError(troubles)
