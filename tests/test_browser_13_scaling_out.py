"""Lesson 13 in a real JupyterLab: it runs, and its view heeds every control and fits a laptop."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser import PROJECTOR, ROOM, Lab
from tests.view_looks import CUT, SMALL
from tests.view_pages import write_page
from tools.notebook_files import NOTEBOOKS


def test_the_lesson_and_its_view(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "13_scaling_out.ipynb")
    view = lab.page.locator(".ll-shards")
    expect(view).to_have_count(1)
    view.scroll_into_view_if_needed()
    expect(view.get_by_role("status")).to_contain_text("3 of 14: all-gather, weights of layer 1")


def use_the_view(lab: Lab, view: Locator) -> None:
    view.scroll_into_view_if_needed()
    title, ranks = view.get_by_role("status"), view.locator(".ll-ranks section")
    expect(title).to_have_text("0 of 6: at the start")
    expect(ranks).to_have_count(4)
    expect(view.get_by_role("button", name="Back")).to_be_disabled()
    view.get_by_role("button", name="Next").click()
    expect(title).to_have_text("1 of 6: all-reduce, number of tokens")
    expect(ranks.nth(3)).to_contain_text("sends 6 bytes to rank 0")
    slider = view.get_by_label("Collective")
    slider.focus()
    lab.page.keyboard.press("End")  # JupyterLab would take the key, were it not told
    expect(title).to_have_text("6 of 6: all-reduce, loss")
    expect(ranks.nth(0)).to_contain_text("AdamW's means: 1,281 kB")
    lab.photograph(view, "shards_data_parallel")
    view.get_by_label("Strategy").select_option("fully sharded")
    slider.fill("7")
    expect(title).to_have_text("7 of 18: all-gather, weights of layer 1")
    expect(ranks.nth(1)).to_contain_text("Weights, gathered: 189 kB")
    widths = (
        ranks.nth(1).locator(".ll-kind").nth(1).locator(".ll-unit").evaluate_all("all => all.map(e => e.style.width)")
    )
    assert len(widths) == 1 and 25 < float(widths[0].removesuffix("%")) < 35
    lab.photograph(view, "shards_fully_sharded")
    view.get_by_label("Strategy").select_option("tensor parallel")
    expect(title).to_have_text("7 of 33: all-reduce, sum of exponentials")
    view.get_by_role("button", name="As at the start").click()
    expect(title).to_have_text("0 of 6: at the start")
    expect(slider).to_have_value("0")


def test_the_view_fits_a_laptop_also_when_enlarged_and_in_the_dark(lab: Lab, tmp_path: Path):
    lab.page.set_viewport_size(PROJECTOR)
    lab.open(write_page("13_scaling_out", tmp_path))
    assert lab.run_all(), lab.cell_errors()
    view = lab.page.locator(".ll-shards")
    use_the_view(lab, view)
    assert view.bounding_box()["height"] <= ROOM
    assert view.evaluate(CUT) == view.evaluate(SMALL) == []
    lab.page.evaluate("document.body.style.zoom = 1.5")
    assert view.evaluate(CUT) == []
    lab.photograph(view, "shards_150")
