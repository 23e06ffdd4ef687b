"""Measure the snapshots of a pretraining run: what it knows by text and by letter, step by step.

python -m tools.exam_curve            the run of `make weights`, into data/tables/exam_curve.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from tqdm.auto import tqdm

from llama_lessons.checkpoints import load
from llama_lessons.files import COURSE, work_dir
from llama_lessons.pretrain import STEPS, TOKENS_PER_STEP
from llama_lessons.tokenizer import Tokenizer
from tools.scores import exam
from tools.tables import write_table

WAYS = [(by, shots) for by in ("text", "letter") for shots in (0, 5)]


def measure(run: Path) -> list[dict[str, str]]:
    """A row for each snapshot: tokens seen, then share of right answers and its 95 % interval, each way of asking.

    Args:
        run: the folder in which `llama_lessons.pretrain` keeps a run.

    Raises:
        FileNotFoundError: it holds no snapshots.
    """
    tok = Tokenizer(run / "tokenizer.model")
    folders = sorted((run / "snapshots").glob("*"))
    if not folders:
        raise FileNotFoundError(f"{run / 'snapshots'} is empty: run `make weights` first")
    rows = []
    for folder in tqdm(folders, desc="snapshots"):
        model = load(folder, dtype=torch.float32)
        row = {"tokens": str(int(folder.name) * TOKENS_PER_STEP)}
        for by, shots in WAYS:
            score = exam(model, tok, by, shots, fresh=None)
            values = (("", score.accuracy), (" low", score.low), (" high", score.high))
            row |= {f"{by} {shots}-shot{end}": f"{value:.3f}" for end, value in values}
        rows.append(row)
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=work_dir() / f"pretrain-{STEPS}", help="folder of the run")
    parser.add_argument("--out", type=Path, default=COURSE / "data/tables/exam_curve.csv", help="file to write")
    arguments = parser.parse_args()
    rows = measure(arguments.run)
    write_table(arguments.out, rows)
    print(arguments.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
