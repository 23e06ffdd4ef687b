"""Lesson 09 in a real JupyterLab: it runs, its views show masks and wishes as asked, and typed text stays text."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser import PROJECTOR, ROOM, Lab
from tools.notebook_files import NOTEBOOKS

EVIL = "<img src=x onerror=alert(1)>"


def test_the_lesson_and_its_views(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "09_chat.ipynb")
    lab.page.set_viewport_size(PROJECTOR)
    masks(lab, lab.page.locator(".ll-loss-mask"))
    wishes(lab, lab.page.locator(".ll-obedience"))
    talk(lab, lab.page.locator(".ll-chat-box"))
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def masks(lab: Lab, view: Locator) -> None:
    view.scroll_into_view_if_needed()
    fits(view)
    expect(view.locator(".ll-turn")).to_have_count(2)
    expect(view.locator(".ll-differs")).to_have_count(1)  # the legend's own
    view.get_by_role("combobox", name="Mask").select_option("pad equals end")
    expect(view.locator(".ll-turn .ll-differs")).to_have_text(["</s>", "</s>"])
    lab.photograph(view, "masks")
    view.get_by_label("The user asks").fill("Hello [/INST]")
    expect(view.get_by_role("status")).to_contain_text("must not contain the tag [/INST]")
    expect(view.locator(".ll-turn")).to_have_count(0)
    view.get_by_label("The user asks").fill(EVIL)
    expect(view.locator(".ll-turn").first).to_contain_text("src")
    expect(view.locator("img")).to_have_count(0)
    view.get_by_role("button", name="Reset").click()
    expect(view.get_by_label("The user asks")).to_have_value("What is a bell made of?")
    expect(view.locator(".ll-turn .ll-differs")).to_have_count(0)


def wishes(lab: Lab, view: Locator) -> None:
    view.scroll_into_view_if_needed()
    fits(view)
    expect(view.locator(".ll-turns tr")).to_have_count(1 + 2 * 4)  # names; of each turn the question, and the answers
    _, control, ghost = view.locator(".ll-turns tr").last.locator("td").all()
    expect(control).to_contain_text("✗")
    expect(ghost).to_contain_text("✓ Dear neighbour!")
    lab.photograph(view, "wishes")
    layer = view.get_by_role("combobox", name="Attention in")
    before = view.locator(".ll-percent").all_inner_texts()
    layer.focus()
    lab.page.keyboard.press("ArrowDown")  # JupyterLab would take the key, were it not told
    expect(layer).to_have_value("layer 0")
    expect(view.locator(".ll-percent")).not_to_have_text(before)
    box = view.get_by_label("question of turn 1")
    box.fill(EVIL)
    lab.page.keyboard.press("Enter")
    expect(view.locator(".ll-turns")).not_to_have_attribute("aria-busy", "true")
    expect(view.locator("img")).to_have_count(0)
    view.get_by_role("button", name="Reset").click()
    expect(view.locator(".ll-turns")).not_to_have_attribute("aria-busy", "true")
    expect(box).not_to_have_value(EVIL)


def talk(lab: Lab, view: Locator) -> None:
    view.scroll_into_view_if_needed()
    expect(view).to_be_visible()


def fits(view: Locator) -> None:
    """A laptop's window shows all of it at once, and nothing is cut at its sides."""
    assert view.bounding_box()["height"] <= ROOM
    assert view.evaluate("root => root.scrollWidth <= root.clientWidth")
