"""Lesson 08 in a real JupyterLab: it runs, its view tells at every rank what is asked, and typed text stays text."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.browser import Lab
from tools.notebook_files import NOTEBOOKS


def test_the_lesson_and_its_view(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "08_lora.ipynb")
    view = lab.page.locator(".ll-adapters")
    view.scroll_into_view_if_needed()
    move_the_rank(lab, view)
    choose(lab, view)
    type_an_opening(lab, view)
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def told(view: Locator) -> list[Locator]:
    """The two texts, when Python has told them."""
    expect(view.locator(".ll-told[aria-busy]")).to_have_count(0)
    return view.locator(".ll-told section").all()


def move_the_rank(lab: Lab, view: Locator) -> None:
    base, adapted = told(view)
    expect(base).to_contain_text("0 of ")
    expect(base.locator("mark")).to_have_count(0)
    expect(adapted.locator("h4")).to_have_text("rank 1")
    expect(adapted.locator("mark").first).to_have_text(", hmm hmm!")
    expect(view.locator(".ll-kept")).to_have_count(1)
    lab.photograph(view, "rank_1")
    rank = view.get_by_role("slider", name="Rank")
    rank.focus()
    lab.page.keyboard.press("ArrowRight")  # JupyterLab would take the key, were it not told
    expect(rank).to_have_attribute("aria-valuetext", "rank 8")
    expect(view.locator(".ll-kept")).to_have_count(8)
    expect(view.get_by_role("status")).to_contain_text("rank 8 on wq, wv: 4,194,304 trained numbers")


def choose(lab: Lab, view: Locator) -> None:
    view.get_by_role("combobox", name="Adapted model").select_option("full fine-tuning, cut to this rank")
    rank = view.get_by_role("slider", name="Rank")
    expect(rank).to_have_attribute("max", "5")  # Python has told the ranks of this way
    rank.fill("5")
    expect(rank).to_have_attribute("aria-valuetext", "rank 64")
    expect(view.locator(".ll-kept")).to_have_count(64)
    view.get_by_role("combobox", name="Costs for").select_option("Llama 2 70B")
    view.get_by_role("combobox", name="with adapters on").select_option("all seven")
    expect(view.get_by_role("status")).to_contain_text(re.compile(r"Llama 2 70B, rank 64 on all seven: [\d,]+ trained"))
    expect(view.locator(".ll-gauges tr")).to_have_count(3)
    before = told(view)[0].inner_text()
    view.get_by_role("slider", name="Draw of the dice").fill("3")
    expect(view.locator(".ll-told section").first).not_to_have_text(before)
    told(view)
    lab.photograph(view, "rank_64")


def type_an_opening(lab: Lab, view: Locator) -> None:
    box = view.get_by_label(re.compile("The story begins"))
    box.fill("<img src=x onerror=alert(1)> <mark>")
    lab.page.keyboard.press("Enter")  # JupyterLab would make no event of it, were it not told
    expect(view.locator(".ll-told b").first).to_have_text("<img src=x onerror=alert(1)> <mark>")
    expect(view.locator("img")).to_have_count(0)
