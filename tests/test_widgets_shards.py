"""The view of lesson 13: it shows a real record, says it in words, and refuses what is not there."""

from __future__ import annotations

import json
import re

import pytest
import torch
import traitlets

from llama_lessons.checks.parallel_trials import CONFIG, STRATEGIES
from llama_lessons.parallel.lockstep import in_lockstep
from llama_lessons.widgets.shards import KINDS, ShardsView

RECORDS = {name: in_lockstep(4, step)[1] for name, step in STRATEGIES.items()}


def two_ranks(ranks) -> None:
    ranks.hold("weights", "layer <0>", torch.zeros(500 * (1 + ranks.rank)))
    ranks.all_reduce(torch.zeros(1000), "gradient & loss")
    ranks.hold("optimizer", "layer <0>", torch.zeros(2000))


SMALL = {"a <way>": in_lockstep(2, two_ranks)[1]}


@pytest.mark.parametrize("name", RECORDS)
def test_every_step_shows_what_the_record_says(name):
    view = ShardsView(RECORDS, strategy=name)
    assert view.last == len(RECORDS[name]) - 1
    for step, one in enumerate(RECORDS[name]):
        view.step = step
        for rank, column in enumerate(view.columns):
            blocks = [block for row in column["rows"] for block in row["blocks"]]
            assert len(blocks) == len(one.held[rank])
            if one.sends:
                [n_bytes] = [n for (source, _), n in one.sends.items() if source == rank]
                shown = f"{n_bytes / 1000:,.0f} kB" if n_bytes >= 1000 else f"{n_bytes} bytes"
                assert column["sends"] == f"sends {shown} to rank {(rank + 1) % 4}"
        assert one.what in view.title


def test_areas_are_bytes_to_one_scale_in_all_strategies():
    areas = []
    for name, record in RECORDS.items():
        view = ShardsView(RECORDS, strategy=name)
        for step in range(view.last + 1):
            view.step = step
            for row, kind in zip(view.columns[2]["rows"], KINDS, strict=True):
                held = record[step].held[2]
                areas += [(b["width"] * row["thick"], held[kind, b["unit"]]) for b in row["blocks"]]
    per_byte = [area / n_bytes for area, n_bytes in areas]
    assert max(per_byte) == pytest.approx(min(per_byte), rel=1e-2)
    whole = ShardsView(RECORDS, strategy="data parallel").columns[0]["rows"][0]
    assert sum(block["width"] for block in whole["blocks"]) == pytest.approx(100, abs=0.05)
    assert whole["size"] == f"{4 * CONFIG.n_params / 1000:,.0f} kB"


def test_words_of_a_small_record():
    view = ShardsView(SMALL, step=1)
    assert view.title == "1 of 1: all-reduce, gradient & loss"
    assert repr(view) == (
        "ShardsView: a <way>, 1 of 1: all-reduce, gradient & loss. rank 0: weights, its own 2 kB, weights, gathered "
        "none, gradient none, adamw's means 8 kB; sends 4 kB to rank 1. Every rank gets the sum (or the "
        "largest) of all. Sent so far by rank 0: 4 kB; at most at once: 4 kB."
    )
    assert re.findall(r"<t[dh]>(.*?)</t[dh]>", view.twin())[4:] == ["a &lt;way&gt;", "1", "4 kB", "10 kB"]


def test_another_strategy_keeps_the_step_where_it_has_it_and_the_start_comes_back():
    view = ShardsView(RECORDS, strategy="tensor parallel", step=2)
    view.step = view.last
    view.strategy = "data parallel"
    assert view.step == view.last == len(RECORDS["data parallel"]) - 1
    for name, value in view.start.items():
        setattr(view, name, value)
    assert (view.strategy, view.step) == ("tensor parallel", 2)


@pytest.mark.parametrize(("trait", "value"), [("strategy", "pipeline"), ("step", -1)])
def test_a_choice_that_does_not_exist_is_refused(trait, value):
    with pytest.raises(traitlets.TraitError):
        setattr(ShardsView(SMALL), trait, value)


def test_no_record_is_refused():
    with pytest.raises(ValueError, match="records must hold a strategy"):
        ShardsView({})


def test_all_that_is_sent_to_the_browser_is_json():
    sent = ShardsView(RECORDS).get_state(["strategies", "columns", "title", "note", "units", "start", "step", "last"])
    assert json.loads(json.dumps(sent)) == sent
