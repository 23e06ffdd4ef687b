"""The model card and the other texts of a release: written from templates, every score and size put in by code."""

from __future__ import annotations

import re
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from llama_lessons.config import LlamaConfig
from llama_lessons.evaluation import Score
from llama_lessons.files import data_path

NAME = "Valley chat"
TEXTS = {  # in the release -> the template in data/release
    "README.md": "MODEL_CARD.md",
    "USER_GUIDE.md": "USER_GUIDE.md",
    "RESPONSIBLE_USE_GUIDE.md": "RESPONSIBLE_USE_GUIDE.md",
    "USE_POLICY.md": "USE_POLICY.md",
    "LICENSE": "LICENSE",
}
FIELDS = {"license": "mit", "language": "en", "library_name": "transformers", "pipeline_tag": "text-generation"}
PARTS = ("## What it is for", "## How it came about", "## Scores", "## Limits", "## Training and carbon")
ROW = re.compile(
    r"^\| (?P<name>[^|]+) \| (?P<right>\d+) of (?P<n>\d+) \| (?P<share>[\d.]+) \| (?P<ends>[^|]+) \|$", re.M
)


def write_texts(folder: Path, config: LlamaConfig, scores: dict[str, Score], training: str) -> None:
    """Write the card, the guides, the policy and the licence beside a model.

    Args:
        folder: with the model's files.
        config: its shape.
        scores: what was measured.
        training: rows of a table: what each stage took. Nobody can measure that afterwards: it is a claim.
    """
    results = [
        EvalResult(
            "text-generation", "valley", "the Valley, held out", "accuracy", round(score.accuracy, 3), metric_name=name
        )
        for name, score in scores.items()
    ]
    head = ModelCardData(**FIELDS, model_name=NAME, tags=["llama", "llama-2", "toy-world"], eval_results=results)
    values = {
        "head": head.to_yaml(),
        "n_params": f"{config.n_params:,}",
        "n_bytes": f"{(folder / 'model.safetensors').stat().st_size:,}",
        "context": str(config.max_seq_len),
        "scores": "\n".join(row(name, score) for name, score in scores.items()),
        "training": training,
    }
    for name, template in TEXTS.items():
        text = data_path(f"release/{template}").read_text(encoding="utf-8")
        for field, value in values.items():
            text = text.replace(f"{{{field}}}", value)
        (folder / name).write_text(text, encoding="utf-8")


def row(name: str, score: Score) -> str:
    """A line of the card's table."""
    n_right = round(score.accuracy * score.n)
    return f"| {name} | {n_right} of {score.n} | {score.accuracy:.3f} | {score.low:.3f} to {score.high:.3f} |"


def card_troubles(folder: Path, config: LlamaConfig) -> list[str]:
    """What is wrong with a release's card and licence, before anything is measured."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    try:
        told = ModelCard(text).data
    except Exception as error:  # of YAML's kinds there are many
        return [f"README.md: its head cannot be read: {error}"]
    troubles = [
        f"README.md: its head must say {field}: {wanted}, got {told.get(field)!r}"
        for field, wanted in (FIELDS | {"model_name": NAME}).items()
        if told.get(field) != wanted
    ]
    troubles += [f"README.md: has no part {part!r}" for part in PARTS if f"\n{part}\n" not in text]
    if f"{config.n_params:,} parameters" not in text:
        troubles.append("README.md: does not tell how many parameters the weights have")
    if not (folder / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n"):
        troubles.append("LICENSE: is not the MIT licence that the card names")
    return troubles


def drift(folder: Path, measured: dict[str, Score]) -> list[str]:
    """Where the card tells other scores than those that were measured, table and head alike; one line for each."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    rows = {found["name"]: found[0] for found in ROW.finditer(text)}
    heads = {result.metric_name: result.metric_value for result in ModelCard(text).data.eval_results or []}
    troubles = [f"README.md: tells a score that is not measured: {name}" for name in (rows | heads).keys() - measured]
    for name, score in measured.items():
        if rows.get(name) != row(name, score):
            stated = rows.get(name, f"nothing of {name}")
            troubles.append(f"README.md: says   {stated}\n     measured now   {row(name, score)}")
        if heads.get(name) != round(score.accuracy, 3):
            troubles.append(
                f"README.md: its head says {heads.get(name)} for {name}; measured now: {score.accuracy:.3f}"
            )
    return troubles
