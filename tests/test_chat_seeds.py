"""`tools/chat_seeds.py` trains chat models that differ in seed or in wishes alone, and its shipped table is whole."""

from __future__ import annotations

import csv
from itertools import islice
from types import SimpleNamespace

import torch

from llama_lessons.evaluation import Score
from llama_lessons.files import data_path
from llama_lessons.world.chats import chats
from tools import chat_seeds


def test_the_control_reads_everything_but_wishes_over_several_turns():
    items = list(islice(chats("train", 2), 2000))
    left_out = [item for item in items if not chat_seeds.short_wishes(item)]
    assert {item.kind for item in left_out} == {"wish"} and min(len(item.dialog) for item in left_out) == 5
    kept = [item for item in items if chat_seeds.short_wishes(item)]
    assert {len(item.dialog) for item in kept if item.kind == "wish"} == {3}
    assert len({item.kind for item in kept}) == 8


def test_a_row_for_each_run_and_score(tmp_path, monkeypatch):
    runs = []

    def fine_tune(config, folder, seed, wanted):
        runs.append((config.n_steps, folder.name, seed, wanted))
        return SimpleNamespace(model=torch.nn.Linear(1, 1)), None

    monkeypatch.setattr(chat_seeds, "fine_tune", fine_tune)
    monkeypatch.setattr(
        chat_seeds, "chat_scores", lambda model, tok: [("one", Score.of(1, 2)), ("two", Score.of(3, 3))]
    )
    rows = chat_seeds.measure(7, tmp_path)
    names = ["chat-0", "chat-1", "chat-2", "chat-control"]
    assert runs == [
        (7, name, seed, wanted)
        for name, seed, wanted in zip(names, (0, 1, 2, 0), (None, None, None, chat_seeds.short_wishes), strict=True)
    ]
    assert [(row["run"], row["what"]) for row in rows] == [(name, what) for name in names for what in ("one", "two")]
    assert rows[0] == {
        "run": "chat-0",
        "what": "one",
        "share right": "0.500",
        "low": "0.095",
        "high": "0.905",
        "n": "2",
    }


def test_the_shipped_table_is_what_the_command_writes_and_shows_what_the_turns_are_for():
    with data_path("tables/chat_seeds.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    shares = {(row["run"], row["what"]): float(row["share right"]) for row in table}
    assert len(shares) == len(table) == 4 * 15
    for row in table:
        score = Score.of(round(float(row["share right"]) * int(row["n"])), int(row["n"]))
        assert (row["share right"], row["low"], row["high"]) == tuple(
            f"{x:.3f}" for x in (score.accuracy, score.low, score.high)
        )
    assert all(shares[f"chat-{seed}", "wish kept, turn 4"] >= 0.95 for seed in (0, 1, 2))
    assert shares["chat-control", "wish kept, turn 4"] <= 0.3
