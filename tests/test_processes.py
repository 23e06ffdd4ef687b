"""Two processes, as `torchrun` starts them, take the steps of one; when one dies, the other says so and ends."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from llama_lessons.model import Llama
from llama_lessons.processes import process_group, rank
from llama_lessons.training import Trainer
from tests.parallel_runs import torchrun, uneven
from tests.test_training import CONFIG, RUN

ROOT = Path(__file__).parents[1]
STEPS = 4


def new_trainer(seed: int) -> Trainer:
    """One with a frozen weight and one that no loss depends on; its gradients are clipped."""
    torch.manual_seed(seed)
    model = Llama(CONFIG)
    model.blocks[0].attention_norm.weight.requires_grad_(False)
    model.idle = nn.Parameter(torch.ones(3, 2))
    return Trainer(model, replace(RUN, max_grad_norm=0.5), uneven)


def main(folder: Path, what: str) -> None:
    """One of the two."""
    with process_group():
        trainer = new_trainer(seed=rank())  # the first process's weights count
        for metrics in trainer.run(STEPS):
            if what == "die" and metrics.step == 2 and rank() == 1:
                os._exit(9)  # as a process that is killed
        trainer.save(folder / "state.pt")
        torch.save((trainer.history, dict(trainer.model.state_dict())), folder / f"{rank()}.pt")


def test_two_processes_take_the_steps_of_one(tmp_path: Path):
    run = torchrun(tmp_path, "finish", module="tests.test_processes")
    assert run.returncode == 0, run.stderr
    alone = new_trainer(seed=0)
    list(alone.run(STEPS))
    for number in range(2):
        history, weights = torch.load(tmp_path / f"{number}.pt", weights_only=False)
        for theirs, ours in zip(history, alone.history, strict=True):
            assert theirs.loss == pytest.approx(ours.loss, rel=1e-6)
            assert theirs.grad_norm == pytest.approx(ours.grad_norm, rel=1e-5)
            assert (theirs.step, theirs.n_tokens) == (ours.step, ours.n_tokens)
        assert_close(weights, dict(alone.model.state_dict()), rtol=1e-4, atol=1e-6)
    assert min(metrics.grad_norm for metrics in alone.history) > 0.5  # clipping was at work
    resumed = new_trainer(seed=5)
    resumed.load(tmp_path / "state.pt")  # and one process goes on from the state of two
    list(alone.run(3))
    list(resumed.run(3))
    assert_close(dict(resumed.model.state_dict()), dict(alone.model.state_dict()), rtol=1e-4, atol=1e-5)


def test_a_process_that_dies_ends_the_other_with_a_message(tmp_path: Path):
    run = torchrun(tmp_path, "die", module="tests.test_processes")
    assert run.returncode != 0
    assert "process 0 stops: another of the 2 has ended" in run.stderr
    assert not (tmp_path / "state.pt").exists()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
