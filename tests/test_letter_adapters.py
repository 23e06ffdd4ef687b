"""`tools/letter_adapters.py` trains models that differ in layout, first choices and seed; its table is whole."""

from __future__ import annotations

import csv
import sys

import pytest

from llama_lessons.batches import IGNORE
from llama_lessons.files import data_path
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world.letter_layouts import LAYOUTS, draw_items, facts_for_letters
from tools import letter_adapters

SAID_FIRST = "letter after its choice, shared token, said first"


@pytest.fixture(scope="module")
def tok() -> Tokenizer:
    return Tokenizer(data_path("checkpoints/base/tokenizer.model"))


def test_no_fresh_fact_is_trained_on():
    fresh, learned = facts_for_letters(fresh=True), facts_for_letters(fresh=False)
    assert len(fresh) == 52 and not {fact.key for fact in fresh} & {fact.key for fact in learned}
    assert not any(fact.examined for fact in fresh) and all(fact.examined for fact in learned)
    asked = {item.fact for item in draw_items(learned, 10_000, 60)}
    assert asked <= {fact.key for fact in learned}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_batch_asks_for_the_answer_and_nothing_else(tok: Tokenizer, name: str):
    items = draw_items(facts_for_letters(fresh=False), 3, 5)
    batch = letter_adapters.answer_batch(tok, LAYOUTS[name], items)
    assert batch.tokens.shape == (5, letter_adapters.SEQ_LEN)
    asked = {tok.decode([t for t in row.tolist() if t != IGNORE]).strip() for row in batch.targets}
    assert asked == {LAYOUTS[name].right(item).strip() for item in items}
    read = {tok.decode(row.tolist()).split("\nAnswer:")[0].lstrip() for row in batch.tokens}
    assert read == {LAYOUTS[name].prompt(item).removesuffix("\nAnswer:") for item in items}


def test_letter_and_answer_share_their_token_where_it_is_said(tok: Tokenizer):
    [item] = draw_items(facts_for_letters(fresh=True), 4, 1)
    for name, layout in LAYOUTS.items():
        pieces = tok.pieces(tok.encode(layout.prompt(item)))[:-3]  # without "Answer:", whose first piece may be an A
        [letter] = [
            piece
            for piece in tok.pieces(tok.encode(layout.prompt(item) + layout.right(item)))[-2:]
            if piece.strip("▁") == item.letter
        ]
        assert (letter in pieces) == (not name.startswith("MMLU")), name


def test_every_fact_fits_a_row(tok: Tokenizer):
    items = draw_items(facts_for_letters(fresh=False) + facts_for_letters(fresh=True), 5, 400)
    for layout in LAYOUTS.values():
        letter_adapters.answer_batch(tok, layout, items)


def test_two_choices_come_first_where_they_are_to():
    assert [letter_adapters.n_choices(step, 9, 2) for step in range(9)] == [2, 2, 2, 4, 4, 4, 4, 4, 4]
    assert {letter_adapters.n_choices(step, 9, 4) for step in range(9)} == {4}


def test_the_table_is_written_in_order(tmp_path, monkeypatch: pytest.MonkeyPatch):
    for name, value in {"ROWS": 2, "N_ITEMS": 3, "LAYOUTS": {SAID_FIRST: LAYOUTS[SAID_FIRST]}}.items():
        monkeypatch.setattr(letter_adapters, name, value)
    out = tmp_path / "a.csv"
    monkeypatch.setattr(sys, "argv", ["letter_adapters.py", "--steps", "2", "--seeds", "2", "--out", str(out)])
    letter_adapters.main()
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert [(row["layout"], row["choices at first"], row["seed"]) for row in rows] == [
        (SAID_FIRST, "4", "0"), (SAID_FIRST, "4", "1"),
    ]  # fmt: skip
    assert all(0 <= int(row["fresh whole"]) <= int(row["fresh letter"]) <= int(row["n"]) == 3 for row in rows)


def test_the_shipped_table_is_what_the_command_writes():
    with data_path("tables/letter_adapters.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    kinds = [(name, first, seed) for name in LAYOUTS for first in (4, 2) for seed in range(letter_adapters.SEEDS)]
    kinds = [kind for kind in kinds if kind[1] == 4 or kind[0] in letter_adapters.TWO_FIRST]
    assert [(row["layout"], int(row["choices at first"]), int(row["seed"])) for row in table] == kinds
    for row in table:
        assert (int(row["steps"]), int(row["n"])) == (letter_adapters.STEPS, letter_adapters.N_ITEMS)
        good = int(row["fresh letter"]) / int(row["n"])
        assert good > 0.6 if row["layout"] == SAID_FIRST else good < 0.6


def test_too_little_is_refused(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(sys, "argv", ["letter_adapters.py", "--seeds", "0"])
    with pytest.raises(SystemExit):
        letter_adapters.main()
    assert "must be at least 1" in capsys.readouterr().err
