"""Rank against quality: the voice of lesson 08, taught by adapters of seven ranks at three places.

    python -m tools.lora_ranks                   writes data/tables/lora_ranks.csv (42 models; about 5 minutes)
    python -m tools.lora_ranks --steps 2 --seeds 1 --out FILE            a short run, to see that it works

Steps and pages are the lesson's; the seeds differ in the adapters' first numbers only.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from copy import deepcopy
from itertools import islice
from pathlib import Path

import torch
from tqdm.auto import tqdm

from llama_lessons.batches import Batch, pack
from llama_lessons.checkpoints import load
from llama_lessons.evaluation import perplexity
from llama_lessons.files import COURSE, data_path
from llama_lessons.lora import add_lora
from llama_lessons.optimizers import TrainConfig
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer
from llama_lessons.world import make_documents
from llama_lessons.world.voices import hum
from tools.tables import write_table

RANKS = (1, 2, 4, 8, 16, 32, 64)
FEED_FORWARD = ("w_gate", "w_up", "w_down")
PLACES = {
    "wq, wv": ("wq", "wv"),
    "feed-forward": FEED_FORWARD,
    "all seven": ("wq", "wk", "wv", "wo", *FEED_FORWARD),
}
SEEDS = 2
STEPS, ALPHA, PEAK_LR = 40, 16, 6e-3
ROWS, SEQ_LEN = 8, 64  # of a step
FIRST_STEP = 4_000_000  # seed of the pages of the first step
HELD_OUT, HELD_OUT_PAGES = 505, 12  # seed of the pages that are measured, and how many


def hummed(tok: Tokenizer, seed: int) -> Iterator[list[int]]:
    """Ids of hummed stories without end."""
    return (tok.encode(hum(page.text), eos=True) for page in make_documents(seed, {"story": 1.0}))


def batch_at(step: int, tok: Tokenizer) -> Batch:
    """What a step is trained on."""
    return pack(((ids, [True] * len(ids)) for ids in hummed(tok, FIRST_STEP + step)), ROWS, SEQ_LEN)


def measure(n_steps: int, seeds: int) -> Iterator[dict]:
    """Teach every model; a row of the table as soon as it is done.

    Args:
        n_steps: of training.
        seeds: models of each kind.
    """
    tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
    base = load(data_path("checkpoints/base"), dtype=torch.float32)
    test = list(islice(hummed(tok, HELD_OUT), HELD_OUT_PAGES))
    train_config = TrainConfig(n_steps=n_steps, peak_lr=PEAK_LR, warmup_steps=min(4, n_steps))
    kinds = [(place, rank, seed) for place in PLACES for rank in RANKS for seed in range(seeds)]
    for place, rank, seed in tqdm(kinds, desc="models"):
        torch.manual_seed(seed)
        model = deepcopy(base)
        n_trained = sum(weight.numel() for weight in add_lora(model, rank, ALPHA, PLACES[place]))
        list(Trainer(model, train_config, lambda step: batch_at(step, tok)).run(bar=False))
        loss = round(math.log(perplexity(model, test)), 4)
        yield {"place": place, "rank": rank, "seed": seed, "steps": n_steps, "parameters": n_trained, "loss": loss}


def main() -> None:
    """Command line: teach, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS, help="of training, for each model")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="models of each kind")
    parser.add_argument("--out", type=Path, default=COURSE / "data/tables/lora_ranks.csv", help="the file to write")
    arguments = parser.parse_args()
    if min(arguments.steps, arguments.seeds) < 1:
        parser.error("--steps and --seeds must be at least 1")
    write_table(arguments.out, list(measure(arguments.steps, arguments.seeds)))
    print(arguments.out.read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
