"""`python -m llama_lessons.align chat`: from the Valley's base model to its assistant, one model after the other."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from llama_lessons.align import chat, policy, reward
from llama_lessons.checkpoints import check_destination
from llama_lessons.files import COURSE, work_dir

# What makes each model, called with the folder that keeps the run, the folder to write, the seed, whether it is quick.
MAKERS: dict[str, Callable[[Path, Path, int, bool], None]] = {
    "chat": chat.make,
    "reward": reward.make,
    "rlhf": policy.make,
}


def parse() -> tuple[str, Path, Path, int, bool]:
    """The model's name and what its maker takes: refused before anything is done."""
    parser = argparse.ArgumentParser(prog="python -m llama_lessons.align", description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=MAKERS, help="which model to make")
    parser.add_argument("--out", type=Path, help="folder to write; default: data/checkpoints/ for seed 0, else work/")
    parser.add_argument("--seed", type=int, default=0, help="of the data; 0 is the shipped model's")
    parser.add_argument("--quick", action="store_true", help="a short run in work/, then compare the loss with a bound")
    arguments = parser.parse_args()
    if arguments.seed < 0:
        parser.error(f"--seed must be at least 0, got {arguments.seed}")
    name = f"{arguments.model}-quick" if arguments.quick else f"{arguments.model}-{arguments.seed}"
    folder = work_dir() / "align" / name
    is_shipped = arguments.seed == 0 and not arguments.quick
    out = arguments.out or (COURSE / "data/checkpoints" / arguments.model if is_shipped else folder / "model")
    out = out.expanduser().resolve()
    try:
        check_destination(out, "hf")
    except ValueError as error:
        parser.error(f"--out: {error}")
    if folder.resolve().is_relative_to(out):
        parser.error(f"--out: the run keeps its state in {folder}; choose another folder than {out}")
    return arguments.model, folder, out, arguments.seed, arguments.quick


def main() -> None:
    """Command line: make one of the models."""
    model, *how = parse()
    MAKERS[model](*how)


if __name__ == "__main__":
    main()
