"""Lesson 03 in a real JupyterLab: clocks turn, the score stays, and wrong ways show in map and text."""

from __future__ import annotations

import re
from statistics import median

from playwright.sync_api import Locator, expect

from tests.browser import Lab
from tools.notebook_files import NOTEBOOKS

# The pixel of the map at (row, column): red, green, blue, and how much of that there is, 0 ... 255 each.
PIXEL = """([map, row, column, n]) => {
  const ratio = map.width / 308, margin = 84, cell = (308 - margin - 4) / n;
  const [x, y] = [column, row].map(k => Math.round((margin + (k + 0.5) * cell) * ratio));
  return [...map.getContext('2d').getImageData(x, y, 1, 1).data];
}"""
# Move a slider, again and again, and wait each time until the sentence that belongs to it is on the screen.
MEASURE = """async (root, turns) => {
  const slider = root.querySelectorAll('.ll-side input[type=range]')[2];
  const status = root.querySelector('[role=status]');
  const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  const changed = () => new Promise(done => {
    const watch = new MutationObserver(() => { watch.disconnect(); done(); });
    watch.observe(status, { childList: true, characterData: true, subtree: true });
  });
  const times = [];
  for (let k = 0; k < turns; k++) {
    const start = performance.now();
    const change = changed();
    slider.value = (Number(slider.value) + 7) % 101;
    slider.dispatchEvent(new Event('input'));
    await change;
    await painted();
    times.push(performance.now() - start);
    await new Promise(done => setTimeout(done, 100));
  }
  return times;
}"""


def test_the_lesson_and_its_view(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "03_rope.ipynb")
    view = lab.page.locator(".ll-rope")
    expect(view).to_have_count(1)
    look_at_two_tokens(lab, view)
    turn_wrongly(lab, view)
    type_a_text(lab, view)
    times = view.evaluate(MEASURE, 20)
    print(f"redraw: median {median(times):.0f} ms, longest {max(times):.0f} ms")
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def score(view: Locator) -> str:
    """What the sentence says about the score."""
    return view.get_by_role("status").inner_text().partition("score is ")[2]


def hand(view: Locator, pair: int, kind: str) -> tuple[float, float]:
    """Where a hand points to, in pixels."""
    line = view.locator(".ll-clocks svg").nth(pair).locator(f".ll-{kind}-hand")
    return float(line.get_attribute("x2")), float(line.get_attribute("y2"))


def pixel(view: Locator, row: int, column: int) -> list[int]:
    """What the map of 15 tokens shows at a place."""
    weights = view.locator("canvas").first.element_handle()
    return view.page.evaluate(PIXEL, [weights, row, column, 15])


def look_at_two_tokens(lab: Lab, view: Locator) -> None:
    status = view.get_by_role("status")
    expect(status).to_contain_text("▁llamas at place 60 looks at ▁the, 1 token before it.")
    expect(view.locator(".ll-clocks svg")).to_have_count(16)
    view.scroll_into_view_if_needed()
    expect(view.locator("canvas").first).to_have_attribute("aria-label", re.compile("▁llamas gives ▁the"))
    red, green, blue, much = pixel(view, 10, 9)  # a head that looks at the token before, in blue
    assert much > 200 and blue > green > red and pixel(view, 10, 2)[3] < 100
    lab.photograph(view, "as_trained")
    before, fast, slow = score(view), hand(view, 0, "query"), hand(view, 15, "query")
    view.get_by_label("Tokens before the text:").focus()
    lab.page.keyboard.press("ArrowRight")  # JupyterLab would take the key, were it not told
    expect(status).to_contain_text("at place 61")
    assert score(view) == before
    assert hand(view, 0, "query") != fast
    assert max(abs(a - b) for a, b in zip(hand(view, 15, "query"), slow, strict=True)) < 0.1
    view.get_by_label("Token that it looks at:").focus()
    for _ in range(3):
        lab.page.keyboard.press("ArrowLeft")
    expect(status).to_contain_text("4 tokens before it")
    view.get_by_label("Token that looks:").focus()
    lab.page.keyboard.press("Home")
    expect(status).to_contain_text("<s> at place 51 looks at itself")
    cell = 220 / 15
    view.locator("canvas").last.click(position={"x": 84 + 9.5 * cell, "y": 84 + 11.5 * cell})
    expect(status).to_contain_text("▁hummed at place 62 looks at ▁the, 2 tokens before it")


def turn_wrongly(lab: Lab, view: Locator) -> None:
    text = view.locator(".ll-texts")
    expect(text).to_contain_text("Now: the same")
    view.get_by_label("Token that looks:").fill("10")
    view.get_by_label("Token that it looks at:").fill("9")
    menu = view.get_by_label("Turning")
    menu.select_option("keys not turned")
    expect(text).to_contain_text("differs from what it writes as trained from new token")
    still = hand(view, 0, "key")
    view.get_by_label("Tokens before the text:").fill("20")
    expect(view.get_by_role("status")).to_contain_text("at place 30")
    assert hand(view, 0, "key") == still
    lab.photograph(view, "keys_not_turned")
    menu.select_option("two halves in place of neighbours")
    expect(text.locator("mark")).not_to_be_empty()
    lab.photograph(view, "two_halves")
    menu.select_option("all places 1000 further")
    expect(text).to_contain_text("Now: the same")
    menu.select_option("as trained")
    expect(text.locator("mark")).to_be_empty()


def type_a_text(lab: Lab, view: Locator) -> None:
    view.get_by_label("Your text").fill("<img src=x onerror=alert(1)> The llamas")
    expect(view.get_by_role("status")).to_contain_text("at place")
    view.get_by_label("Token that looks:").press("End")
    expect(view.locator("img")).to_have_count(0)
    view.get_by_label("Your text").fill("One day Clara")
    expect(view.locator(".ll-texts mark")).to_be_empty()
