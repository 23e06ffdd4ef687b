from collections.abc import Iterator, Mapping
from dataclasses import FrozenInstanceError

import pytest

from llama_lessons import paper
from llama_lessons.arithmetic import flops_per_token
from llama_lessons.config import PRESETS, LlamaConfig
from llama_lessons.paper import CARD, CODE, LICENCE, NEWS, PAPER, Fact

# What stands where, by hand, from the documents themselves; "MMLU of ..." are parts of the constant MMLU.
CONTENTS = {
    f"{PAPER}, table 1": ("CONTEXT", "TOKENS", "PEAK_LR", "GLOBAL_BATCH"),  # the family; the batch is in the caption
    f"{PAPER}, table 2": ("GPU_HOURS", "GPU_HOURS_TOTAL", "GPU_POWER", "TCO2", "TCO2_TOTAL"),  # the carbon footprint
    f"{PAPER}, table 3": ("OPEN", "MMLU of Llama", "MMLU of MPT", "MMLU of Falcon"),  # open models, grouped benchmarks
    f"{PAPER}, table 4": ("CLOSED", "MMLU of GPT", "MMLU of PaLM"),  # closed models
    f"{PAPER}, table 6": ("PREFERENCES_META", "PREFERENCES_TOTAL"),  # human preference data
    f"{PAPER}, table 7": ("REWARD_ACCURACY",),  # reward models on the test sets
    f"{PAPER}, table 10": ("LANGUAGES",),  # languages in the pretraining data
    f"{PAPER}, table 14": ("TRUTHFULQA_CHAT", "TOXIGEN_CHAT"),  # safety of the tuned models
    f"{PAPER}, table 19": ("MMLU_7B",),  # MMLU by groups of subjects
    f"{PAPER}, table 21": ("HUMANEVAL",),  # code: HumanEval and MBPP
    f"{PAPER}, table 25": ("GSM8K",),  # mathematics: GSM8K and MATH
    f"{PAPER}, table 27": ("MARGINS",),  # two variants of the margin
    f"{PAPER}, table 28": ("MARGIN_ACCURACY",),  # what the margins change
    f"{PAPER}, table 29": ("SAFETY_LOSS_ACCURACY",),  # what the auxiliary loss changes
    f"{PAPER}, table 30": ("GHOST_ATTENTION",),  # multi-turn memory
    f"{PAPER}, section 1": ("MORE_DATA",),  # introduction
    f"{PAPER}, section 2.2": ("OPTIMIZER",),  # training details
    f"{PAPER}, section 2.2.1": ("ENDPOINT",),  # training hardware
    f"{PAPER}, section 3.1": ("SFT", "SFT_ANNOTATIONS"),  # supervised fine-tuning
    f"{PAPER}, section 3.2.2": ("REWARD_LR", "REWARD_BATCH"),  # reward modelling
    f"{PAPER}, section 3.2.3": ("PPO", "PPO_KL", "PPO_ITERATIONS", "PPO_SECONDS", "SAMPLING_TEMPERATURE"),
    f"{PAPER}, section 3.4.2": ("HUMAN_PROMPTS", "HUMAN_RATERS", "HUMAN_CHATGPT"),  # human evaluation
    f"{PAPER}, section 4.2.3": ("FALSE_REFUSALS",),  # safety RLHF
    f"{PAPER}, section 4.3": ("RED_TEAMERS", "VIOLATIONS"),  # red teaming
    f"{PAPER}, section 4.4": ("SAFETY_PROMPTS",),  # safety evaluation
    f"{PAPER}, appendix A.2.1": ("GQA_ABLATION",),  # multi-query and grouped-query attention
    CARD: ("CARD_GPU_HOURS", "CARD_TCO2"),
    NEWS: ("ANNOTATIONS",),
    f"{LICENCE}, section 2": ("FREE_UP_TO",),  # additional commercial terms
    f"{CODE}, README.md": ("SHARDS",),
    f"{CODE}, generation.py": ("SAMPLING",),
}


def facts_of(value) -> Iterator[Fact]:
    """The facts in a constant, however deep its tables."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from facts_of(part)
    elif isinstance(value, Fact):
        yield value


def every_fact() -> Iterator[tuple[str, Fact]]:
    """All facts, each with the name under which `CONTENTS` has it."""
    for name, value in vars(paper).items():
        if name == "MMLU":
            yield from ((f"MMLU of {model.split(' ')[0].split('-')[0]}", fact) for model, fact in value.items())
        elif name.isupper():
            yield from ((name, fact) for fact in facts_of(value))


def test_every_fact_stands_where_its_source_says():
    stands = {name: place for place, names in CONTENTS.items() for name in names}
    found = list(every_fact())
    assert len(found) > 100 and {name for name, _ in found} == set(stands)
    assert [(name, fact.source) for name, fact in found if fact.source != stands[name]] == []


def test_every_fact_says_what_it_counts():
    assert [name for name, fact in every_fact() if not fact.unit] == []


def test_languages_sum_to_all_of_the_data_but_the_rounding():
    assert len(paper.LANGUAGES) == 28
    assert sum(fact.value for fact in paper.LANGUAGES.values()) == pytest.approx(99.99)


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


def test_tables_that_hold_the_same_score_agree():
    closed = {name: fact.value for name, fact in paper.CLOSED["Llama 2 70B"].items()}
    assert closed["MMLU"] == paper.OPEN["Llama 2 70B"]["MMLU"].value == paper.MMLU["Llama 2 70B"].value
    assert closed["BBH"] == paper.OPEN["Llama 2 70B"]["BBH"].value
    assert closed["GSM8K"] == paper.GSM8K["llama2-70b"].value
    assert closed["HumanEval"] == paper.HUMANEVAL["llama2-70b"].value


def test_the_34b_has_the_average_of_mathematics_that_its_gsm8k_bounds():
    """Math of table 3 is the mean of GSM8K and MATH, and MATH is never above GSM8K here."""
    for size, gsm8k in paper.GSM8K.items():
        name = f"Llama 2 {size.removeprefix('llama2-').upper()}"
        assert gsm8k.value / 2 <= paper.OPEN[name]["Math"].value <= gsm8k.value


def test_every_open_model_has_every_column_and_no_closed_score_is_made_up():
    assert {tuple(row) for row in paper.OPEN.values()} == {tuple(paper.OPEN["MPT 7B"])}
    assert len(paper.OPEN["MPT 7B"]) == 8 and len(paper.OPEN) == 12
    assert [len(row) for row in paper.CLOSED.values()] == [6, 3, 5, 3, 6]


def test_meta_is_ahead_on_all_benchmarks_but_code():
    """The paper excepts MPT's code; Falcon 40B is above the 34B on none of them, and below the 70B on all."""
    columns = list(paper.OPEN["MPT 7B"])
    pairs = {"Llama 2 7B": ("MPT 7B", "Falcon 7B"), "Llama 2 34B": ("MPT 30B",), "Llama 2 70B": ("Falcon 40B",)}
    lost = [
        (ours, theirs, column)
        for ours, others in pairs.items()
        for theirs in others
        for column in columns
        if paper.OPEN[theirs][column].value >= paper.OPEN[ours][column].value
    ]
    assert lost == [("Llama 2 7B", "MPT 7B", "Code"), ("Llama 2 34B", "MPT 30B", "Code")]


def test_human_raters_preferred_chatgpt_a_little_less_often_than_llama():
    won, tied = (fact.value for fact in paper.HUMAN_CHATGPT.values())
    assert won > 100 - won - tied
