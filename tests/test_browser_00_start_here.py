"""Lesson 00 in a real JupyterLab: it runs, its table and explorer are there, and the explorer heeds the keyboard."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser import Lab
from tools.notebook_files import NOTEBOOKS


def test_the_lesson_and_its_explorer(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "00_start_here.ipynb")
    see_the_table(lab)
    use_the_explorer(lab, lab.page.locator(".ll-view:has(.ll-gauges)"))
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def see_the_table(lab: Lab) -> None:
    table = lab.page.locator(".jp-OutputArea-output table", has_text="course folder")
    expect(table.locator("tr", has_text="torch").first).to_contain_text("ok")
    lab.photograph(table, "environment")


def use_the_explorer(lab: Lab, view: Locator) -> None:
    note = view.get_by_role("status")
    rows = view.locator(".ll-gauges tr:has(td)")
    expect(note).to_contain_text("Llama 2 7B in float16: 13.5 GB of weights, 8.6 GB of cache for 4 x 4096 tokens")
    assert [name.split(maxsplit=1)[0] for name in rows.locator("th").all_text_contents()] == [
        "this",
        "RTX",
        "H200150.8",
    ]
    expect(rows.nth(1)).to_contain_text("86 % full")

    slider = view.get_by_label("Sequences at a time")
    slider.focus()
    lab.page.keyboard.press("ArrowRight")  # JupyterLab would take the key, were it not told
    expect(note).to_contain_text("5 x 4096 tokens")
    expect(rows.nth(1)).to_contain_text("tight")
    lab.photograph(view, "tight")
    expect(view.locator(".ll-slider", has_text="Sequences").locator(".ll-value")).to_have_text("5")
    lab.page.keyboard.press("Home")
    expect(note).to_contain_text("for 4096 tokens")

    view.get_by_label("Model").select_option("Llama 2 70B")
    expect(note).to_contain_text("138.0 GB of weights")
    expect(rows.nth(1)).to_contain_text("5.4 times what there is, 113.5 GB too much")
    expect(rows.nth(2)).to_contain_text("tight")
    lab.photograph(view, "overflow")
    view.get_by_label("Numbers of the weights").select_option("int4")
    expect(note).to_contain_text("34.5 GB of weights, 1.3 GB of cache")
    view.get_by_label("Tokens in each sequence").fill("64")
    expect(note).to_contain_text("for 64 tokens")
    widths = rows.nth(2).locator(".ll-gauge i").evaluate_all("bars => bars.map(bar => bar.style.width)")
    assert widths[0].startswith("22.87") and len(widths) == 2
