"""Lesson 07 in a real JupyterLab: it runs twice, and its view answers to mouse and keyboard."""

from __future__ import annotations

import re
from statistics import median

from playwright.sync_api import Locator, expect

from tests.browser import Lab
from tools.notebook_files import NOTEBOOKS

# Move the temperature by a step, again and again, and wait each time until its new sentence and bars are on the screen.
MEASURE = """async (root) => {
  const slider = root.querySelector('input[type=range]');
  const note = root.querySelector('.ll-note');
  const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  const times = [];
  for (let k = 0; k < 24; k++) {
    const changed = new Promise(done => {
      const watch = new MutationObserver(() => { watch.disconnect(); done(); });
      watch.observe(note, { childList: true, characterData: true, subtree: true });
    });
    const start = performance.now();
    slider.value = 0.5 + 0.05 * k;
    slider.dispatchEvent(new Event('input'));
    await changed;
    await painted();
    times.push(performance.now() - start);
    await new Promise(done => setTimeout(done, 80)); // as a hand would pause
  }
  return times;
}"""


def test_the_lesson_and_its_view(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "07_sampling.ipynb")
    view = lab.page.locator(".ll-distribution")
    move_the_sliders(lab, view)
    draw_and_roll(lab, view)
    type_a_text(lab, view)
    times = view.evaluate(MEASURE)
    print(f"temperature by a step: median {median(times):.0f} ms, longest {max(times):.0f} ms")
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []
    again = lab.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")  # without a restart
    assert again, lab.cell_errors()


def test_the_side_trip(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "07b_speed.ipynb")
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def move_the_sliders(lab: Lab, view: Locator) -> None:
    note, rows = view.locator(".ll-note"), view.locator("tr")
    expect(note).to_contain_text("90 tokens of 2048 can be drawn")
    expect(rows).to_have_count(22)  # the head, twenty tokens, the others
    expect(rows.nth(1)).to_contain_text("▁a")
    expect(rows.last).to_contain_text("2028 others")
    expect(rows.last).to_contain_text("70 of them stay")
    lab.photograph(view, "start")
    top_k = view.get_by_role("slider", name="Top-k")
    top_k.focus()
    for _ in range(3):
        lab.page.keyboard.press("ArrowRight")  # JupyterLab would take the key, were it not told
    expect(note).to_contain_text("3 tokens of 2048 can be drawn")
    expect(view.locator(".ll-cut")).to_have_count(17)
    expect(rows.nth(4)).to_contain_text("cut by top-k")
    expect(top_k).to_have_attribute("aria-valuetext", "3 likeliest")
    view.get_by_role("slider", name="Top-p").fill("0.4")
    expect(rows.nth(3)).to_contain_text("cut by top-p")
    view.get_by_role("slider", name="Temperature").fill("0")
    expect(rows.nth(2)).to_contain_text("not the likeliest")
    expect(note).to_contain_text("1 token of 2048 can be drawn")
    top_k.fill("0")
    view.get_by_role("slider", name="Temperature").fill("1.5")
    view.get_by_role("slider", name="Top-p").fill("0.6")
    expect(view.get_by_text("0.60")).to_be_visible()
    lab.photograph(view, "hot")


def draw_and_roll(lab: Lab, view: Locator) -> None:
    view.get_by_role("slider", name="Temperature").fill("1")
    view.get_by_role("slider", name="Top-p").fill("0.9")
    grown, words = view.locator(".ll-grown"), view.locator(".ll-written")
    view.get_by_role("button", name="Roll 1000 times").click()
    expect(view.locator(".ll-bars .ll-dot")).to_have_count(21)
    expect(view.locator("tr").nth(1).locator(".ll-number").nth(2)).to_have_text(re.compile(r"^\d+$"))
    expect(words).to_have_count(0)
    lab.photograph(view, "rolled")
    view.get_by_role("button", name="Draw one").click()
    expect(words).to_have_count(1)
    expect(view.locator(".ll-bars .ll-dot")).to_have_count(0)
    expect(view.locator(".ll-drawn")).to_contain_text("which the model gave")
    expect(grown).to_contain_text("One morning ")
    view.get_by_role("button", name="Draw 20").click()
    expect(words).to_have_count(21)
    expect(words.first).to_have_attribute("title", re.compile(r"\d %$"))
    lab.photograph(view, "grown")
    first = grown.inner_text()
    view.get_by_role("button", name="Start over").click()
    expect(words).to_have_count(0)
    view.get_by_role("button", name="Roll 1000 times").click()
    view.get_by_role("button", name="Draw one").click()
    view.get_by_role("button", name="Draw 20").click()
    expect(words).to_have_count(21)
    assert grown.inner_text() == first  # the same seed, the same draws


def type_a_text(lab: Lab, view: Locator) -> None:
    box = view.get_by_label("Your text")
    box.fill("<img src=x onerror=alert(1)> <b>")
    expect(view.locator(".ll-grown")).to_have_text("<img src=x onerror=alert(1)> <b>")
    expect(view.locator("img")).to_have_count(0)
    box.fill("Clara and Luis walked home together, and the llamas hummed behind them.")
    expect(view.locator("tr").nth(1)).to_contain_text("</s>")
    view.get_by_role("slider", name="Temperature").fill("0")
    view.get_by_role("button", name="Draw 20").click()
    expect(view.locator(".ll-drawn")).to_contain_text("The text ends here.")
    expect(view.get_by_role("button", name="Draw one")).to_be_disabled()
    lab.photograph(view, "ended")
    box.fill("One morning")
    expect(view.get_by_role("button", name="Draw one")).to_be_enabled()
