"""`pretrain --shard` trains the Valley; a process that is killed ends the run with a message, and it goes on exactly."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import pytest
import torch
from torch.testing import assert_close

from llama_lessons import pretrain
from llama_lessons.checkpoints import load
from llama_lessons.parallel import WAYS
from tests.parallel_runs import small_valley, torchrun

STEPS = "5"


def left_over(folder: Path) -> list[psutil.Process]:
    """Processes that were started with this folder on their command line."""
    return [p for p in psutil.process_iter(["cmdline"]) if str(folder) in (p.info["cmdline"] or ())]


def weights_in(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load(folder).state_dict())


@pytest.mark.parametrize("way", WAYS)
def test_a_killed_process_ends_the_run_and_it_goes_on_to_the_bit(way: str, tmp_path: Path, monkeypatch):
    """Killed in the middle of step 4; the last state is that of step 2."""
    words = ("--steps", STEPS, "--shard", way)
    straight = torchrun("valley", tmp_path / "straight", *words, "--out", str(tmp_path / "straight/model"))
    assert straight.returncode == 0, straight.stderr
    assert "the model lies in" in straight.stdout

    killed = torchrun("dying valley", tmp_path / "killed", *words, "--out", str(tmp_path / "killed/model"))
    assert killed.returncode == 1
    assert "process 0 stops: another of the 2 has ended" in killed.stderr
    assert "Signal 9 (SIGKILL)" in killed.stderr  # torchrun's own word on the other
    assert left_over(tmp_path / "killed") == []
    assert not (tmp_path / "killed/model").exists()

    resumed = torchrun("valley", tmp_path / "killed", *words, "--out", str(tmp_path / "killed/model"))
    assert resumed.returncode == 0, resumed.stderr
    assert "going on after step 2" in resumed.stdout
    assert left_over(tmp_path) == []
    assert_close(weights_in(tmp_path / "killed/model"), weights_in(tmp_path / "straight/model"), rtol=0, atol=0)
    settings = json.loads((tmp_path / "killed/model/config.json").read_text(encoding="utf-8"))
    assert settings["num_key_value_heads"] == 3  # an ordinary checkpoint, of the whole

    small_valley(monkeypatch, tmp_path / "alone")
    monkeypatch.setattr(sys, "argv", ["pretrain", "--steps", STEPS, "--out", str(tmp_path / "alone/model")])
    pretrain.main()
    for place in ("model", f"work/pretrain-{STEPS}%s/snapshots/00003"):
        theirs, ours = (
            tmp_path / name / (place % way_ if "%" in place else place)
            for name, way_ in (("straight", f"-{way}"), ("alone", ""))
        )
        assert_close(weights_in(theirs), weights_in(ours), rtol=0.01, atol=2e-4)  # stored in bfloat16


def test_sharing_out_takes_several_processes(tmp_path: Path, monkeypatch, capsys):
    small_valley(monkeypatch, tmp_path)
    monkeypatch.setattr(sys, "argv", ["pretrain", "--shard", "tp"])
    with pytest.raises(SystemExit):
        pretrain.main()
    assert "--shard tp takes several processes: torchrun --nproc-per-node 2" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()
