"""`tools/lora_ranks.py` trains models that differ in rank, place and seed alone, and its shipped table is whole."""

from __future__ import annotations

import csv
import sys

import pytest

from llama_lessons.config import LlamaConfig
from llama_lessons.files import data_path
from llama_lessons.widgets.adapters import lora_params
from tools import lora_ranks


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds, and rows so short that a step takes milliseconds."""
    for name, value in {"RANKS": (1, 3), "PLACES": {"wv": ("wv",)}, "ROWS": 2, "SEQ_LEN": 16}.items():
        monkeypatch.setattr(lora_ranks, name, value)


@pytest.mark.usefixtures("small")
def test_the_table_is_written_in_order_and_the_same_again(tmp_path, monkeypatch: pytest.MonkeyPatch):
    tables = []
    for out in (tmp_path / "a.csv", tmp_path / "b.csv"):
        monkeypatch.setattr(sys, "argv", ["lora_ranks.py", "--steps", "2", "--seeds", "2", "--out", str(out)])
        lora_ranks.main()
        tables.append(out.read_text(encoding="utf-8"))
    rows = list(csv.DictReader(tables[0].splitlines()))
    assert [(row["place"], row["rank"], row["seed"]) for row in rows] == [
        ("wv", "1", "0"), ("wv", "1", "1"), ("wv", "3", "0"), ("wv", "3", "1"),
    ]  # fmt: skip
    assert len({row["loss"] for row in rows}) == 4  # each began with numbers of its own
    assert tables[0] == tables[1]


def test_the_shipped_table_is_what_the_command_writes():
    with data_path("tables/lora_ranks.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    kinds = [(place, rank, seed) for place in lora_ranks.PLACES for rank in lora_ranks.RANKS for seed in (0, 1)]
    assert [(row["place"], int(row["rank"]), int(row["seed"])) for row in table] == kinds
    for row in table:
        targets = lora_ranks.PLACES[row["place"]]
        assert int(row["parameters"]) == lora_params(LlamaConfig.preset("valley"), int(row["rank"]), targets)
        assert int(row["steps"]) == lora_ranks.STEPS
        assert 0.1 < float(row["loss"]) < 0.6


def test_too_little_is_refused(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lora_ranks.py", "--steps", "0"])
    with pytest.raises(SystemExit):
        lora_ranks.main()
    assert "must be at least 1" in capsys.readouterr().err
