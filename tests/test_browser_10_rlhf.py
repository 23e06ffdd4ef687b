"""Lesson 10 in a real JupyterLab: it runs, the best of K is taken as the judge wants, PPO draws while it trains."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.browser import PROJECTOR, ROOM, Lab
from tools.notebook_files import NOTEBOOKS

JUDGED_ANEW = """() => {  // a length is a whole number
  const scores = [...document.querySelectorAll('.ll-bestof .ll-score')];
  return scores.length && scores.every(score => score.innerText.endsWith('.00'));
}"""


def test_the_lesson_and_its_views(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "10_rlhf.ipynb")
    look_at_the_best_of_k(lab, lab.page.locator(".ll-bestof"))
    look_at_ppo(lab, lab.page.locator(".ll-ppo"))
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def fits(lab: Lab, view: Locator) -> None:
    """On a projector the whole view is to be seen at once, and nothing sticks out of it."""
    lab.page.set_viewport_size(PROJECTOR)
    view.scroll_into_view_if_needed()
    assert view.bounding_box()["height"] <= ROOM
    assert view.evaluate("root => root.scrollWidth <= root.clientWidth")
    sizes = "root => [...root.querySelectorAll('*')].map(node => parseFloat(getComputedStyle(node).fontSize))"
    assert min(view.evaluate(sizes)) >= 14


def look_at_the_best_of_k(lab: Lab, view: Locator) -> None:
    fits(lab, view)
    expect(view.locator(".ll-answers li")).to_have_count(8)
    expect(view.locator(".ll-left-out")).to_have_count(7)
    steps = view.get_by_role("slider", name="Best of K")
    steps.focus()
    for k in (2, 4, 8):
        lab.page.keyboard.press("ArrowRight")  # JupyterLab would take the key, were it not told
        expect(steps).to_have_attribute("aria-valuetext", f"best of {k}")
        expect(view.locator(".ll-left-out")).to_have_count(8 - k)
    expect(view.locator(".ll-best")).to_have_count(1)
    expect(view.get_by_role("status")).to_contain_text("the best of 8: judge")
    lab.photograph(view, "best_of_8")
    view.get_by_role("combobox", name="Judge").select_option("the longest answer")
    lab.page.wait_for_function(JUDGED_ANEW)
    scores = [float(text) for text in view.locator(".ll-score").all_inner_texts()]
    lengths = [len(text) for text in view.locator(".ll-words").all_inner_texts()]
    assert scores == lengths
    expect(view.locator(".ll-best .ll-score")).to_have_text(f"{max(scores):.2f}")
    view.get_by_role("combobox", name="Request").select_option(index=20)
    lab.photograph(view, "longest")
    view.get_by_role("button", name="Reset").click()
    expect(steps).to_have_attribute("aria-valuetext", "best of 1")
    expect(view.get_by_role("combobox", name="Judge")).to_have_value("the reward model")


def look_at_ppo(lab: Lab, view: Locator) -> None:
    fits(lab, view)
    expect(view.locator(".ll-note")).to_have_text(re.compile(r"safety alone: done, \d+ iterations\."))
    expect(view.locator(".ll-panels section")).to_have_count(6)
    expect(view.locator(".ll-legend li")).to_have_text([" sound judge", " safety alone"])
    expect(view.locator(".ll-said tr")).to_have_count(3)
    lab.photograph(view, "ppo")
    look = view.get_by_role("slider", name="Look at an iteration")
    newest = view.locator(".ll-said").inner_text()
    look.focus()
    lab.page.keyboard.press("Home")
    expect(look).to_have_attribute("aria-valuetext", "iteration 1")
    expect(view.locator(".ll-said")).not_to_have_text(newest)
    view.get_by_role("combobox", name="of").select_option("sound judge")
    expect(view.locator(".ll-says")).to_contain_text(re.compile(r"iteration (\d+) of \1"))
    lab.photograph(view, "ppo_sound")
    view.get_by_role("button", name="Newest").click()
    expect(view.locator(".ll-said")).to_have_text(newest, use_inner_text=True)
