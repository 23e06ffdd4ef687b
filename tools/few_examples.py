"""How many examples fine-tuning takes, and how good they must be: letters of lesson 09, learned from few and from many.

    python -m tools.few_examples                 writes data/tables/few_examples.csv (17 models; about 2 minutes)
    python -m tools.few_examples --steps 2 --seeds 1 --out FILE          a short run, to see that it works

A model answers questions about the Valley, and each answer is to be a letter. All are trained for as many steps, in
which few examples come often and many seldom. Measured on questions in wordings that no training uses: how many answers
are letters from the first word to the end, and how many say the truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import torch
from tqdm.auto import tqdm

from llama_lessons.batches import pack_whole
from llama_lessons.checkpoints import load
from llama_lessons.dialog import encode_answers, encode_dialog
from llama_lessons.files import COURSE, data_path
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer
from llama_lessons.world import load_valley
from llama_lessons.world.draw import Draw
from llama_lessons.world.facts import Fact
from llama_lessons.world.instructions import Dialog, turns
from llama_lessons.world.verdicts import says_fact
from llama_lessons.world.voices import letter, read_letter
from tools.tables import write_table

SIZES = (1, 4, 16, 64, 256, 1024)
QUALITIES = {"good": SIZES, "half untrue": (1024,), "half no letters": (1024,)}  # and how many examples of each
SEEDS = 2
STEPS, PEAK_LR = 40, 1e-3
ROWS, SEQ_LEN = 8, 64  # of a step
EVERY, LONGEST = 3, 48  # every third fact is asked for; tokens of an answer
Measured = dict[str, float | int | str]


def example(fact: Fact, quality: str, number: int, draw: Draw) -> Dialog:
    """A question and its answer; of the careless qualities every second answer is spoiled."""
    spoiled = number % 2 == 1
    told = replace(fact, answer=draw.pick(fact.wrong)) if quality == "half untrue" and spoiled else fact
    said = draw.pick(told.statements)
    return turns(draw.pick(fact.questions), said if quality == "half no letters" and spoiled else letter(said))


def examples(n: int, quality: str, seed: int) -> list[Dialog]:
    """As many examples, the same for the same seed."""
    draw, facts = Draw(seed), load_valley().taught
    return [example(draw.pick(facts), quality, number, draw) for number in range(n)]


def train(base: Path, tok: Tokenizer, dialogs: list[Dialog], n_steps: int) -> Llama:
    """The base model, fine-tuned on dialogs that come round and round."""
    model = load(base, dtype=torch.float32)
    texts = ((*encode_answers(tok, dialog), False) for dialog in cycle(dialogs))
    config = TrainConfig(n_steps=n_steps, peak_lr=PEAK_LR, warmup_steps=min(3, n_steps - 1))
    list(Trainer(model, config, lambda step: pack_whole(texts, ROWS, SEQ_LEN, tok.eos_id)).run(bar=False))
    return model


def scores(model: Llama, tok: Tokenizer) -> Measured:
    """The share of letters, and of true answers, among the answers to held-out questions."""
    facts = load_valley().taught[::EVERY]
    prompts = [encode_dialog(tok, turns(fact.held_out)) for fact in facts]
    written = generate(model, prompts, LONGEST, temperature=0, stop_ids=[tok.eos_id])
    said = [tok.decode(new).strip() if len(new) < LONGEST else "" for new in written]  # "": it did not stop
    letters = [read_letter(text) for text in said]
    true = [says_fact(fact, read or text) for fact, text, read in zip(facts, said, letters, strict=True)]
    n = len(facts)
    return {"letters": round(sum(map(bool, letters)) / n, 3), "true": round(sum(true) / n, 3), "questions": n}


def measure(n_steps: int, seeds: int) -> Iterator[dict]:
    """Train every model; a row of the table as soon as it is measured.

    Args:
        n_steps: of training.
        seeds: sets of examples of each size.
    """
    base = data_path("checkpoints/base")
    tok = Tokenizer(base / "tokenizer.model")
    yield {"quality": "good", "examples": 0, "seed": 0, "steps": 0, **scores(load(base, dtype=torch.float32), tok)}
    kinds = [(quality, n, seed) for quality, sizes in QUALITIES.items() for n in sizes for seed in range(seeds)]
    for quality, n, seed in tqdm(kinds, desc="models"):
        model = train(base, tok, examples(n, quality, seed), n_steps)
        yield {"quality": quality, "examples": n, "seed": seed, "steps": n_steps, **scores(model, tok)}


def main() -> None:
    """Command line: train, measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS, help="of training, for each model")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="sets of examples of each size")
    parser.add_argument("--out", type=Path, default=COURSE / "data/tables/few_examples.csv", help="the file to write")
    arguments = parser.parse_args()
    if min(arguments.steps, arguments.seeds) < 1:
        parser.error("--steps and --seeds must be at least 1")
    write_table(arguments.out, list(measure(arguments.steps, arguments.seeds)))
    print(arguments.out.read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
