"""Fine-tune the chat model from three seeds, and once with wishes in dialogs of one turn alone; measure all four.

python -m tools.chat_seeds            into data/tables/chat_seeds.csv; 15 minutes, runs that are done are not done again
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm.auto import tqdm

from llama_lessons.align.chat import STEPS, fine_tune, train_config
from llama_lessons.align.exam import chat_scores
from llama_lessons.files import COURSE, work_dir
from llama_lessons.world.instructions import Instruction
from tools.tables import write_table

SEEDS = (0, 1, 2)


def short_wishes(item: Instruction) -> bool:
    """Whether a conversation has no wish that it could forget: none, or one question alone."""
    return item.kind != "wish" or len(item.dialog) == 3


def measure(n_steps: int, folder: Path) -> list[dict[str, str]]:
    """A row for each run and score, with its 95 % interval; runs keep their states in a folder, as the shipped does."""
    runs = [(f"chat-{seed}", seed, None) for seed in SEEDS] + [("chat-control", 0, short_wishes)]
    rows = []
    for name, seed, wanted in tqdm(runs, desc="runs"):
        trainer, tok = fine_tune(train_config(n_steps), folder / name, seed, wanted)
        model = trainer.model.bfloat16().float()  # what is shipped is rounded
        for what, score in chat_scores(model, tok):
            values = {"share right": score.accuracy, "low": score.low, "high": score.high}
            numbers = {key: f"{value:.3f}" for key, value in values.items()}
            rows.append({"run": name, "what": what, **numbers, "n": str(score.n)})
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS, help="of each run")
    parser.add_argument("--out", type=Path, default=COURSE / "data/tables/chat_seeds.csv", help="file to write")
    arguments = parser.parse_args()
    folder = work_dir() / ("align" if arguments.steps == STEPS else f"align-{arguments.steps}")
    write_table(arguments.out, measure(arguments.steps, folder))
    print(arguments.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
