"""Train adapters on exams in several layouts, and see in which of them a letter is learned: lesson 11's table.

python -m tools.letter_adapters                 writes data/tables/letter_adapters.csv (7 models, a few minutes)
python -m tools.letter_adapters --seeds 2       two models of each kind
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import torch
from tqdm.auto import tqdm

from llama_lessons.batches import Batch, pack_whole
from llama_lessons.checkpoints import load
from llama_lessons.files import COURSE, data_path
from llama_lessons.generate import generate
from llama_lessons.lora import add_lora
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer
from llama_lessons.world import ExamItem
from llama_lessons.world.letter_layouts import LAYOUTS, Layout, draw_items, facts_for_letters
from tools.tables import write_table

SEVEN = ("wq", "wk", "wv", "wo", "w_gate", "w_up", "w_down")
RANK, ALPHA, PEAK_LR = 8, 16, 4e-3
STEPS, ROWS, SEQ_LEN, SEEDS = 120, 16, 48, 1
FIRST_STEP = 10_000  # seed of the questions of the first step
N_ITEMS = 104  # asked of each model, about fresh facts and about others
TWO_FIRST = ("MMLU's lines",)  # layouts also trained on two choices at first


def n_choices(step: int, n_steps: int, first: int) -> int:
    """Choices of a step's questions: `first` in the first third of the steps, then four."""
    return first if step < n_steps // 3 else 4


def answer_batch(tok: Tokenizer, layout: Layout, items: list[ExamItem]) -> Batch:
    """Questions, one a row; only the answers and the end of their lines are asked for."""
    texts = []
    for item in items:
        n_read = len(tok.encode(layout.prompt(item)))
        ids = tok.encode(f"{layout.prompt(item)}{layout.right(item)}\n")
        texts.append((ids, [place >= n_read for place in range(len(ids))], True))
    return pack_whole(texts, len(texts), SEQ_LEN, tok.eos_id)


def letters_right(model: Llama, tok: Tokenizer, layout: Layout, items: list[ExamItem]) -> tuple[int, int]:
    """How often a model's greedy answer ends in the right letter, and how often it is right as a whole."""
    prompts = [tok.encode(layout.prompt(item)) for item in items]
    written = generate(model, prompts, 10, temperature=0, stop_ids=[tok.eos_id])
    said = [tok.decode(p + w)[len(tok.decode(p)) :].split("\n")[0] for p, w in zip(prompts, written, strict=True)]
    pairs = list(zip(said, items, strict=True))
    by_letter = sum(text.rstrip(")")[-1:] == item.letter for text, item in pairs)
    return by_letter, sum(text == layout.right(item) for text, item in pairs)


def measure(n_steps: int, seeds: int, layouts: list[str]) -> Iterator[dict]:
    """Train every model; a row of the table as soon as it is done.

    Args:
        n_steps: of training.
        seeds: models of each kind.
        layouts: names out of `LAYOUTS`.
    """
    tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
    base = load(data_path("checkpoints/base"), dtype=torch.float32)
    fresh = draw_items(facts_for_letters(fresh=True), 77, N_ITEMS)
    others = draw_items(facts_for_letters(fresh=False), 78, N_ITEMS, held_out=True)
    learned = facts_for_letters(fresh=False)
    kinds = [(name, first, seed) for name in layouts for first in (4, 2) for seed in range(seeds)]
    kinds = [kind for kind in kinds if kind[1] == 4 or kind[0] in TWO_FIRST]
    for name, first, seed in tqdm(kinds, desc="models"):
        torch.manual_seed(seed)
        model, layout = deepcopy(base), LAYOUTS[name]
        add_lora(model, RANK, ALPHA, SEVEN)

        def batch_at(step: int, first: int = first, layout: Layout = layout, seed: int = seed):
            items = draw_items(learned, FIRST_STEP * (seed + 1) + step, ROWS, n_choices(step, n_steps, first))
            return answer_batch(tok, layout, items)

        config = TrainConfig(n_steps=n_steps, peak_lr=PEAK_LR, warmup_steps=min(5, n_steps))
        list(Trainer(model, config, batch_at).run(bar=False))
        row = {"layout": name, "choices at first": first, "seed": seed, "steps": n_steps, "n": N_ITEMS}
        for facts, items in (("fresh", fresh), ("others", others)):
            row[f"{facts} letter"], row[f"{facts} whole"] = letters_right(model, tok, layout, items)
        yield row


def main() -> None:
    """Command line: train, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS, help="of training, for each model")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="models of each kind")
    parser.add_argument("--out", type=Path, default=COURSE / "data/tables/letter_adapters.csv", help="file to write")
    arguments = parser.parse_args()
    if min(arguments.steps, arguments.seeds) < 1:
        parser.error("--steps and --seeds must be at least 1")
    write_table(arguments.out, list(measure(arguments.steps, arguments.seeds, list(LAYOUTS))))
    print(arguments.out.read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
