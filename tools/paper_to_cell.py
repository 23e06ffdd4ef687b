"""Write PAPER.md: what of the Llama 2 paper the lessons reproduce in small, in which cell, and whether it holds.

    python -m tools.paper_to_cell            write it; after `make lessons`, since our numbers are what the pages print

A claim is tied to a cell by words of that cell, so the list follows a cell that moves; PAPER.md then has to be written
anew, and a test says so. Words that stand in no cell, or in two, are refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import nbformat

from llama_lessons.files import COURSE, atomic
from tools.notebook_files import NOTEBOOKS, read_source

PAGE = COURSE / "PAPER.md"
HOLDS, NOT = "holds here", "does not"


class Claim(NamedTuple):
    """Something that the paper says, and the cell that tries it.

    Args:
        says: the claim, in our words.
        where: its table or section.
        lesson: how the lesson's name begins.
        cell: words that stand in the source of this cell and of no other.
        holds: `HOLDS`, `NOT`, or either with what must be added.
        number: pattern for our number in what the cell prints; its first group, or all of it.
    """

    says: str
    where: str
    lesson: str
    cell: str
    holds: str
    number: str


CLAIMS = (
    Claim(
        "the four sizes have 7B, 13B, 34B and 70B parameters",
        "table 1",
        "00",
        "giant = Llama(LlamaConfig.preset",
        HOLDS,
        r"llama2-7b  built: ([\d,]+ numbers)",
    ),
    Claim(
        "hours of all four sizes add up to the total",
        "table 2",
        "00",
        "hatched: not in the model card",
        HOLDS,
        r"the gap is the 34B, to the hour: True",
    ),
    Claim(
        "tonnes of CO2 of all four sizes add up to the total",
        "table 2",
        "06",
        "A100 = 312e12",
        NOT + ", by rounding",
        r"rows of CO2 sum to [\d.]+; the total says [\d.]+",
    ),
    Claim(
        "the tokenizer is SentencePiece's BPE",
        "section 2.2",
        "01",
        "from sentencepiece import SentencePieceProcessor",
        HOLDS,
        r"660 of our 660 merges are theirs",
    ),
    Claim(
        "all numbers are split into digits, unknown characters into bytes",
        "section 2.2",
        "01",
        "merged_digits = train_with(split_digits=False)",
        HOLDS,
        r"with bytes: +(\d unknown)",
    ),
    Claim(
        "rotary positions, in Meta's layout and in Hugging Face's",
        "section 2.2",
        "03",
        "the {len(ours)} tokens of ours and of transformers",
        HOLDS,
        r"sorted: (the 50 tokens .* the same: True)",
    ),
    Claim(
        "a cache of the 70B is 8 times smaller with 8 key-value heads",
        "section 2.2",
        "04",
        'kinds = ("llama2-7b", "llama2-13b", "llama2-70b"), {"MHA": None',
        HOLDS,
        r"The 70B: (.*)\.",
    ),
    Claim(
        "grouped heads score like multi-head attention, multi-query worse",
        "table 18",
        "04",
        "tables/kv_heads.csv",
        NOT + ": at our size all three are alike",
        r"the means are .* apart; two of a kind up to [\d.]+",
    ),
    Claim(
        "with fewer key-value heads larger batches fit",
        "appendix A.2.1",
        "04",
        "left for caches,",
        HOLDS,
        r"GQA: .*, (\d+ conversations)",
    ),
    Claim(
        "RMSNorm before each part, SwiGLU, RoPE: the transformer of Llama",
        "section 2.2",
        "05",
        'save(model, folder / "hf", "hf", tokenizer=tok)\ntheirs = transformers',
        HOLDS,
        r"agree to 1e-5 on our sentence: True",
    ),
    Claim(
        "warm-up, then a cosine down to a tenth of the peak",
        "section 2.2",
        "06",
        "learning_rate(step, 330, 5e-3, 16)",
        HOLDS,
        r"falls along half a cosine to a tenth of its peak",
    ),
    Claim(
        "40 % more tokens make a better model",
        "section 2",
        "06",
        'for row in table("more_data.csv")',
        HOLDS,
        r"512 .* ([\d.]+ nats)",
    ),
    Claim(
        "a context of twice the length helps",
        "appendix A.2.1",
        "06",
        'for row in table("more_data.csv")',
        NOT + ": our pages are short",
        r"differ by at most ([\d.]+)",
    ),
    Claim(
        "the hours are those of 2 trillion tokens at a real speed",
        "tables 1, 2",
        "06",
        "A100 = 312e12",
        HOLDS,
        r"llama2-7b .*, +(\d+ % of the peak)",
    ),
    Claim(
        "every size has the same CO2 for a kilowatt-hour",
        "table 2",
        "12",
        "factor = 1000 * paper.TCO2",
        HOLDS,
        r"llama2-7b .*: ([\d.]+ kg)",
    ),
    Claim(
        "after alignment few bad requests get through",
        "section 4.4",
        "12",
        "def both_errors(",
        HOLDS + ", asked plainly; before alignment, too",
        r"RLHF  bad requests not declined ([\d.]+ \(.*?\))",
    ),
    Claim(
        "false refusals are rare after RLHF",
        "section 4.2.3",
        "12",
        "def both_errors(",
        NOT + ": fewer than before, and not rare",
        r"RLHF .*harmless ones declined ([\d.]+ \(.*?\))",
    ),
    Claim(
        "adversarial wordings get more violations than plain requests",
        "section 4.3",
        "12",
        "the RLHF model, worst kind against asked plainly",
        HOLDS,
        r"asked plainly: (.*)",
    ),
    Claim(
        "training on what a red team found lowers violations",
        "section 4.3",
        "12",
        "learned wordings: less than half as much gets through",
        HOLDS + ", and first words get through as before",
        r"less than half as much gets through as before: True",
    ),
    Claim(
        "several turns bring more violations than one",
        "section 4.4",
        "12",
        "one_turn = [attack for attack",
        NOT + ": our second turn is asked as plainly as the first",
        r"RLHF +(.*)",
    ),
    Claim(
        "alignment makes answers truer, and toxic ones vanish",
        "table 14",
        "12",
        'chat_lines()["rude"]',
        HOLDS + " for truth; nothing was toxic before",
        r"RLHF  (true .*)",
    ),
)


def found(claim: Claim) -> tuple[Path, int]:
    """The lesson's source, and the number of the cell among all its cells, from 0.

    Raises:
        ValueError: no cell has the claim's words, or several have.
    """
    [source] = sorted(NOTEBOOKS.glob(f"{claim.lesson}_*.py"))
    cells = [number for number, cell in enumerate(read_source(source).cells) if claim.cell in cell.source]
    if len(cells) != 1:
        raise ValueError(f"{source.name}: {claim.cell!r} stands in {len(cells)} cells, and must in one: {claim.says}")
    return source, cells[0]


def printed(page: Path, number: int) -> str:
    """What a page's cell prints, pictures by their descriptions."""
    outputs = nbformat.read(page, as_version=4).cells[number].outputs
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


def our_number(claim: Claim) -> str:
    """Our number, as the lesson's page prints it; a dash where there is no page yet.

    Raises:
        ValueError: it does not stand there.
    """
    source, number = found(claim)
    if not source.with_suffix(".ipynb").exists():
        return "-"
    match = re.search(claim.number, printed(source.with_suffix(".ipynb"), number))
    if not match:
        raise ValueError(f"{source.stem}, cell {number}, does not print {claim.number!r}: {claim.says}")
    return " ".join(match[match.lastindex or 0].split())


def table() -> str:
    """PAPER.md's text."""
    rows = []
    for claim in CLAIMS:
        source, number = found(claim)
        cell = f"[{source.stem.replace('_', ' ')}](notebooks/{source.stem}.ipynb), cell {number}"
        rows.append(f"| {claim.says} | {claim.where} | {cell} | {claim.holds} | {our_number(claim)} |")
    return "\n".join([HEAD, *rows, ""])


HEAD = """# From paper to cell

What of the Llama 2 paper ([arXiv:2307.09288](https://arxiv.org/abs/2307.09288)) the lessons reproduce in small: each
claim in our words, where it stands, the cell that tries it (counted from 0, text cells too), whether it holds here, and
our number as the page prints it. "Here" is a model of some millions of numbers in an invented world: that something
holds says that the mechanism is the one that the paper names, and no more; where it does not, the lesson says why.

Written by `python -m tools.paper_to_cell` from the lessons' own pages; a test sees that it is up to date.

| the paper says | where | the cell | here | our number |
|---|---|---|---|---|"""


if __name__ == "__main__":
    with atomic(PAGE) as draft:
        draft.write_text(table(), encoding="utf-8")
