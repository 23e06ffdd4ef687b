"""Bring the table of data/README.md up to date: every file's size and sha256, and a row for each checkpoint's file.

python tools/data_table.py
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from llama_lessons.files import COURSE, atomic

DATA = COURSE / "data"
ROW = re.compile(r"\| `([^`]+)` \|.*\n")
WHAT = {  # the files of a checkpoint
    ".llama_lessons": "names of the files that were saved together",
    "README.md": "model card, with the scores",
    "config.json": "shape, as `transformers` reads it",
    "generation_config.json": "where a text begins and ends, for `transformers`",
    "model.safetensors": "weights, in bfloat16",
    "tokenizer.json": "tokenizer, as `transformers` reads it",
    "tokenizer.model": "tokenizer, as SentencePiece reads it",
    "tokenizer_config.json": "which class of `transformers` reads tokenizer.json",
}
WRITTEN_BY = {"README.md": "`make weights`, then `make scores SAVE=1`"}  # the rest: `make weights` alone


def renew(data: Path = DATA) -> None:
    """Rewrite the table: what is right stays, files of checkpoints come and go, everything around it stays.

    Args:
        data: folder with README.md, whose rows are: name, what it is, origin, licence, bytes, sha256, rebuilt by.

    Raises:
        ValueError: README.md has no row to begin from.
        FileNotFoundError: a file outside checkpoints/ is listed and is not there.
    """
    page = data / "README.md"
    text = page.read_text(encoding="utf-8")
    rows = list(ROW.finditer(text))
    if not rows:
        raise ValueError(f"{page} has no table with a row like | `name` | ...")
    listed = {row[1]: [cell.strip() for cell in row[0].split("|")[1:-1]] for row in rows}
    by_hand = [name for name in listed if not name.startswith("checkpoints/")]
    files = sorted(path for path in (data / "checkpoints").rglob("*") if path.is_file())
    names = by_hand + [path.relative_to(data).as_posix() for path in files]
    table = "".join(_row(data, name, listed.get(name) or _cells(name)) for name in names)
    with atomic(page) as draft:
        draft.write_text(text[: rows[0].start()] + table + text[rows[-1].end() :], encoding="utf-8")


def _row(data: Path, name: str, cells: list[str]) -> str:
    content = (data / name).read_bytes()
    cells = [*cells[:4], str(len(content)), f"`{hashlib.sha256(content).hexdigest()}`", *cells[6:]]
    return f"| {' | '.join(cells)} |\n"


def _cells(name: str) -> list[str]:
    """A row for a new file of a checkpoint; size and sha256 come later."""
    file = name.rpartition("/")[2]
    command = WRITTEN_BY.get(file, "`make weights`")
    return [f"`{name}`", WHAT.get(file, "?"), "made by this course", "MIT", "", "", command]


if __name__ == "__main__":
    renew()
