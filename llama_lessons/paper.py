"""What Meta published about Llama 2, number by number, each with where it stands.

Keys are names of presets ("llama2-7b") wherever a number belongs to a size. Shapes are in `config`, and what follows
from shapes is computed in `arithmetic`. Two of the published sums do not add up, and are kept as printed:

- MODEL_CARD.md lists 7B, 13B and 70B and omits the 34B, but its totals include it: its rows sum to 2,273,280 GPU
  hours and 385.08 tCO2, the totals are 3,311,616 and 539.00. The gap in hours is exactly the paper's 34B row; in CO2
  the paper's four rows sum to 538.98.
- The grand total of preference comparisons is printed as 2,919,326; the rows of table 6 sum to 2,920,903.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

PAPER = "Llama 2, arXiv:2307.09288"
CARD = "MODEL_CARD.md in Meta's repository llama"
CODE = "Meta's repository llama"
NEWS = "Meta's announcement of Llama 2, July 2023"
LICENCE = "Llama 2 Community License Agreement, July 2023"


@dataclass(frozen=True)
class Fact:
    """One published number.

    Args:
        value: the number, as printed.
        unit: what it counts.
        source: document, with table or section.
        note: what one should know before quoting it.
    """

    value: Any
    unit: str
    source: str
    note: str = ""


def _table(unit: str, source: str, values: dict[str, Any], note: str = "") -> Mapping[str, Fact]:
    return MappingProxyType({key: Fact(value, unit, source, note) for key, value in values.items()})


def _by_size(unit: str, source: str, *values: Any, note: str = "") -> Mapping[str, Fact]:
    names = ("llama2-7b", "llama2-13b", "llama2-34b", "llama2-70b")
    return _table(unit, source, dict(zip(names, values, strict=True)), note)


def _scores(source: str, columns: tuple[str, ...], rows: dict[str, tuple]) -> Mapping[str, Mapping[str, Fact]]:
    """Model -> benchmark -> its score in %; what is not reported is left out."""
    kept = {name: {c: x for c, x in zip(columns, row, strict=True) if x is not None} for name, row in rows.items()}
    return MappingProxyType({name: _table("% right", source, row) for name, row in kept.items()})


# What the announcement said
CONTEXT = Fact(4096, "tokens", f"{PAPER}, table 1", "twice Llama 1's 2048")
MORE_DATA = Fact(40, "% more pretraining tokens than Llama 1", f"{PAPER}, section 1")
FREE_UP_TO = Fact(700_000_000, "monthly active users", f"{LICENCE}, section 2", "who had more must ask Meta")
SHARDS = _table("files", f"{CODE}, README.md", {"llama2-7b": 1, "llama2-13b": 2, "llama2-70b": 8})

# Pretraining
TOKENS = Fact(2.0e12, "tokens", f"{PAPER}, table 1", "every size saw as many")
PEAK_LR = _by_size("learning rate", f"{PAPER}, table 1", 3e-4, 3e-4, 1.5e-4, 1.5e-4)
OPTIMIZER = _table(
    "AdamW setting",
    f"{PAPER}, section 2.2",
    {
        "beta1": 0.9,
        "beta2": 0.95,
        "eps": 1e-5,
        "weight_decay": 0.1,
        "max_grad_norm": 1.0,
        "warmup_steps": 2000,
        "min_lr_ratio": 0.1,
    },
    note="min_lr_ratio is the share of the peak at which the cosine ends",
)
GLOBAL_BATCH = Fact(4_000_000, "tokens", f"{PAPER}, table 1")
ENDPOINT = Fact(200e9, "bits a second", f"{PAPER}, section 2.2.1", "of the network; RoCE as well as InfiniBand")
GPU_HOURS = _by_size("hours of an A100-80GB", f"{PAPER}, table 2", 184_320, 368_640, 1_038_336, 1_720_320)
GPU_HOURS_TOTAL = Fact(3_311_616, "hours of an A100-80GB", f"{PAPER}, table 2")
TCO2 = _by_size("tonnes of CO2 equivalent", f"{PAPER}, table 2", 31.22, 62.44, 153.90, 291.42)
TCO2_TOTAL = Fact(539.00, "tonnes of CO2 equivalent", f"{PAPER}, table 2", "its rows sum to 538.98")
CARD_GPU_HOURS = _table(
    "hours of an A100-80GB", CARD, {"llama2-7b": 184_320, "llama2-13b": 368_640, "llama2-70b": 1_720_320}
)
CARD_TCO2 = _table("tonnes of CO2 equivalent", CARD, {"llama2-7b": 31.22, "llama2-13b": 62.44, "llama2-70b": 291.42})
GPU_POWER = _by_size("watts", f"{PAPER}, table 2", 400, 400, 350, 400)
_codes = "en unknown de fr sv zh es ru nl it ja pl pt vi uk ko ca sr id cs fi hu no ro bg da sl hr"
_shares = [n / 100 for n in (8970, 838, 17, 16, 15, 13, 13, 13, 12, 11, 10, 9, 9, 8, 7, 6, 4, 4, *6 * [3], 2, 2, 1, 1)]
LANGUAGES = _table(
    "% of the data", f"{PAPER}, table 10", dict(zip(_codes.split(), _shares, strict=True)), "unknown: partially code"
)

# Alignment
SFT_ANNOTATIONS = Fact(27_540, "annotations", f"{PAPER}, section 3.1", "a prompt and its answer each")
SFT = _table(
    "setting",
    f"{PAPER}, section 3.1",
    {"lr": 2e-5, "weight_decay": 0.1, "batch_size": 64, "seq_len": 4096, "epochs": 2},
)
PREFERENCES_META = Fact(1_418_091, "comparisons", f"{PAPER}, table 6")
PREFERENCES_TOTAL = Fact(2_919_326, "comparisons", f"{PAPER}, table 6", "as printed; its rows sum to 2,920,903")
RATINGS = ("significantly better", "better", "slightly better", "negligibly better or unsure")
UNCHECKED = "read from a scan: look at the PDF before quoting"
MARGIN_ACCURACY = _table(
    "% of comparisons", f"{PAPER}, table 28", {"none": 62.5, "small": 63.0, "large": 62.9}, UNCHECKED
)
MARGINS = MappingProxyType(
    {
        name: _table(
            "margin, in units of reward", f"{PAPER}, table 27", dict(zip(RATINGS, values, strict=True)), UNCHECKED
        )
        for name, values in {"small": (1, 2 / 3, 1 / 3, 0), "large": (3, 2, 1, 0)}.items()
    }
)
SAFETY_LOSS_ACCURACY = _table("% of comparisons", f"{PAPER}, table 29", {"without": 63.7, "with": 64.5})
REWARD_LR = _table("learning rate", f"{PAPER}, section 3.2.2", {"llama2-70b": 5e-6, "others": 1e-5})
REWARD_BATCH = Fact(512, "comparisons", f"{PAPER}, section 3.2.2")
REWARD_ACCURACY = _table(
    "% of comparisons", f"{PAPER}, table 7", {"helpfulness on Meta Helpful": 63.2, "safety on Meta Safety": 64.5}
)
PPO = _table(
    "setting",
    f"{PAPER}, section 3.2.3",
    {"lr": 1e-6, "batch_size": 512, "minibatch_size": 64, "clip": 0.2, "safety_threshold": 0.15},
)
PPO_KL = _by_size("weight of the KL penalty", f"{PAPER}, section 3.2.3", 0.01, 0.01, 0.005, 0.005)
GHOST_ATTENTION = _table(
    "% of dialogues that still obey",
    f"{PAPER}, table 30",
    {"turn 4 with": 100, "turn 4 without": 10, "turn 6 without": 0},
)
ANNOTATIONS = Fact(1_000_000, "human annotations, over", NEWS)
PPO_ITERATIONS = Fact((200, 400), "iterations, from and to", f"{PAPER}, section 3.2.3")
PPO_SECONDS = Fact(330, "seconds an iteration, 70B", f"{PAPER}, section 3.2.3")
SAMPLING_TEMPERATURE = Fact(
    (1.2, 1.3), "temperature, from and to", f"{PAPER}, section 3.2.3", "RLHF chat model, best of 10 to 100 samples"
)
GQA_ABLATION = _table(
    "setting", f"{PAPER}, appendix A.2.1", {"tokens": 150e9, "hidden_dim_mqa": 1.33, "hidden_dim_gqa": 1.3}
)
SAFETY_PROMPTS = _table("adversarial prompts", f"{PAPER}, section 4.4", {"single turn": 1351, "multi turn": 623})
RED_TEAMERS = Fact(350, "people, at least", f"{PAPER}, section 4.3")
VIOLATIONS = _table("per person and hour, 7B", f"{PAPER}, section 4.3", {"before": 1.8, "after": 0.45})
FALSE_REFUSALS = Fact(0.05, "% of the helpfulness set", f"{PAPER}, section 4.2.3", "far more on 210 borderline prompts")

# Scores
OPEN = _scores(  # every column but the last three is a mean over several benchmarks
    f"{PAPER}, table 3",
    ("Code", "Commonsense", "World knowledge", "Reading", "Math", "MMLU", "BBH", "AGIEval"),
    {
        "Llama 1 7B": (14.1, 60.8, 46.2, 58.5, 6.95, 35.1, 30.3, 23.9),
        "Llama 1 13B": (18.9, 66.1, 52.6, 62.3, 10.9, 46.9, 37.0, 33.9),
        "Llama 1 33B": (26.0, 70.0, 58.4, 67.6, 21.4, 57.8, 39.8, 41.7),
        "Llama 1 65B": (30.7, 70.7, 60.5, 68.6, 30.8, 63.4, 43.5, 47.6),
        "Llama 2 7B": (16.8, 63.9, 48.9, 61.3, 14.6, 45.3, 32.6, 29.3),
        "Llama 2 13B": (24.5, 66.9, 55.4, 65.8, 28.7, 54.8, 39.4, 39.1),
        "Llama 2 34B": (27.8, 69.9, 58.7, 68.0, 24.2, 62.6, 44.1, 43.4),
        "Llama 2 70B": (37.5, 71.9, 63.6, 69.4, 35.2, 68.9, 51.2, 54.2),
        "MPT 7B": (20.5, 57.4, 41.0, 57.5, 4.9, 26.8, 31.0, 23.5),
        "MPT 30B": (28.9, 64.9, 50.0, 64.7, 9.1, 46.9, 38.0, 33.8),
        "Falcon 7B": (5.6, 56.1, 42.8, 36.0, 4.6, 26.2, 28.0, 21.2),
        "Falcon 40B": (15.2, 69.2, 56.7, 65.7, 12.6, 55.4, 37.1, 37.0),
    },
)
CLOSED = _scores(
    f"{PAPER}, table 4",
    ("MMLU", "TriviaQA", "Natural Questions", "GSM8K", "HumanEval", "BBH"),  # 5, 1, 1, 8, 0 and 3 shots
    {
        "PaLM": (69.3, 81.4, 29.3, 56.5, 26.2, 52.3),
        "GPT-3.5": (70.0, None, None, 57.1, 48.1, None),
        "PaLM-2-L": (78.3, 86.1, 37.5, 80.7, None, 65.7),
        "GPT-4": (86.4, None, None, 92.0, 67.0, None),
        "Llama 2 70B": (68.9, 85.0, 33.0, 56.8, 29.9, 51.2),
    },
)
MMLU = MappingProxyType({name: row["MMLU"] for name, row in (OPEN | CLOSED | OPEN).items()})  # the 70B is in both
MMLU_7B = _table(
    "% of questions, 5-shot",
    f"{PAPER}, table 19",
    {"humanities": 42.9, "STEM": 36.4, "social sciences": 51.2, "other": 52.2},
)
GSM8K = _by_size(
    "% solved", f"{PAPER}, table 25", 14.6, 28.7, 42.2, 56.8, note="the Math of table 3 is an average with MATH"
)
HUMANEVAL = _by_size(
    "% solved, pass@1", f"{PAPER}, table 21", 12.8, 18.3, 22.6, 29.9, note="the Code of table 3 is an average with MBPP"
)
TRUTHFULQA_CHAT = _by_size("% truthful and informative", f"{PAPER}, table 14", 57.04, 62.18, 67.20, 64.14)
TOXIGEN_CHAT = _by_size("% toxic", f"{PAPER}, table 14", 0.00, 0.00, 0.02, 0.01)
HUMAN_PROMPTS = Fact(4000, "helpfulness prompts, about", f"{PAPER}, section 3.4.2", "three raters for each")
HUMAN_RATERS = Fact(3, "raters of each pair of answers", f"{PAPER}, section 3.4.2")
HUMAN_CHATGPT = _table("% of prompts, 70B chat against ChatGPT", f"{PAPER}, section 3.4.2", {"won": 36.0, "tied": 31.5})

# How Meta's code samples
SAMPLING = _table("default", f"{CODE}, generation.py", {"temperature": 0.6, "top_p": 0.9})
