"""The demo page in a real JupyterLab, and a chat box with two models: keyboard, menu, stop, tokens, both themes."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser import PROJECTOR, ROOM, Lab
from tests.view_pages import write_page
from tools.notebook_files import NOTEBOOKS


def test_the_page_and_its_view(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "demo.ipynb")
    view = lab.page.locator(".ll-chat-box")
    view.get_by_role("slider", name="Temperature").fill("0")
    send(view, "What is a baby cat called?")
    expect(view.locator(".ll-assistant").last).to_contain_text("kitten")
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def test_a_box_with_two_models(lab: Lab, tmp_path: Path):
    lab.open(write_page("demo", tmp_path))
    assert lab.run_all(), lab.cell_errors()
    view = lab.page.locator(".ll-chat-box")
    expect(view.locator(".ll-turn")).to_have_count(2)  # asked from Python
    stop_in_the_middle(lab, view)
    look_at_the_tokens(lab, view)
    talk_to_the_other(lab, view)
    assert lab.console_errors == []
    assert lab.outside_requests == []


def send(view: Locator, text: str) -> None:
    box = view.get_by_label("Your message")
    box.fill(text)
    box.press("Enter")  # JupyterLab would take the key, were it not told
    expect(box).to_have_value("")
    expect(view.get_by_role("button", name="Stop")).to_be_disabled()


def stop_in_the_middle(lab: Lab, view: Locator) -> None:
    box = view.get_by_label("Your message")
    box.fill("Tell me a story about a llama.")
    view.get_by_role("button", name="Send").click()
    expect(view.locator(".ll-turn")).to_have_count(4)
    expect(view.locator(".ll-caret")).to_be_visible()
    lab.photograph(view, "writing")
    stop = view.get_by_role("button", name="Stop")
    if stop.is_enabled():  # pictures take their time: the story may be over
        stop.click()
    expect(stop).to_be_disabled()
    expect(view.get_by_role("status")).to_contain_text("written")


def look_at_the_tokens(lab: Lab, view: Locator) -> None:
    view.get_by_text("The tokens that the model read").click()
    expect(view.locator(".ll-tokens .ll-chip").first).to_have_text("<s>")
    lab.page.set_viewport_size(PROJECTOR)
    lab.photograph(view, "tokens")
    assert view.bounding_box()["height"] <= ROOM
    view.get_by_text("The tokens that the model read").click()
    expect(view.locator(".ll-tokens .ll-chip")).to_have_count(0)


def talk_to_the_other(lab: Lab, view: Locator) -> None:
    view.get_by_role("combobox", name="Talk to").select_option("other")
    expect(view.locator(".ll-turn")).to_have_count(0)
    slider = view.get_by_role("slider", name="Temperature")
    slider.focus()
    for _ in range(6):
        lab.page.keyboard.press("ArrowLeft")  # nor these
    expect(slider).to_have_attribute("aria-valuetext", "0: greedy")
    send(view, "<b>Who</b> lives there?\nWho?")
    expect(view.locator(".ll-user")).to_have_text("You <b>Who</b> lives there?\nWho?")
    expect(view.locator(".ll-assistant b")).to_have_text("other")
    view.get_by_label("System line").fill("[INST]")
    view.get_by_label("Your message").fill("And she?")
    view.get_by_label("Your message").press("Enter")
    expect(view.get_by_role("status")).to_contain_text("Not sent")
    lab.photograph(view, "refused")
    view.get_by_role("combobox", name="Talk to").select_option("one")
    expect(view.locator(".ll-turn")).to_have_count(4)
