"""Put a release together: weights, code, card, guides, policy and licence, and the sum of every file."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import torch

from llama_lessons.checkpoints import load
from llama_lessons.files import COURSE, DRAFT, made_folder, real_path
from llama_lessons.release.archive import write_archive
from llama_lessons.release.card import write_texts
from llama_lessons.release.check import MODEL_FILES, SUMS
from llama_lessons.release.scores import measure
from llama_lessons.tokenizer import Tokenizer

CODE = ("llama_lessons", "data/world", "data/release", "pyproject.toml", "LICENSE")
STAGES = ("base", "chat", "reward", "rlhf")  # what was trained on the way, in data/checkpoints
CLAIM = re.compile(r"^\| (time|energy) \|.*$", re.MULTILINE)  # rows of the stages' own cards
NO_SOURCE = shutil.ignore_patterns("__pycache__", ".*")


def pack(model: Path, folder: Path) -> Path:
    """Measure a chat model and write its release: a folder, and one archive of it beside.

    Args:
        model: folder of the checkpoint, in Hugging Face's layout.
        folder: where the release goes; a release that lies there is replaced, anything else is not.

    Returns:
        The archive, <folder>.tar.gz.

    Raises:
        ValueError: something that is no release lies there; the model cannot be opened.
    """
    folder = real_path(folder)
    if folder.exists() and not (folder / SUMS).is_file():
        raise ValueError(f"path {folder} exists and is no release: choose another")
    opened = load(model, dtype=torch.float32)
    scores = measure(opened, Tokenizer(model / "tokenizer.model"))
    draft, archive = folder.with_name(f".{folder.name}{DRAFT}"), folder.with_name(f"{folder.name}.tar.gz")
    with made_folder(folder.parent):
        shutil.rmtree(draft, ignore_errors=True)  # left by a process that was killed
        new = draft / folder.name
        new.mkdir(parents=True)
        try:
            for name in MODEL_FILES:
                shutil.copyfile(model / name, new / name)
            copy_code(new / "code")
            write_texts(new, opened.config, scores, training_claims(model.parent))
            write_sums(new)
            write_archive(new, archive)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(new, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return archive


def copy_code(to: Path) -> None:
    """Copy the course's code and the world that it measures with, without what Python has compiled of it."""
    for name in CODE:
        source = COURSE / name
        copy = shutil.copyfile if source.is_file() else shutil.copytree
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        copy(source, to / name, **({} if source.is_file() else {"ignore": NO_SOURCE}))


def training_claims(checkpoints: Path) -> str:
    """Rows of a table: what the cards of all stages say of their time and energy."""
    cards = {stage: checkpoints / stage / "README.md" for stage in STAGES}
    rows = [
        f"| {stage} {found[0]}"
        for stage, card in cards.items()
        if card.exists()
        for found in CLAIM.finditer(card.read_text(encoding="utf-8"))
    ]
    return "\n".join(rows)


def write_sums(folder: Path) -> None:
    """List every file of a release with its sha256, in the layout of `sha256sum`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}\n" for p in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
