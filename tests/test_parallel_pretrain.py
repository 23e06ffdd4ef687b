"""`pretrain --shard` trains the Valley; where a process is killed, the run ends with a message, and can be taken up."""

from __future__ import annotations

import subprocess
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


def left_over(folder: Path) -> list[psutil.Process]:
    """Processes that were started with this folder on their command line."""
    return [p for p in psutil.process_iter(["cmdline"]) if str(folder) in (p.info["cmdline"] or ())]


def weights_in(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load(folder).state_dict())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, subprocess.CompletedProcess]]:
    """A folder, and what was printed of runs that nothing disturbed, of two with a process killed, of both resumed.

    They are killed in the middle of step 4; the last state is that of step 2.
    """
    folder, printed = tmp_path_factory.mktemp("runs"), {}
    printed["straight"] = torchrun("valley", folder / "straight", *WAYS)
    for way in WAYS:
        (folder / f"killed/work/pretrain-5-{way}/state/.llama_lessons.saving").mkdir(parents=True)  # once killed before
        printed[way] = torchrun("dying valley", folder / "killed", way)
        printed[way, "left over"] = left_over(folder / "killed")
        printed[way, "written"] = (folder / "killed" / way).exists()
    printed["resumed"] = torchrun("valley", folder / "killed", *WAYS)
    return folder, printed


@pytest.mark.parametrize("way", WAYS)
def test_a_killed_process_ends_the_run_with_a_message_and_leaves_nothing_behind(way: str, runs: tuple):
    _, printed = runs
    assert printed[way].returncode == 1
    assert "process 0 stops: another of the 2 has ended" in printed[way].stderr
    assert "Signal 9 (SIGKILL)" in printed[way].stderr  # torchrun's own word on the other
    assert printed[way, "left over"] == []
    assert not printed[way, "written"]


@pytest.mark.parametrize("way", WAYS)
def test_it_goes_on_to_the_bit_as_if_nothing_had_been(way: str, runs: tuple):
    folder, printed = runs
    assert printed["straight"].returncode == printed["resumed"].returncode == 0, (
        f"{printed['straight'].stderr}\n{printed['resumed'].stderr}"
    )
    assert printed["resumed"].stdout.count("going on after step 2") == len(WAYS)
    assert_close(weights_in(folder / "killed" / way), weights_in(folder / "straight" / way), rtol=0, atol=0)
    assert left_over(folder) == []


@pytest.mark.parametrize("way", WAYS)
def test_the_valley_becomes_what_one_process_makes_of_it(way: str, runs: tuple, tmp_path: Path, monkeypatch):
    folder, printed = runs
    assert f"the model lies in {folder / 'straight' / way}" in printed["straight"].stdout, printed["straight"].stderr
    small_valley(monkeypatch, tmp_path)
    monkeypatch.setattr(sys, "argv", ["pretrain", "--steps", "5", "--out", str(tmp_path / "alone")])
    pretrain.main()
    snapshots = [
        place / "snapshots/00003"
        for place in (folder / f"straight/work/pretrain-5-{way}", tmp_path / "work/pretrain-5")
    ]
    for theirs, ours in ((folder / "straight" / way, tmp_path / "alone"), snapshots):
        assert_close(weights_in(theirs), weights_in(ours), rtol=0.01, atol=2e-4)  # stored in bfloat16
    assert load(folder / "straight" / way).config == load(tmp_path / "alone").config


def test_sharing_out_takes_several_processes(tmp_path: Path, monkeypatch, capsys):
    small_valley(monkeypatch, tmp_path)
    monkeypatch.setattr(sys, "argv", ["pretrain", "--shard", "tp"])
    with pytest.raises(SystemExit):
        pretrain.main()
    assert "--shard tp takes several processes: torchrun --nproc-per-node 2" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()
