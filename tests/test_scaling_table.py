"""`tools/scaling_table.py`: what its tables hold, and that a killed run is taken up again."""

from __future__ import annotations

import csv

import pytest
import torch
from torch.testing import assert_close

from llama_lessons.batches import token_loss
from llama_lessons.files import data_path
from tools import scaling_table
from tools.scaling_table import Runs, fill, in_rows, more_data, scaling, shape


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def quick(monkeypatch):
    """Shapes and amounts so small that a run takes a moment; counts the runs."""
    monkeypatch.setattr(scaling_table, "SIZES", {"small": (8, 1, 8), "middle": (16, 1, 8)})
    monkeypatch.setattr(scaling_table, "STEP_TOKENS", 512)
    monkeypatch.setattr(scaling_table, "HELD_OUT_ROWS", 2)
    monkeypatch.setattr(scaling_table, "SEEDS", 1)
    runs, train, done = Runs(0.05), Runs.train, []

    def counted(self, size, n_steps, seq_len, seed):
        done.append((size, n_steps, seq_len, seed))
        return train(self, size, n_steps, seq_len, seed)

    monkeypatch.setattr(Runs, "train", counted)
    return runs, done


def test_a_run_passes_the_shorter_budgets(quick, tmp_path):
    runs, _ = quick
    fill(tmp_path / "scaling.csv", scaling(runs))
    rows = read(tmp_path / "scaling.csv")
    assert runs.budgets == [2, 3, 6]
    steps = [(int(row["planned_tokens"]) // 512, int(row["tokens"]) // 512) for row in rows]
    assert steps == [(2, 2), (3, 2), (3, 3), (6, 2), (6, 3), (6, 6)] * 2
    for row in rows:
        assert float(row["flops"]) > 6 * (int(row["parameters"]) - 1000) * int(row["tokens"])


def test_what_is_done_is_not_done_again(quick, tmp_path):
    runs, done = quick
    path = tmp_path / "more_data.csv"
    plan = list(more_data(runs))
    fill(path, iter(plan[:2]))  # and here it was killed
    first = path.read_text()
    assert len(done) == 2
    fill(path, more_data(runs))
    assert len(done) == len(set(done)) == 6
    assert path.read_text().startswith(first)
    assert [row["context"] for row in read(path)] == ["64", "64", "256", "256", "512", "512"]


def test_all_contexts_are_asked_for_the_same_tokens():
    runs = Runs(0.01)
    long, short = runs.held_out, in_rows(runs.held_out, 64)
    assert short.tokens.shape == (512, 64)
    assert torch.equal(long.targets.flatten(), short.targets.flatten())
    model = scaling_table.Llama(shape("small", runs.tok.vocab_size))
    with torch.inference_mode():
        by_hand = sum(
            float(token_loss(model(row[None]), goal)) for row, goal in zip(short.tokens, short.targets, strict=True)
        )
    assert_close(runs.loss(model, 64), by_hand / short.targets.numel(), rtol=0, atol=1e-4)


def test_the_shipped_tables_are_whole():
    budgets = [steps * 4096 for steps in scaling_table.BUDGETS]
    rows = read(data_path("tables/scaling.csv"))
    for size in scaling_table.SIZES:
        own = [row for row in rows if int(row["parameters"]) == shape(size, 2048).n_params]
        passed = [(int(row["planned_tokens"]), int(row["tokens"])) for row in own]
        assert passed == [(end, way) for end in budgets for way in budgets if way <= end]
        assert all(0 < float(row["loss"]) < 8 for row in own)
    rows = read(data_path("tables/more_data.csv"))
    assert len({(row["context"], row["tokens"], row["seed"]) for row in rows}) == len(rows) == 3 * 2 * 2


@pytest.mark.parametrize("share", ["0", "1.5"])
def test_a_share_that_makes_no_sense_is_refused(share, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["scaling_table", "--share", share])
    with pytest.raises(SystemExit):
        scaling_table.main()
    assert "--share must lie between 0 and 1" in capsys.readouterr().err
