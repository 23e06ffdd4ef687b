"""A lesson's way in and out: its time, the page of letters and terms, links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import pytest

from llama_lessons.config import LlamaConfig
from llama_lessons.files import COURSE
from tools.notebook_files import NOTEBOOKS, lessons

PAGE = (COURSE / "TERMS.md").read_text(encoding="utf-8")
FIELDS = {"dim", "n_heads", "n_kv_heads", "head_dim", "hidden_dim", "vocab_size", "n_layers"}
LINK = re.compile(r"\]\((?!https?://|#|data:)([^)\s]+)\)")
BARE_PAPER = re.compile(r"(?<!\[)arXiv:\d{4}\.\d{4,5}")

each_lesson = pytest.mark.parametrize("source", lessons(), ids=lambda path: path.stem)


def prose(source: Path) -> list[str]:
    """The Markdown cells of a lesson."""
    return [cell.source for cell in jupytext.read(source).cells if cell.cell_type == "markdown"]


@pytest.mark.parametrize(("preset", "column"), [("llama2-7b", 4), ("valley", 5)])
def test_sizes_are_the_presets(preset: str, column: int):
    config, told = LlamaConfig.preset(preset), {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 7 and (field := re.fullmatch(r"`(\w+)`", cells[3])):
            told[field[1]] = int(re.match(r"\d+", cells[column])[0])
    assert told == {field: getattr(config, field) for field in FIELDS}


@each_lesson
def test_a_lesson_says_at_its_top_how_long_it_takes_and_where_its_words_are_explained(source: Path):
    top = "\n".join(prose(source)[:2])
    assert re.search(r"\*\*(Time:|It takes)\*\*[^.;,]* (hours?|minutes)", top.replace("\n", " "))
    assert "](../TERMS.md)" in top


@each_lesson
def test_links_lead_somewhere(source: Path):
    targets = {target.partition("#")[0] for text in prose(source) for target in LINK.findall(text)}
    nowhere = [t for t in targets if not (NOTEBOOKS / t).exists() and not (NOTEBOOKS / t).with_suffix(".py").exists()]
    assert nowhere == []


@each_lesson
def test_papers_are_links(source: Path):
    assert [found for text in prose(source) for found in BARE_PAPER.findall(text)] == []


@each_lesson
def test_hints_stand_between_a_stub_and_its_solution(source: Path):
    cells = jupytext.read(source).cells
    for number, cell in enumerate(cells):
        if "exercise" in cell.metadata.get("tags", []):
            hints, solution = cells[number + 1 : number + 3]
            assert 1 <= hints.source.count("<details><summary>Hint ") <= 3, f"cell {number} has no hints behind it"
            assert hints.source.count("</details>") == hints.source.count("<details>")
            assert "solution" in solution.metadata["tags"]
