"""Lesson 11 in a real JupyterLab: it runs, its two views tell what is asked, by keyboard too, and text stays text."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from llama_lessons.widgets.exam_sheets import PROTOCOLS
from tests.browser import PROJECTOR, ROOM, Lab
from tools.notebook_files import NOTEBOOKS


def test_the_lesson_and_its_views(lab: Lab):
    lab.page.set_viewport_size(PROJECTOR)
    lab.run_lesson(NOTEBOOKS / "11_evaluation.ipynb")
    protocols, errors = (lab.page.locator(f".ll-{name}") for name in ("protocols", "exam-errors"))
    for view in (protocols, errors):
        view.scroll_into_view_if_needed()
        assert view.bounding_box()["height"] <= ROOM
    choose_protocols(lab, protocols)
    go_through_errors(lab, errors)
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def chosen(view: Locator) -> Locator:
    """The line of the table that is chosen."""
    return view.locator(".ll-twelve [aria-current] th")


def choose_protocols(lab: Lab, view: Locator) -> None:
    view.scroll_into_view_if_needed()
    expect(view.locator(".ll-twelve tr")).to_have_count(1 + len(PROTOCOLS))
    expect(view.locator(".ll-score")).to_have_count(3)
    expect(chosen(view)).to_have_text("letter before, with blank, 5 shots ★")
    expect(view.get_by_role("combobox", name="The text is weighed")).to_be_disabled()
    lab.photograph(view, "protocols_letter")
    view.get_by_role("combobox", name="The letter stands").select_option("after the choice")
    view.get_by_role("combobox", name="The letter's token").select_option("without a blank")
    shots = view.get_by_role("combobox", name="Solved examples before")
    shots.focus()
    lab.page.keyboard.press("ArrowUp")  # JupyterLab would take the key, were it not told
    expect(chosen(view)).to_have_text("letter after, without blank, 0 shots")
    view.get_by_role("combobox", name="The answer is read from").select_option("its text")
    expect(shots).to_be_disabled()
    view.get_by_role("combobox", name="The text is weighed").select_option("against the answer alone")
    expect(chosen(view)).to_have_text("text, against the answer alone")
    expect(view.get_by_role("status")).to_contain_text(re.compile(r"base against chat: right alone \d+ to \d+ times"))
    lab.photograph(view, "protocols_text")
    view.get_by_role("button", name="Reset").click()
    expect(chosen(view)).to_have_text("letter before, with blank, 5 shots ★")


def go_through_errors(lab: Lab, view: Locator) -> None:
    view.scroll_into_view_if_needed()
    status = view.get_by_role("status")
    expect(status).to_contain_text("Question 1 of ")
    expect(view.locator(".ll-choices .ll-chosen")).to_have_count(3)  # one for each model
    expect(view.locator(".ll-choices .ll-right")).to_have_count(1)
    lab.photograph(view, "errors_first")
    view.get_by_role("combobox", name="Show").select_option("wrong by base")
    expect(status).not_to_contain_text(" of 115.")
    view.get_by_role("button", name="next ›").click()
    expect(status).to_contain_text("Question 2 of ")
    place = view.get_by_role("slider", name="Question")
    place.focus()
    lab.page.keyboard.press("ArrowRight")
    expect(status).to_contain_text("Question 3 of ")
    view.get_by_role("combobox", name="Protocol").select_option("text, sum")
    view.get_by_role("button", name="Reset").click()
    expect(status).to_contain_text("Question 1 of 115.")
    expect(view.get_by_role("combobox", name="Protocol")).to_have_value("letter before, with blank, 5 shots")
