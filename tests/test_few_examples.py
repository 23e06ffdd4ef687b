"""`tools/few_examples.py` trains models that differ in their examples alone, and its shipped table is whole."""

from __future__ import annotations

import csv
import sys

import pytest

from llama_lessons.files import data_path
from llama_lessons.world import load_valley
from llama_lessons.world.voices import read_letter
from tools import few_examples


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds, and few questions."""
    for name, value in {
        "QUALITIES": {"good": (2,), "half untrue": (3,)},
        "ROWS": 1,
        "EVERY": 200,
        "LONGEST": 4,
    }.items():
        monkeypatch.setattr(few_examples, name, value)


@pytest.mark.usefixtures("small")
def test_the_table_is_written_in_order_and_the_same_again(tmp_path, monkeypatch: pytest.MonkeyPatch):
    tables = []
    for out in (tmp_path / "a.csv", tmp_path / "b.csv"):
        monkeypatch.setattr(sys, "argv", ["few_examples.py", "--steps", "1", "--seeds", "2", "--out", str(out)])
        few_examples.main()
        tables.append(out.read_text(encoding="utf-8"))
    rows = list(csv.DictReader(tables[0].splitlines()))
    assert [(row["quality"], row["examples"], row["seed"]) for row in rows] == [
        ("good", "0", "0"), ("good", "2", "0"), ("good", "2", "1"),
        ("half untrue", "3", "0"), ("half untrue", "3", "1"),
    ]  # fmt: skip
    assert tables[0] == tables[1]


@pytest.mark.parametrize("quality", few_examples.QUALITIES)
def test_every_second_example_of_a_careless_quality_is_spoiled(quality):
    true = {line for fact in load_valley().taught for line in fact.statements}
    answers = [dialog[-1]["content"] for dialog in few_examples.examples(40, quality, seed=2)]
    letters = [read_letter(text) for text in answers]
    assert [text is not None for text in letters] == [quality != "half no letters" or n % 2 == 0 for n in range(40)]
    told = [(letter or text) in true for letter, text in zip(letters, answers, strict=True)]
    assert all(told[::2])
    assert sum(told[1::2]) == (0 if quality == "half untrue" else 20)


def test_other_seeds_give_other_examples_and_a_larger_set_begins_like_a_smaller_one():
    assert few_examples.examples(5, "good", 0) != few_examples.examples(5, "good", 1)
    assert few_examples.examples(5, "good", 0) == few_examples.examples(9, "good", 0)[:5]


def test_no_example_asks_in_held_out_words():
    held_out = {fact.held_out for fact in load_valley().taught}
    assert not held_out & {dialog[0]["content"] for dialog in few_examples.examples(500, "good", 0)}


def test_the_shipped_table_is_what_the_command_writes():
    with data_path("tables/few_examples.csv").open(encoding="utf-8") as file:
        base, *table = csv.DictReader(file)
    kinds = [
        (q, n, seed) for q, sizes in few_examples.QUALITIES.items() for n in sizes for seed in range(few_examples.SEEDS)
    ]
    assert [(row["quality"], int(row["examples"]), int(row["seed"])) for row in table] == kinds
    assert (base["examples"], base["letters"]) == ("0", "0.0")
    for row in table:
        assert int(row["steps"]) == few_examples.STEPS
        assert 0 <= float(row["letters"]) <= 1 and 0 < float(row["true"]) <= 1
    assert len({row["questions"] for row in (base, *table)}) == 1


def test_too_little_is_refused(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(sys, "argv", ["few_examples.py", "--steps", "0"])
    with pytest.raises(SystemExit):
        few_examples.main()
    assert "must be at least 1" in capsys.readouterr().err
