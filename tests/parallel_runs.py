"""What `torchrun` starts for tests/test_parallel_*.py: `python -m tests.parallel_runs FOLDER WHAT`, in several processes.

Everything that several processes shall show is computed here, in as few starts as can be, and left in FOLDER.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch

from llama_lessons.batches import IGNORE, Batch
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.parallel import WAYS, shard, whole_model
from llama_lessons.processes import process_group, rank
from llama_lessons.training import Trainer

ROOT = Path(__file__).parents[1]
SHAPE = LlamaConfig(dim=32, n_layers=2, n_heads=8, n_kv_heads=4, vocab_size=31, hidden_dim=20, max_seq_len=16)
RUN = TrainConfig(n_steps=8, peak_lr=3e-3, warmup_steps=2, max_grad_norm=0.5, grad_accum_steps=2)
TIED = replace(SHAPE, tie_embeddings=True)
MUON = replace(RUN, muon_lr=0.02)
RUNS = {"untied": (SHAPE, RUN), "tied": (TIED, RUN), "muon": (TIED, MUON)}
STEPS = 3


def uneven(step: int) -> Batch:
    """Five rows, of which the first are asked for ever less; at step 2 one row alone, so that a process has none."""
    rows = torch.randint(31, (5, 10), generator=torch.Generator().manual_seed(step))
    targets = rows[:, 1:].clone()
    targets[:2, 2 * step :] = IGNORE
    return Batch(rows[: 1 if step == 2 else 5, :-1], targets[: 1 if step == 2 else 5])


def new_model(shape: LlamaConfig, seed: int = 0) -> Llama:
    torch.manual_seed(seed)
    return Llama(shape)


def results(trainer: Trainer, n_steps: int = STEPS) -> tuple[list, dict | None]:
    """Train on; the metrics, and in the first process all weights."""
    metrics = list(trainer.run(n_steps))
    whole = whole_model(trainer.model)
    return metrics, whole and dict(whole.state_dict())


def train(folder: Path) -> None:
    """Three steps of every run, in each way; the state after them stays in a folder."""
    found = {}
    for way in WAYS:
        for name, (shape, config) in RUNS.items():
            trainer = Trainer(shard(new_model(shape, seed=rank()), way), config, uneven)  # the first one's weights count
            found[way, name] = results(trainer)
            trainer.save(folder / f"{way}-{name}")
    torch.save(found, folder / f"{rank()}.pt")


def in_processes(folder: Path, what: str, n: int = 2) -> subprocess.CompletedProcess:
    """Run a function of this file in n processes."""
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n), "-m", "tests.parallel_runs"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    words = [sys.executable, *command, str(folder), what]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


if __name__ == "__main__":
    with process_group():
        {"train": train}[sys.argv[2]](Path(sys.argv[1]))
