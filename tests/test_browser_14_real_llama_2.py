"""Lesson 14 in a real JupyterLab: it runs, and its view heeds every control and fits a laptop."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser import PROJECTOR, ROOM, Lab
from tests.view_looks import CUT, SMALL
from tests.view_pages import write_page
from tools.notebook_files import NOTEBOOKS


def test_the_lesson_and_its_view(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "14_real_llama_2.ipynb")
    use_the_view(lab, lab.page.locator(".ll-roof"))
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def use_the_view(lab: Lab, view: Locator) -> None:
    view.scroll_into_view_if_needed()
    note, rows = view.get_by_role("status"), view.locator(".ll-gauges tr:has(td)")
    at_first = "Llama 2 7B on RTX 4090, one text of 512 tokens"
    expect(note).to_contain_text(at_first)
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("13.7 GB")
    expect(rows.nth(0)).to_contain_text("75 tokens/s, memory is the limit")
    widths = rows.locator(".ll-rate").evaluate_all("bars => bars.map(bar => parseFloat(bar.style.width))")
    assert max(widths) == widths[2] == 100 > widths[3] > widths[1] > widths[0]
    lab.photograph(view, "roof")
    slider = view.get_by_label("Texts at a time")
    slider.focus()
    lab.page.keyboard.press("End")  # JupyterLab would take the key, were it not told
    expect(note).to_contain_text("64 texts of 512 tokens: 17.2 GB of cache")
    view.get_by_label("Model").select_option("Llama 2 70B")
    expect(rows.nth(0)).to_contain_text("does not fit")
    lab.photograph(view, "too_much")
    view.get_by_label("Machine").select_option("H200")
    expect(note).to_contain_text("Llama 2 70B on H200")
    view.get_by_label("Tokens in each text").fill("64")
    expect(note).to_contain_text("64 texts of 64 tokens")
    view.get_by_role("button", name="Reset").click()
    expect(note).to_contain_text(at_first)
    expect(slider).to_have_value("1")


def test_the_view_fits_a_laptop_also_when_enlarged(lab: Lab, tmp_path: Path):
    lab.page.set_viewport_size(PROJECTOR)
    lab.open(write_page("14_real_llama_2", tmp_path))
    assert lab.run_all(), lab.cell_errors()
    view = lab.page.locator(".ll-roof")
    use_the_view(lab, view)
    assert view.bounding_box()["height"] <= ROOM
    assert view.evaluate(CUT) == view.evaluate(SMALL) == []
    lab.page.evaluate("document.body.style.zoom = 1.5")
    assert view.evaluate(CUT) == []
    lab.photograph(view, "roof_150")
