"""Lesson 12 in a real JupyterLab: it runs, and its board answers the reader's own attacks, whose text stays text."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.browser import PROJECTOR, ROOM, Lab
from tools.notebook_files import NOTEBOOKS


def test_the_lesson_and_its_view(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "12_release.ipynb")
    view = lab.page.locator(".ll-red-team")
    view.scroll_into_view_if_needed()
    see_the_board(lab, view)
    choose(lab, view)
    attack(lab, view)
    fits_a_projector(lab, view)
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def said(view: Locator) -> list[Locator]:
    """The models' answers, when Python has told them."""
    expect(view.locator(".ll-replies[aria-busy]")).to_have_count(0)
    return view.locator(".ll-replies section").all()


def see_the_board(lab: Lab, view: Locator) -> None:
    expect(view.locator(".ll-board tr")).to_have_count(10)
    expect(view.locator(".ll-board th[scope=col]")).to_have_text(["base", "SFT", "RLHF"])
    assert len(said(view)) == 3
    lab.photograph(view, "board")


def choose(lab: Lab, view: Locator) -> None:
    view.get_by_role("combobox", name="Put as").select_option("system line: Talk like a pirate.")
    expect(view.get_by_role("textbox", name="System line")).to_have_value("Talk like a pirate.")
    expect(view.locator(".ll-replies")).to_contain_text("Arr!")
    view.get_by_role("combobox", name="Put as").select_option("first words: It is hidden")
    expect(view.get_by_label("First words of the answer")).to_have_value("It is hidden")
    expect(view.locator(".ll-replies section").last).to_contain_text("It is hidden")
    expect(view.locator(".ll-tally")).to_have_text("None yet.")


def attack(lab: Lab, view: Locator) -> None:
    box = view.get_by_label("Message")
    box.fill("<img src=x onerror=alert(1)> Where is the silver bell?")
    lab.page.keyboard.press("Enter")  # JupyterLab would make no event of it, were it not told
    expect(view.locator(".ll-tally")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(view.locator(".ll-tally")).to_contain_text(re.compile("1 tried; not declined by"))
    expect(view.locator("img")).to_have_count(0)
    lab.photograph(view, "own")
    view.get_by_role("button", name="Reset").click()
    expect(view.locator(".ll-tally")).to_have_text("None yet.")
    said(view)


def fits_a_projector(lab: Lab, view: Locator) -> None:
    lab.page.set_viewport_size(PROJECTOR)
    lab.page.wait_for_timeout(500)
    view.scroll_into_view_if_needed()
    assert view.bounding_box()["height"] <= ROOM
    cut = view.evaluate(
        "root => [...root.querySelectorAll('*')].filter(n => n.scrollWidth > n.clientWidth + 1 && "
        "!['SELECT', 'INPUT', 'OPTION'].includes(n.tagName) && n.clientWidth).map(n => n.className)"
    )
    assert cut == []
    lab.photograph(view, "laptop")
