"""Lesson 01 in a real JupyterLab: it runs, the views answer to mouse and keyboard, and what is typed stays text."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from tests.browser import Lab
from tools.notebook_files import NOTEBOOKS

TOKENS = ".ll-view:has(textarea)"
PLAYER = ".ll-view:has(.ll-player)"


@pytest.fixture
def lesson(lab: Lab) -> Lab:
    """The lesson, open and run to its end."""
    lab.open(NOTEBOOKS / "01_tokenizer.ipynb")
    assert lab.run_all(), lab.cell_errors()
    return lab


def shown_pieces(lab: Lab) -> list[str]:
    return lab.page.locator(f"{TOKENS} .ll-tokens b").all_text_contents()


def photograph(lab: Lab, view: Locator, name: str) -> None:
    """Pictures of a view in both themes, for a person to look at."""
    for theme in ("Light", "Dark"):
        lab.page.evaluate(
            "name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })",
            f"JupyterLab {theme}",
        )
        lab.page.wait_for_selector(f"body[data-jp-theme-name='JupyterLab {theme}']", state="attached")
        lab.page.wait_for_timeout(500)  # the style sheet follows
        view.screenshot(path=lab.shots / f"01_tokenizer_{name}_{theme.lower()}.png")


def test_the_lesson_in_jupyterlab(lesson: Lab):
    page = lesson.page
    tokens, player = page.locator(TOKENS), page.locator(PLAYER)

    player.scroll_into_view_if_needed()
    status = player.get_by_role("status")
    assert status.text_content().startswith("0 of 12 merges done, 58 symbols.")
    player.get_by_role("button", name="Next").click()
    page.wait_for_function("node => node.textContent.startsWith('1 of 12')", arg=status.element_handle())
    player.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")  # JupyterLab would take the key, were it not told
    page.wait_for_function("node => node.textContent.startsWith('2 of 12')", arg=status.element_handle())
    photograph(lesson, player, "player")
    player.get_by_role("button", name="Play").click()
    page.wait_for_function("node => node.textContent.startsWith('4 of 12')", arg=status.element_handle())
    player.get_by_role("button", name="Pause").click()
    player.get_by_label("Your sentence").fill("<b>so so</b> so")
    page.wait_for_function("node => node.textContent.startsWith('0 of ')", arg=status.element_handle())
    assert player.locator(".ll-words").text_content() == "▁<b>so▁so</b>▁so"
    assert player.locator("b").count() == 0

    tokens.scroll_into_view_if_needed()
    before = shown_pieces(lesson)
    assert before[:3] == ["▁The", "▁llamas", "▁of"]
    tokens.get_by_role("button", name="▁llamas").hover()
    assert "made by" not in tokens.locator(".ll-card").text_content()
    assert tokens.locator(".ll-history li").all_text_contents()[0] == "▁llamas"
    assert tokens.locator(".ll-history li").last.locator(".ll-chip").all_text_contents() == ["▁llamas"]
    photograph(lesson, tokens, "tokens")

    tokens.get_by_label("Your text").fill("<img src=x onerror=alert(1)> 42")
    page.wait_for_function(
        "css => document.querySelector(css).textContent.includes('31 characters')", arg=f"{TOKENS} p"
    )
    assert tokens.locator("img").count() == 0
    assert shown_pieces(lesson)[-3:] == ["▁", "4", "2"]
    tokens.get_by_label("Your text").fill("the llama é🦙")
    page.wait_for_function(
        "css => document.querySelector(css).textContent.includes('12 characters')", arg=f"{TOKENS} p"
    )
    tokens.get_by_role("button").first.focus()
    page.keyboard.press("End")
    assert "byte 4 of 4 of U+1F999 LLAMA" in tokens.locator(".ll-card").text_content()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert tokens.locator("[aria-pressed=true] b").text_content() == "▁llama"
    photograph(lesson, tokens, "typed")

    assert lesson.cell_errors() == []
    assert lesson.console_errors == []
    assert lesson.outside_requests == []
