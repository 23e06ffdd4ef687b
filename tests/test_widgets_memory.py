"""The memory explorer of lesson 00: its sums, its words, and what it says without a kernel."""

from __future__ import annotations

import json
import re

import pytest
import traitlets

from llama_lessons.arithmetic import BYTES
from llama_lessons.config import LlamaConfig
from llama_lessons.widgets.memory import MODELS, MemoryExplorer, gauge, size, verdict

GB = 10**9
MACHINES = {"small <card>": 24 * GB, "large": 141 * GB}


def test_the_bars_are_weights_and_cache_of_the_chosen_model():
    view = MemoryExplorer({"large": 141 * GB}, model="Llama 2 13B", dtype="float16", n_tokens=1000, batch_size=3)
    [bar] = view.gauges
    weights, cache = 13_015_864_320 * 2, 3 * 1000 * 2 * 40 * 40 * 128 * 2
    assert bar["weights"] == pytest.approx(100 * weights / (141 * GB))
    assert bar["cache"] == pytest.approx(100 * cache / (141 * GB))
    assert view.note == (
        "Llama 2 13B in float16: 26.0 GB of weights, 2.5 GB of cache for 3 x 1000 tokens; together 28.5 GB."
    )
    assert (bar["verdict"], bar["text"], bar["capacity"]) == ("fits", "20 % full", "141.0 GB")


@pytest.mark.parametrize(
    ("trait", "value", "weights", "cache"),
    [
        ("model", "Llama 2 70B", "138.0 GB", "5.4 GB"),
        ("model", "Llama 2 70B without GQA", "156.7 GB", "42.9 GB"),
        ("dtype", "float32", "27.0 GB", "17.2 GB"),
        ("dtype", "int8", "6.7 GB", "8.6 GB"),
        ("dtype", "int4", "3.4 GB", "8.6 GB"),
        ("n_tokens", 64, "13.5 GB", "134.2 MB"),
        ("batch_size", 64, "13.5 GB", "137.4 GB"),
    ],
)
def test_every_control_counts(trait, value, weights, cache):
    view = MemoryExplorer(MACHINES, batch_size=4)
    assert "13.5 GB of weights, 8.6 GB of cache for 4 x 4096 tokens" in view.note
    before = view.gauges
    setattr(view, trait, value)
    assert f"{weights} of weights, {cache} of cache" in view.note
    assert view.gauges != before


def test_without_gqa_every_query_head_keeps_its_own():
    assert MODELS["Llama 2 70B without GQA"].n_kv_heads == 64
    assert MODELS["Llama 2 70B"] == LlamaConfig.preset("llama2-70b")


def test_a_model_made_for_fewer_tokens_gets_no_more():
    view = MemoryExplorer(MACHINES, model="the Valley's model", n_tokens=4096)
    assert "1.2 MB of cache for 512 tokens (it is made for 512)" in view.note
    view.n_tokens = 100
    assert "for 100 tokens;" in view.note


@pytest.mark.parametrize(("need", "word"), [(90, "fits"), (91, "tight"), (100, "tight"), (101, "does not fit")])
def test_verdicts_change_at_nine_tenths_and_at_the_brim(need, word):
    assert verdict(need, 100) == word


@pytest.mark.parametrize(
    ("weights", "cache", "widths", "text"),
    [
        (30, 20, (30, 20), "50 % full"),
        (80, 50, (80, 20), "1.3 times what there is, 0.0 kB too much"),
        (170, 30, (100, 0), "2.0 times what there is, 0.1 kB too much"),
        (0, 1, (0, 1), "less than 1 % full"),
    ],
)
def test_a_bar_is_never_wider_than_its_machine(weights, cache, widths, text):
    bar = gauge("card", 100, weights, cache)
    assert (bar["weights"], bar["cache"]) == widths
    assert bar["text"] == text


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(13_476_831_232, "13.5 GB"), (10**9, "1.0 GB"), (5_657_472, "5.7 MB"), (2048, "2.0 kB")]
)
def test_sizes_are_in_steps_of_a_thousand(n_bytes, text):
    assert size(n_bytes) == text


def test_the_readers_own_machine_is_seen_in_the_browser_and_nowhere_else():
    plain, own = MemoryExplorer(MACHINES), MemoryExplorer(MACHINES, own={"this machine": 23_456_789_000})
    assert [bar["name"] for bar in own.gauges] == ["this machine", "small <card>", "large"]
    assert own.gauges[0]["capacity"] == "23.5 GB"
    assert repr(own) == repr(plain) and own.twin() == plain.twin()
    assert "this machine" not in repr(own) + own.twin()


def test_text_and_twin_are_the_same_each_time_and_hold_no_address():
    first, second = (MemoryExplorer(MACHINES)._repr_mimebundle_()[0] for _ in range(2))
    assert (
        first["text/plain"]
        == second["text/plain"]
        == (
            "MemoryExplorer: Llama 2 7B in float16: 13.5 GB of weights, 2.1 GB of cache for 4096 tokens; "
            "together 15.6 GB. small <card>: fits; large: fits"
        )
    )
    assert first["text/html"] == second["text/html"]
    assert "0x" not in first["text/plain"] + first["text/html"]


def test_the_twin_has_every_model_and_escapes_names():
    twin = MemoryExplorer(MACHINES).twin()
    rows = [re.findall(r"<t[dh]>(.*?)</t[dh]>", row) for row in twin.split("<tr>")[1:]]
    assert rows[0] == ["model", "weights", "cache", "together", "small &lt;card&gt;", "large"]
    assert [row[0].replace("&#x27;", "'") for row in rows[1:]] == list(MODELS)
    assert rows[3] == ["Llama 2 13B", "26.0 GB", "3.4 GB", "29.4 GB", "does not fit", "fits"]
    assert set(re.findall(r"<(\w+)", twin)) <= {"p", "table", "tr", "th", "td"}


@pytest.mark.parametrize(
    ("trait", "value"), [("model", "GPT-4"), ("dtype", "fp8"), ("n_tokens", 0), ("n_tokens", 5000), ("batch_size", 65)]
)
def test_a_choice_that_does_not_exist_is_refused(trait, value):
    view = MemoryExplorer(MACHINES)
    with pytest.raises(traitlets.TraitError):
        setattr(view, trait, value)
    assert "Llama 2 7B in float16" in view.note


def test_all_that_is_sent_to_the_browser_is_json():
    view = MemoryExplorer(MACHINES, own={"mine": GB})
    sent = view.get_state(["models", "dtypes", "gauges", "note", "model", "dtype", "n_tokens", "batch_size"])
    assert json.loads(json.dumps(sent)) == sent
    assert sent["models"] == list(MODELS) and sent["dtypes"] == list(BYTES)
