from collections.abc import Mapping
from dataclasses import FrozenInstanceError

import pytest

from llama_lessons import paper
from llama_lessons.arithmetic import flops_per_token
from llama_lessons.config import PRESETS, LlamaConfig
from llama_lessons.paper import Fact


def every_fact():
    todo = [value for name, value in vars(paper).items() if name.isupper()]
    while todo:
        value = todo.pop()
        if isinstance(value, Mapping):
            todo.extend(value.values())
        elif isinstance(value, Fact):
            yield value


def test_every_fact_says_what_it_counts_and_where_it_stands():
    found = list(every_fact())
    assert len(found) > 100
    for fact in found:
        assert fact.unit and fact.source.startswith((paper.PAPER, paper.CARD, paper.CODE, paper.NEWS)), fact


def test_facts_cannot_be_changed():
    with pytest.raises(TypeError):
        paper.MMLU["GPT-4"] = None
    with pytest.raises(FrozenInstanceError):
        paper.TOKENS.value = 0


def test_gpu_hours_of_the_paper_add_up():
    assert sum(fact.value for fact in paper.GPU_HOURS.values()) == paper.GPU_HOURS_TOTAL.value


def test_the_model_card_lacks_exactly_the_hours_of_the_34b():
    rows = sum(fact.value for fact in paper.CARD_GPU_HOURS.values())
    assert rows == 2_273_280
    assert paper.GPU_HOURS_TOTAL.value - rows == paper.GPU_HOURS["llama2-34b"].value


def test_co2_adds_up_only_to_two_hundredths():
    assert round(sum(fact.value for fact in paper.TCO2.values()), 2) == 538.98
    assert round(sum(fact.value for fact in paper.CARD_TCO2.values()), 2) == 385.08
    assert paper.TCO2_TOTAL.value == 539.00


def test_co2_follows_from_hours_and_watts_at_one_rate():
    for name, tonnes in paper.TCO2.items():
        megawatt_hours = paper.GPU_HOURS[name].value * paper.GPU_POWER[name].value / 1e6
        assert tonnes.value / megawatt_hours == pytest.approx(0.4235, abs=2e-4)


def test_hours_imply_a_utilisation_of_35_to_43_percent():
    peak = 312e12  # operations a second of an A100 in bfloat16
    shares = [
        6 * LlamaConfig.preset(name).n_params * paper.TOKENS.value / (hours.value * 3600 * peak)
        for name, hours in paper.GPU_HOURS.items()
    ]
    assert [round(100 * share) for share in shares] == [39, 38, 35, 43]
    assert flops_per_token(LlamaConfig.preset("llama2-7b")) == pytest.approx(2 * 6.738e9, rel=0.03)


def test_card_and_paper_agree_where_both_speak():
    for name, hours in paper.CARD_GPU_HOURS.items():
        assert hours.value == paper.GPU_HOURS[name].value
        assert paper.CARD_TCO2[name].value == paper.TCO2[name].value


def test_sizes_are_those_of_the_presets():
    for table in (paper.PEAK_LR, paper.GPU_HOURS, paper.PPO_KL, paper.TRUTHFULQA_CHAT):
        assert list(table) == [name for name in PRESETS if name.startswith("llama2")]


def test_context_is_that_of_the_presets():
    assert {PRESETS[name].max_seq_len for name in paper.GPU_HOURS} == {paper.CONTEXT.value}


def test_larger_models_score_higher_within_a_family():
    for family in ("Llama 1", "Llama 2", "MPT", "Falcon"):
        scores = [fact.value for name, fact in paper.MMLU.items() if name.startswith(family)]
        assert scores == sorted(scores)
