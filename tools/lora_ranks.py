"""How little of the base model must change to teach it a voice, and what else changes: ranks, targets, learning rates.

    python tools/lora_ranks.py                   writes data/tables/lora_ranks.csv (87 short runs; half an hour or more)
    python tools/lora_ranks.py --steps 4 --seeds 1 --out FILE            a short run, to see that it works

Every run begins with the shipped base model and reads hummed stories, those of its seed, which also draws the adapters'
first numbers. "Mixed" runs read a page of the corpus as it is, stories left out, after each hummed story.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from tqdm.auto import tqdm

from llama_lessons.batches import Batch, pack
from llama_lessons.checkpoints import load
from llama_lessons.evaluation import perplexity
from llama_lessons.files import COURSE, atomic, data_path
from llama_lessons.generate import generate
from llama_lessons.lora import add_lora
from llama_lessons.model import Llama
from llama_lessons.optimizers import Recipe
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer
from llama_lessons.world import BASE_MIX, make_documents
from llama_lessons.world.voices import count_hums, hum
from tools.scores import exam, open_answers

ALL = ("wq", "wk", "wv", "wo", "w_gate", "w_up", "w_down")
ALPHA = 16.0
STEPS, SEEDS = 80, 3
ROWS, SEQ_LEN = 8, 64  # of a step
FIRST = 3_000_000  # seed of the stories of the first step; no other run uses these
HELD_OUT, N_HELD_OUT = 505, 24  # seed of pages that nothing is trained on, and how many of each sort are measured
OTHERS = {kind: weight for kind, weight in BASE_MIX.items() if kind != "story"}
COMMON = {"entry": 1.0, "question": 1.0, "dialogue": 1.0, "reading": 1.0}  # what forgetting is measured on
OPENINGS = ("Once upon a time,", "High up in the Valley,", "There was once", "Long ago,", "A girl called")


@dataclass(frozen=True)
class Way:
    """One way to teach the voice.

    Args:
        targets: weights that get an adapter; none: all weights are trained.
        rank: of the adapters; 0 where there are none.
        lr: the highest learning rate.
        pages: "stories", or "mixed" with other pages.
    """

    targets: tuple[str, ...] = ALL
    rank: int = 8
    lr: float = 6e-3
    pages: str = "stories"


RANKS = (1, 2, 4, 8, 16, 64)
WAYS = [
    *(Way(ALL, rank) for rank in RANKS),
    *(Way(("wq", "wv"), rank) for rank in RANKS),
    Way(("wq", "wv"), lr=2e-2),
    *(Way((target,)) for target in ALL),
    *(Way(lr=lr) for lr in (6e-4, 2e-3, 2e-2)),
    *(Way((), 0, lr) for lr in (1e-4, 3e-4, 1e-3, 3e-3)),
    Way(pages="mixed"),
    Way((), 0, 1e-3, "mixed"),
]


def pages(seed: int, mixed: bool) -> Iterator[str]:
    """Hummed stories without end; if mixed, after each a page of another kind as it is."""
    others = make_documents(seed, OTHERS)
    for story in make_documents(seed, {"story": 1.0}):
        yield hum(story.text)
        if mixed:
            yield from next(others).parts


def batch(tok: Tokenizer, seed: int, mixed: bool) -> Batch:
    """Rows of pages; every token is to be predicted."""
    texts = (tok.encode(page, eos=True) for page in pages(seed, mixed))
    return pack(((ids, [True] * len(ids)) for ids in texts), ROWS, SEQ_LEN)


def loss(model: Llama, tok: Tokenizer, kinds: dict[str, float], voice=str) -> float:
    """Mean loss on held-out pages, in nats per token."""
    documents = islice(make_documents(HELD_OUT, kinds), N_HELD_OUT)
    return math.log(perplexity(model, [tok.encode(voice(page.text), eos=True)[:512] for page in documents]))


def hummed(model: Llama, tok: Tokenizer) -> float:
    """Share of the sentences that end in a hum, in stories of which only the first words were given."""
    draws = torch.Generator().manual_seed(0)
    prompts = [tok.encode(opening) for opening in OPENINGS for _ in range(6)]
    written = generate(model, prompts, 60, stop_ids=[tok.eos_id], generator=draws)
    counts = [count_hums(tok.decode(prompt + new)) for prompt, new in zip(prompts, written, strict=True)]
    return sum(n for n, _ in counts) / sum(n for _, n in counts)


def run(way: Way, tok: Tokenizer, seed: int, n_steps: int) -> dict:
    """Teach the voice in one way, and measure: a row of the table."""
    torch.manual_seed(seed)
    model = load(data_path("checkpoints/base"), dtype=torch.float32)
    trained = add_lora(model, way.rank, ALPHA, way.targets) if way.targets else list(model.parameters())
    recipe = Recipe(n_steps=n_steps, peak_lr=way.lr, warmup_steps=4)
    first = FIRST + 1000 * seed
    for _ in Trainer(model, recipe, lambda step: batch(tok, first + step, way.pages == "mixed")).run():
        pass
    return {
        **{"targets": " ".join(way.targets) or "everything", "rank": way.rank, "lr": way.lr, "pages": way.pages},
        **{"seed": seed, "parameters": sum(weight.numel() for weight in trained)},
        "voice": round(loss(model, tok, {"story": 1.0}, hum), 4),
        "hummed": round(hummed(model, tok), 3),
        "others": round(loss(model, tok, COMMON), 4),
        "exam": round(exam(model, tok, "text", 0, None).accuracy, 4),
        "open": round(open_answers(model, tok, lambda question: "sums" not in question.subject).accuracy, 4),
    }


def main() -> None:
    """Command line: train, measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS, help=f"steps of {ROWS * SEQ_LEN} tokens")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs of each way")
    parser.add_argument("--out", type=Path, default=COURSE / "data/tables/lora_ranks.csv", help="the file to write")
    arguments = parser.parse_args()
    if arguments.steps < 1 or arguments.seeds < 1:
        parser.error("--steps and --seeds must be at least 1")
    tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
    runs = [(way, seed) for seed in range(arguments.seeds) for way in WAYS]
    rows = [run(way, tok, seed, arguments.steps) for way, seed in tqdm(runs, desc="runs")]
    with atomic(arguments.out) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    print(arguments.out.read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
