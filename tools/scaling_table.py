"""How the loss falls with size, data and context: small Llamas trained on the Valley, measured on documents held out.

    python -m tools.scaling_table                writes data/tables/scaling.csv and more_data.csv (about 10 minutes)
    python -m tools.scaling_table --share 0.05 --out FOLDER                      a short run, to see that it works

`scaling.csv`: three sizes, each trained for several budgets of tokens. Every budget is a run of its own, whose learning
rate ends where the run ends; longer runs are also measured when they pass the shorter budgets, their rate still high.
`more_data.csv`: one size, at 1.0 and 1.4 times the tokens, with rows of 64, 256 and 512 tokens; two first weights each.
All runs read the same documents in the same order, as far as they go. A run is written down as soon as it is done, and
is not done again: remove a table to measure it anew.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import torch

from llama_lessons.arithmetic import flops_per_token
from llama_lessons.batches import Batch
from llama_lessons.config import LlamaConfig
from llama_lessons.files import COURSE, data_path
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer
from tools.kv_heads import documents, loss_of
from tools.tables import write_table

SIZES = {"small": (32, 2, 88), "middle": (64, 2, 176), "large": (96, 4, 256)}  # dim, n_layers, hidden_dim
STEP_TOKENS = 4096
BUDGETS = (32, 64, 128)  # steps: an eighth of a million tokens, and twice as many each time
DATA_STEPS, DATA_SHARES = 40, (1.0, 1.4)
CONTEXTS = (64, 256, 512)  # tokens a row
SEEDS = 2  # first weights for each row of more_data.csv
FIRST_STEP = 3_000_000  # seed of the documents of the first step; no other run uses these
HELD_OUT, HELD_OUT_ROWS = 6, 64  # seed of documents that nothing is trained on; rows of 512 tokens
TRAINING = 3  # a step costs three times as much as running the model


def shape(size: str, vocab_size: int) -> LlamaConfig:
    """One of the three shapes, from 90 000 parameters to 600 000."""
    dim, n_layers, hidden_dim = SIZES[size]
    return LlamaConfig(
        dim=dim,
        n_layers=n_layers,
        n_heads=4,
        n_kv_heads=2,
        hidden_dim=hidden_dim,
        vocab_size=vocab_size,
        max_seq_len=max(CONTEXTS),
        tie_embeddings=True,
    )


def in_rows(batch: Batch, seq_len: int) -> Batch:
    """The same tokens and targets in shorter rows: each token then sees less of what came before it."""
    return Batch(batch.tokens.reshape(-1, seq_len), batch.targets.reshape(-1, seq_len))


class Runs:
    """What all runs share: tokenizer, documents to train on and documents held out.

    Args:
        share: of all steps; less than 1 for a trial.
    """

    def __init__(self, share: float) -> None:
        self.tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
        self.budgets = [max(2, round(share * steps)) for steps in BUDGETS]
        self.data_steps = [max(2, round(share * more * DATA_STEPS)) for more in DATA_SHARES]
        self.held_out = documents(HELD_OUT, self.tok, HELD_OUT_ROWS, max(CONTEXTS))

    def train(self, size: str, n_steps: int, seq_len: int, seed: int) -> Iterator[tuple[int, Llama]]:
        """Train one model; steps done and the model, after every step."""
        train_config = TrainConfig(n_steps=n_steps, peak_lr=3e-3, warmup_steps=min(20, n_steps // 4), eps=1e-8)
        torch.manual_seed(seed)
        model = Llama(shape(size, self.tok.vocab_size))
        rows = STEP_TOKENS // seq_len
        trainer = Trainer(model, train_config, lambda step: documents(FIRST_STEP + step, self.tok, rows, seq_len))
        for record in trainer.run(bar=False):
            yield record.step, model

    def loss(self, model: Llama, seq_len: int) -> float:
        """Mean loss on the documents held out, in nats per token, read in rows of seq_len."""
        return round(loss_of(model, in_rows(self.held_out, seq_len)), 4)


def scaling(runs: Runs, seq_len: int = 256) -> Iterator[tuple[dict, Callable[[], list[dict]]]]:
    """What names each run, and what does it: a row whenever it passes a budget."""
    for size in SIZES:
        config = shape(size, runs.tok.vocab_size)
        flops = TRAINING * flops_per_token(config, seq_len // 2)  # a token attends to half a row on average
        for planned in runs.budgets:
            key = {"parameters": config.n_params, "planned_tokens": planned * STEP_TOKENS}

            def run(size=size, planned=planned, flops=flops) -> list[dict]:
                return [
                    {
                        "tokens": step * STEP_TOKENS,
                        "flops": flops * step * STEP_TOKENS,
                        "loss": runs.loss(model, seq_len),
                    }
                    for step, model in runs.train(size, planned, seq_len, seed=0)
                    if step in runs.budgets
                ]

            yield key, run


def more_data(runs: Runs, size: str = "middle") -> Iterator[tuple[dict, Callable[[], list[dict]]]]:
    """What names each run, and what does it: one row, at its end."""
    config = shape(size, runs.tok.vocab_size)
    for seed, seq_len, n_steps in product(range(SEEDS), CONTEXTS, runs.data_steps):

        def run(seed=seed, seq_len=seq_len, n_steps=n_steps) -> list[dict]:
            *_, (_, model) = runs.train(size, n_steps, seq_len, seed)
            flops = TRAINING * flops_per_token(config, seq_len // 2) * n_steps * STEP_TOKENS
            return [{"parameters": config.n_params, "flops": flops, "loss": runs.loss(model, seq_len)}]

        yield {"context": seq_len, "tokens": n_steps * STEP_TOKENS, "seed": seed}, run


def fill(path: Path, plan: Iterator[tuple[dict, Callable[[], list[dict]]]]) -> None:
    """Do every run that the table does not have yet, and write the table after each."""
    rows: list[dict] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    for key, run in plan:
        key = {name: str(value) for name, value in key.items()}
        if any(key.items() <= row.items() for row in rows):
            continue
        rows += [key | {name: str(value) for name, value in row.items()} for row in run()]
        write_table(path, rows)
        print(f"{path.name}: {len(rows)} rows", flush=True)


def main() -> None:
    """Command line: train, and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of all steps")
    parser.add_argument("--out", type=Path, default=COURSE / "data/tables", help="folder to write to")
    arguments = parser.parse_args()
    if not 0 < arguments.share <= 1:
        parser.error(f"--share must lie between 0 and 1, got {arguments.share}")
    runs = Runs(arguments.share)
    fill(arguments.out / "scaling.csv", scaling(runs))
    fill(arguments.out / "more_data.csv", more_data(runs))


if __name__ == "__main__":
    main()
