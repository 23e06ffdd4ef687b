"""The roof of lesson 14: its sums, its words, and what it says without a kernel."""

from __future__ import annotations

import json
import re

import pytest
import traitlets

from llama_lessons.arithmetic import flops_per_token, kv_cache_bytes
from llama_lessons.checks.quantization import quantized_gb
from llama_lessons.widgets.roof import MODELS, NUMBERS, Machine, RoofView

MACHINES = {"small <card>": Machine(24e9, 1e12, 160e12), "large": Machine(140e9, 4e12, 1e15)}


def row(view: RoofView, name: str) -> dict:
    [found] = [row for row in view.rows if row["name"] == name]
    return found


def test_memory_and_speed_are_those_of_the_formula():
    view = RoofView(MACHINES, model="Llama 2 7B", n_tokens=1000, batch_size=3)
    config = MODELS["Llama 2 7B"]
    weights, cached = 1e9 * quantized_gb(config, 4, 128), kv_cache_bytes(config, 1000, 3)
    read = weights - 2 * config.vocab_size * config.dim + cached
    found = row(view, "int4, groups of 128")
    assert found["rate"] == pytest.approx(3 / (read / 1e12))
    assert found["weights"] == pytest.approx(100 * weights / 24e9)
    assert found["cache"] == pytest.approx(100 * cached / 24e9)
    assert found["limit"] == "memory"
    assert [one["width"] for one in view.rows].count(100.0) == 1


def test_many_texts_make_arithmetic_the_limit_and_then_fewer_bits_do_not_help():
    slow = {"slow": Machine(900e9, 4e12, 20e12)}
    view = RoofView(slow, n_tokens=64, batch_size=64)
    config = MODELS["Llama 2 7B"]
    most = 20e12 / flops_per_token(config, 64)
    assert [one["rate"] for one in view.rows] == pytest.approx([most] * len(NUMBERS))
    assert all(one["limit"] == "arithmetic" for one in view.rows)
    view.batch_size = 1
    rates = [one["rate"] for one in view.rows]
    assert rates[0] < rates[1] < rates[3] < rates[2]


@pytest.mark.parametrize(
    ("trait", "value"), [("model", "Llama 2 70B"), ("machine", "large"), ("n_tokens", 64), ("batch_size", 8)]
)
def test_every_control_counts_and_reset_brings_all_back(trait, value):
    view = RoofView(MACHINES, batch_size=2)
    before = view.rows
    view._repr_mimebundle_()  # it is shown
    setattr(view, trait, value)
    assert view.rows != before
    view.reset()
    assert view.rows == before


def test_the_readers_own_machine_is_seen_in_the_browser_and_nowhere_else():
    own = {"this machine": Machine(16_123_456_789, 3e10, 1e11)}
    view, plain = RoofView(MACHINES, own), RoofView(MACHINES)
    assert view.machines == [*MACHINES, "this machine"]
    assert repr(view) == repr(plain) and view.twin() == plain.twin()
    view.machine = "this machine"
    assert repr(view) == "RoofView: Llama 2 7B, on the reader's own machine"
    assert "this machine" not in view.twin() and row(view, "bfloat16")["verdict"] == "tight"


def test_text_and_twin_are_the_same_each_time_and_escape_names():
    first, second = (RoofView(MACHINES)._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/plain"] == second["text/plain"] and first["text/html"] == second["text/html"]
    assert first["text/plain"].startswith(
        "RoofView: Llama 2 7B on small <card>, one text of 4096 tokens: 2.1 GB of cache in 16 bits. "
        "bfloat16: 15.6 GB, fits, "
    )
    lines = [re.findall(r"<t[dh]>(.*?)</t[dh]>", line) for line in first["text/html"].split("<tr>")[1:]]
    assert lines[0] == ["numbers", "weights and cache", "small &lt;card&gt;", "large"]
    assert [line[0] for line in lines[1:]] == list(NUMBERS)


@pytest.mark.parametrize(
    ("trait", "value"), [("model", "GPT-4"), ("machine", "abacus"), ("n_tokens", 0), ("batch_size", 65)]
)
def test_a_choice_that_does_not_exist_is_refused(trait, value):
    view = RoofView(MACHINES)
    with pytest.raises(traitlets.TraitError):
        setattr(view, trait, value)


def test_all_that_is_sent_to_the_browser_is_json():
    sent = RoofView(MACHINES).get_state(["models", "machines", "rows", "note", "n_tokens", "batch_size"])
    assert json.loads(json.dumps(sent)) == sent
