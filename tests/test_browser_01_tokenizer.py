"""Lesson 01 in a real JupyterLab: it runs, the views answer to mouse and keyboard, and what is typed stays text."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser import Lab
from tools.notebook_files import NOTEBOOKS


def test_the_lesson_and_its_views(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "01_tokenizer.ipynb")
    use_the_player(lab, lab.page.locator(".ll-view:has(.ll-player)"))
    use_the_tokens(lab, lab.page.locator(".ll-view:has(textarea)"))
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def use_the_player(lab: Lab, player: Locator) -> None:
    status, slider = player.get_by_role("status"), player.get_by_role("slider")
    expect(status).to_contain_text("0 of 12 merges done, 58 symbols. The next merge: a + t, seen 8 times.")
    player.get_by_role("button", name="Next").click()
    expect(status).to_contain_text("1 of 12 merges done, 50 symbols")
    slider.focus()
    lab.page.keyboard.press("ArrowRight")  # JupyterLab would take the key, were it not told
    expect(status).to_contain_text("2 of 12")
    lab.photograph(player, "player")
    player.get_by_role("button", name="Play").click()
    expect(status).to_contain_text("4 of 12")
    player.get_by_role("button", name="Pause").click()
    player.get_by_role("button", name="Back").click()
    expect(status).to_contain_text("3 of 12")
    player.get_by_label("Your sentence").fill("<b>so so</b> so")
    expect(player.locator(".ll-words")).to_have_text("▁<b>so▁so</b>▁so")
    expect(player.locator("b")).to_have_count(0)
    expect(slider).to_have_value("0")


def use_the_tokens(lab: Lab, tokens: Locator) -> None:
    note, pieces, card = tokens.get_by_role("status"), tokens.locator(".ll-tokens b"), tokens.locator(".ll-card")
    assert pieces.all_text_contents()[:3] == ["▁The", "▁llamas", "▁of"]
    tokens.get_by_role("button", name="▁llamas").hover()
    expect(card).to_contain_text("Piece ▁llamas has id")
    steps = [step.locator(".ll-chip").all_text_contents() for step in tokens.get_by_role("listitem").all()]
    assert steps[0] == list("▁llamas") and steps[-1] == ["▁llamas"]
    assert [len(step) for step in steps] == [7, 6, 5, 4, 3, 2, 1]
    lab.photograph(tokens, "tokens")

    tokens.get_by_label("Your text").fill("<img src=x onerror=alert(1)> 42")
    expect(note).to_contain_text("31 characters")
    assert pieces.all_text_contents()[-3:] == ["▁", "4", "2"]
    expect(tokens.locator("img")).to_have_count(0)

    tokens.get_by_label("Your text").fill("the llama é🦙")
    expect(note).to_have_text("8 tokens, 12 characters, 16 bytes")
    lab.page.keyboard.press("Tab")  # from the text box to the first token
    expect(card).to_contain_text("Piece ▁the has id")
    lab.page.keyboard.press("End")
    expect(card).to_contain_text("byte 4 of 4 of U+1F999 LLAMA")
    lab.page.keyboard.press("Home")
    lab.page.keyboard.press("ArrowRight")
    expect(tokens.locator("[aria-pressed=true] b")).to_have_text("▁llama")
    lab.photograph(tokens, "typed")
