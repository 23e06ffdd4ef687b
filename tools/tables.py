"""A measured table as a file."""

from __future__ import annotations

import csv
from pathlib import Path

from llama_lessons.files import atomic


def write_table(path: Path, rows: list[dict]) -> None:
    """Write rows as CSV, whole or not at all; the first one's keys name the columns."""
    with atomic(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
