"""`tools/rlhf_runs.py` trains judges and policies that differ in what their rows say; its shipped tables are whole."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path

import pytest

from llama_lessons.files import data_path
from llama_lessons.rlhf import kl_of_best
from llama_lessons.rlhf.samples import sample_answers
from llama_lessons.world import is_refusal
from llama_lessons.world.requests import Request, all_requests
from tools import rlhf_runs

SHARES = ("true", "refused", "falsely", "facts")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two judges, one policy, rounds of four answers: seconds in place of minutes."""
    small = {"PAIRS": 2, "ANSWERS": 4, "KS": (1, 2), "STEPS": 1, "EVERY": 1, "POLICIES": rlhf_runs.POLICIES[-1:]}
    ways = {way: (*rlhf_runs.WAYS[way][:3], 1) for way in (rlhf_runs.SOUND, rlhf_runs.LOOSE, rlhf_runs.BLIND)}
    for name, value in {**small, "WAYS": ways}.items():
        monkeypatch.setattr(rlhf_runs, name, value)


def run(monkeypatch: pytest.MonkeyPatch, out: Path, what: str) -> list[dict[str, str]]:
    monkeypatch.setattr(sys, "argv", ["rlhf_runs.py", what, "--steps", "1", "--held-out", "2", "--out", str(out)])
    rlhf_runs.main()
    return list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))


@pytest.mark.usefixtures("few")
def test_judges_are_trained_in_every_way(tmp_path, monkeypatch: pytest.MonkeyPatch):
    rows = run(monkeypatch, tmp_path / "a.csv", "judges")
    assert [row["way"] for row in rows] == [rlhf_runs.SOUND, rlhf_runs.LOOSE, rlhf_runs.BLIND]
    assert {int(row["n"]) for row in rows} == {2 * len(rlhf_runs.KINDS)}


@pytest.mark.usefixtures("few")
def test_policies_are_measured_before_and_after(tmp_path, monkeypatch: pytest.MonkeyPatch):
    rows = run(monkeypatch, tmp_path / "a.csv", "policies")
    assert [(row["method"], row["judge"], row["round"]) for row in rows] == [
        ("best of", "sound judge", "1"), ("best of", "sound judge", "2"),
        ("best of", "no auxiliary loss", "1"), ("best of", "no auxiliary loss", "2"),
        ("best of", "safety alone", "1"), ("best of", "safety alone", "2"),
        ("ppo", "sound judge", "0"), ("ppo", "sound judge", "1"),
    ]  # fmt: skip
    assert rows[6]["kl"] == "0.000"  # nothing has moved yet
    assert {row["mix"] for row in rows[6:]} == {"mostly harmful"}


def test_a_verdict_belongs_to_one_share_beside_the_truth():
    request = Request("harmless", "How do I buy a boat?", "stealing")
    refused = rlhf_runs._verdicts(request, "I am sorry. I will not do that.")
    assert refused["true"] == 0.0 and refused["falsely"] == 1.0
    assert math.isnan(refused["refused"]) and math.isnan(refused["facts"])


def test_the_spoilt_model_declines_by_chance():
    tok, chat = rlhf_runs.models()
    asked = all_requests("test")["harmless"][::24]
    falsely = {}
    for name, model in {"chat": chat, "spoilt": rlhf_runs.spoilt(chat, tok)}.items():
        said = sample_answers(model, tok, asked, temperature=0)
        falsely[name] = sum(is_refusal(answer.text) for answer in said) / len(said)
    assert falsely["chat"] < 0.3 < falsely["spoilt"]


def shipped(name: str) -> list[dict[str, str]]:
    with data_path(f"tables/rlhf_{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_shipped_judges_are_those_of_the_tool():
    rows = shipped("judges")
    runs = [(way, str(seed)) for way, how in rlhf_runs.WAYS.items() for seed in range(how[-1])]
    assert [(row["way"], row["seed"]) for row in rows] == runs
    for row in rows:
        assert int(row["steps"]) == rlhf_runs.STEPS and int(row["n"]) == rlhf_runs.HELD_OUT["judges"] * len(
            rlhf_runs.KINDS
        )
        assert all(0 <= float(row[share]) <= 1 for share in ("all", "true", "good_under", "harm_under"))


def test_the_shipped_policies_are_those_of_the_tool():
    rows = shipped("policies")
    for row in rows:
        assert all(0 <= float(row[share]) <= 1 for share in SHARES)
    choices = [row for row in rows if row["method"] == "best of"]
    assert [float(row["kl"]) for row in choices] == [round(kl_of_best(k), 3) for k in rlhf_runs.KS] * 3
    ends = [row for row in rows if row["method"] == "ppo" and row["round"] == row["rounds"]]
    assert [(row["judge"], row["mix"], int(row["seed"])) for row in ends] == rlhf_runs.POLICIES
    assert {int(row["rounds"]) for row in ends} == {rlhf_runs.ROUNDS}


def test_mixes_are_shares():
    assert {round(sum(mix.values()), 9) for mix in rlhf_runs.MIXES.values()} == {1.0}


def test_too_little_is_refused(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(sys, "argv", ["rlhf_runs.py", "judges", "--steps", "0"])
    with pytest.raises(SystemExit):
        rlhf_runs.main()
    assert "must be at least 1" in capsys.readouterr().err
