"""PAPER.md says where each claim of the paper is tried, and stops being right when a cell moves or prints otherwise."""

from __future__ import annotations

import re

import pytest

from tools import paper_to_cell
from tools.notebook_files import NOTEBOOKS
from tools.paper_to_cell import CLAIMS, HOLDS, NOT, PAGE, Claim, found, our_number, table

RENEW = "run `python -m tools.paper_to_cell`"


def has_page(claim: Claim) -> bool:
    return found(claim)[0].with_suffix(".ipynb").exists()


def test_the_page_is_what_the_lessons_say_now():
    if not all(map(has_page, CLAIMS)):
        pytest.skip("a lesson has no page yet: `make lessons`")
    assert PAGE.read_text(encoding="utf-8") == table(), RENEW


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.lesson}-{claim.says}")
def test_every_claim_is_listed_with_the_cell_where_it_stands_now(claim: Claim):
    source, number = found(claim)
    [row] = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {claim.says} |")]
    assert f"(notebooks/{source.stem}.ipynb), cell {number} |" in row, RENEW
    assert claim.holds.startswith((HOLDS, NOT)) and f"| {claim.holds} |" in row, RENEW
    assert re.match(r"(table|section|appendix)s? ", claim.where)


def test_a_cell_that_moves_is_noticed(tmp_path, monkeypatch):
    claim = CLAIMS[0]
    source, number = found(claim)
    text = source.read_text(encoding="utf-8")
    monkeypatch.setattr(paper_to_cell, "NOTEBOOKS", tmp_path)
    (tmp_path / source.name).write_text(text.replace("# %%", "# %%\n'one more'\n\n# %%", 1), encoding="utf-8")
    assert found(claim)[1] == number + 1
    (tmp_path / source.name).write_text(text.replace(claim.cell, "gone"), encoding="utf-8")
    with pytest.raises(ValueError, match="stands in 0 cells"):
        found(claim)
    (tmp_path / source.name).write_text(f"{text}\n\n# %%\n# {claim.cell}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="stands in 2 cells"):
        found(claim)


def test_a_number_that_is_not_printed_is_refused():
    claim = next(claim for claim in CLAIMS if (NOTEBOOKS / f"{found(claim)[0].stem}.ipynb").exists())
    with pytest.raises(ValueError, match="does not print"):
        our_number(claim._replace(number="forty-two llamas"))
