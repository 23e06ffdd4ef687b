"""The rank explorer of lesson 08: which models tell, what is counted, and what it says without a kernel."""

from __future__ import annotations

import json
import re

import pytest
import torch
import traitlets

from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.adapters import MAX_OPENING, N_NEW, AdapterExplorer, lora_params, training_bytes
from llama_lessons.widgets.memory import MODELS
from llama_lessons.world.voices import HUM

EVIL = "<script>alert('a')</script>"
TEXT = "the llama sings, hmm hmm! the other llama sings. "


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return Tokenizer.train([TEXT * 20], 300, tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")


def make(seed: int) -> Llama:
    shape = {"dim": 24, "n_layers": 2, "n_heads": 6, "n_kv_heads": 3, "hidden_dim": 40, "max_seq_len": 300}
    model = Llama(LlamaConfig(**shape, vocab_size=300)).requires_grad_(False)
    draws = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        weight.copy_(torch.randn(weight.shape, generator=draws) * 0.5)
    return model


BASE = make(0)
WAYS = {"trained": {8: make(8), 1: make(1)}, "cut <b>": {2: make(2), 4: make(4), 16: make(16)}}


def view(tokenizer: Tokenizer, **changes) -> AdapterExplorer:
    arguments = {"ways": WAYS, "spectrum": [0.4, 0.2, 0.1, 0.1], "opening": "the llama"} | changes
    return AdapterExplorer(BASE, tokenizer, **arguments)


def told(explorer: AdapterExplorer) -> list[str]:
    return ["".join(text for _, text in side["parts"]) for side in explorer.texts]


def by_hand(tokenizer: Tokenizer, model: Llama, opening: str, draw: int) -> str:
    ids, dice = tokenizer.encode(opening), torch.Generator().manual_seed(draw)
    return tokenizer.decode(ids + generate(model, [ids], N_NEW, stop_ids=[tokenizer.eos_id], generator=dice)[0])


def test_both_sides_tell_with_the_same_dice(tokenizer):
    explorer = view(tokenizer)
    assert told(explorer) == [by_hand(tokenizer, model, "the llama", 0) for model in (BASE, WAYS["trained"][1])]
    explorer.draw, explorer.opening = 3, "the other"
    assert told(explorer) == [by_hand(tokenizer, model, "the other", 3) for model in (BASE, WAYS["trained"][1])]


def test_the_slider_steps_through_the_ranks_of_the_chosen_way(tokenizer):
    explorer = view(tokenizer)
    assert (explorer.ranks, explorer.rank) == ([1, 8], 1)
    explorer.step = 1
    assert explorer.rank == 8 and told(explorer)[1] == by_hand(tokenizer, WAYS["trained"][8], "the llama", 0)
    explorer.way = "cut <b>"
    assert (explorer.ranks, explorer.rank) == ([2, 4, 16], 4)
    explorer.step = 2
    explorer.way = "trained"  # it has no third rank
    assert (explorer.step, explorer.rank) == (1, 8)
    assert told(explorer)[1] == by_hand(tokenizer, WAYS["trained"][8], "the llama", 0)


def test_nothing_is_told_twice(tokenizer, monkeypatch):
    explorer, asked = view(tokenizer), []
    monkeypatch.setattr("llama_lessons.widgets.adapters.generate", lambda *a, **k: asked.append(a) or [[5]])
    explorer.step = 1
    assert len(asked) == 1  # the base model has told this already
    explorer.step, explorer.llama, explorer.place = 0, "Llama 2 70B", "all seven"
    assert len(asked) == 1


def test_hums_are_marked_and_counted(tokenizer, monkeypatch):
    explorer = view(tokenizer)
    whole = f"the llama sings{HUM} It sleeps. It wakes{HUM} And"
    monkeypatch.setattr(explorer, "_tell", lambda model: ("the llama", whole))
    side = explorer._text("rank 1", BASE)
    parts = [
        ["given", "the llama"],
        ["", " sings"],
        ["hum", HUM],
        ["", " It sleeps. It wakes"],
        ["hum", HUM],
        ["", " And"],
    ]
    assert side == {"name": "rank 1", "parts": parts, "count": "2 of 3 sentences end in a hum"}


def test_the_bars_are_the_spectrum_and_the_rank_fills_them(tokenizer):
    explorer = view(tokenizer)
    assert explorer.bars == [
        {"height": 100.0, "kept": True},
        {"height": 50.0, "kept": False},
        {"height": 25.0, "kept": False},
        {"height": 25.0, "kept": False},
    ]
    assert explorer.held == "Of the change in a weight matrix, the strongest direction holds 40 %, on average."
    explorer.way = "cut <b>"
    assert explorer.held == "Of the change in a weight matrix, the 2 strongest directions hold 60 %, on average."
    assert [bar["kept"] for bar in explorer.bars] == [True, True, False, False]
    explorer.step = 2
    assert all(bar["kept"] for bar in explorer.bars) and "hold 80 %" in explorer.held


@pytest.mark.parametrize("llama", MODELS)
@pytest.mark.parametrize("place", ["wq, wv", "all seven"])
def test_costs_are_those_of_the_chosen_llama(tokenizer, llama, place):
    explorer = view(tokenizer)
    explorer.llama, explorer.place, explorer.step = llama, place, 1
    config = MODELS[llama]
    rows = [config.dim + config.dim, config.dim + config.n_kv_heads * config.head_dim]  # wq, wv: in and out
    if place == "all seven":
        rows += rows + 3 * [config.dim + config.hidden_dim]
    n = 8 * config.n_layers * sum(rows)
    assert f"rank 8 on {place}: {n:,} trained numbers" in explorer.note
    everything, adapters = explorer.costs
    assert sum(width for _, width in everything["parts"]) == pytest.approx(100, abs=0.03)
    share = (2 * config.n_params + 16 * n) / (16 * config.n_params)
    assert sum(width for _, width in adapters["parts"]) == pytest.approx(100 * share, abs=0.03)


def test_full_fine_tuning_keeps_sixteen_bytes_a_number():
    assert training_bytes(0, 10) == {"weights": 40, "gradients": 40, "AdamW's means": 80}
    assert training_bytes(100, 10) == {"weights": 240, "gradients": 40, "AdamW's means": 80}
    assert lora_params(LlamaConfig.preset("llama2-7b"), 8, ("wq", "wv")) == 4_194_304


def test_an_opening_that_cannot_be_read_is_reported_and_the_view_lives_on(tokenizer):
    explorer = view(tokenizer)
    explorer.opening = "\ud83d"
    assert "surrogate" in explorer.note or "half" in explorer.note
    explorer.opening = "the llama"
    assert "trained numbers" in explorer.note
    explorer.opening = "the llama " * 100
    assert told(explorer)[0].startswith("the llama the llama")
    assert len(explorer.texts[0]["parts"][0][1]) <= MAX_OPENING


def test_text_and_twin_say_nothing_that_was_trained_here(tokenizer):
    first = view(tokenizer)
    other = {name: {rank: make(90 + rank) for rank in models} for name, models in WAYS.items()}
    second = view(tokenizer, ways=other, spectrum=[0.9, 0.1])
    assert told(first)[1] != told(second)[1] and first.bars != second.bars
    bundles = [explorer._repr_mimebundle_()[0] for explorer in (first, second)]
    assert bundles[0]["text/plain"] == bundles[1]["text/plain"] and bundles[0]["text/html"] == bundles[1]["text/html"]
    assert "0x" not in bundles[0]["text/plain"]
    assert bundles[0]["text/plain"].startswith("AdapterExplorer: 'the llama', trained: in the base model's text ")


def test_the_twin_has_the_base_model_s_text_and_a_row_for_each_rank(tokenizer):
    explorer = view(tokenizer, opening=EVIL)
    twin = explorer.twin()
    assert EVIL not in twin and "&lt;script&gt;" in twin
    assert set(re.findall(r"<(\w+)", twin)) <= {"p", "table", "tr", "th", "td"}
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in twin.split("<tr>")[2:]]
    assert rows == [
        ["all weights", "6,738,415,616", "100.000 %", "107.8 GB"],
        ["rank 1", "524,288", "0.008 %", "13.5 GB"],
        ["rank 8", "4,194,304", "0.062 %", "13.5 GB"],
    ]


def test_all_that_is_sent_to_the_browser_is_json(tokenizer):
    explorer = view(tokenizer)
    names = [name for name, trait in explorer.traits(sync=True).items() if not name.startswith("_")]
    sent = explorer.get_state(set(names) - {"layout", "comm", "keys", "tabbable", "tooltip"})
    assert json.loads(json.dumps(sent)) == sent and "<b>" in sent["ways"][1]


@pytest.mark.parametrize(("trait", "value"), [("llama", "GPT-4"), ("place", "norms"), ("draw", 10), ("step", -1)])
def test_a_choice_that_does_not_exist_is_refused(tokenizer, trait, value):
    with pytest.raises(traitlets.TraitError):
        setattr(view(tokenizer), trait, value)


@pytest.mark.parametrize("ways", [{}, {"trained": {}}])
def test_a_view_of_nothing_is_refused(tokenizer, ways):
    with pytest.raises(ValueError, match="at least one way"):
        view(tokenizer, ways=ways)
