"""Lesson 04 in a real JupyterLab: the KV-cache view steps, breaks, overflows and estimates as it is told to."""

from __future__ import annotations

import re
from statistics import median

from playwright.sync_api import Locator, expect

from tests.browser import Lab
from tools.notebook_files import NOTEBOOKS

# Press a key on the step slider and wait until the cells of the next step are on the screen, again and again.
MEASURE = """async (root, turns) => {
  const range = root.querySelector('.ll-player input');
  const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  const drawn = step => new Promise(done => {
    const ready = () => root.dataset.drawn.startsWith(`${step} `);
    if (ready()) return done();
    const watch = new MutationObserver(() => { if (ready()) { watch.disconnect(); done(); } });
    watch.observe(root, { attributes: true, attributeFilter: ['data-drawn'] });
  });
  const times = [];
  for (let k = 1; k <= turns; k++) {
    const start = performance.now();
    range.value = k;
    range.dispatchEvent(new Event('input'));
    await drawn(k);
    await painted();
    times.push(performance.now() - start);
    await new Promise(done => setTimeout(done, 50));
  }
  return times;
}"""


def test_the_lesson_and_its_views(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "04_gqa.ipynb")
    views = lab.page.locator(".ll-kv")
    expect(views).to_have_count(2)
    step_through(lab, views.nth(0))
    break_it(lab, views.nth(0))
    fill_it(lab, views.nth(1))
    ask_for_full_size(lab, views.nth(1))
    time_it(views.nth(1))
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def step_through(lab: Lab, view: Locator) -> None:
    says, info = view.locator(".ll-says"), view.locator(".ll-info")
    expect(view.locator(".ll-what-if")).to_have_count(0)
    expect(says).to_contain_text("Step 1 of 40, prefill: reads 16 tokens at once, <s> ...")
    expect(says).to_contain_text("The cache holds 16 of 64 tokens, 72.0 of 288.0 KiB")
    view.get_by_role("button", name="Next").click()
    expect(says).to_contain_text("Step 2 of 40, decode: reads one token, ▁Clara.")
    expect(says).to_contain_text("Computed so far: 17 tokens. Without a cache: 33, 48 % of them once more.")
    view.get_by_role("slider", name="Step").focus()
    lab.page.keyboard.press("ArrowRight")  # JupyterLab would take the key, were it not told
    expect(says).to_contain_text("Step 3 of 40")
    view.get_by_role("button", name="Play").click()
    expect(says).to_contain_text(re.compile(r"Step ([5-9]|\d\d) of 40"))
    view.get_by_role("button", name="Pause").click()
    stopped_at = view.get_by_role("slider", name="Step").input_value()
    lab.page.wait_for_timeout(1000)  # two steps, were it still playing
    expect(view.get_by_role("slider", name="Step")).to_have_value(stopped_at)
    view.get_by_role("slider", name="Step").fill("39")
    expect(says).to_contain_text("Computed so far: 55 tokens. Without a cache: 1420, 96 % of them once more.")
    lab.photograph(view, "filled")

    view.locator(".ll-grid").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown"):
        lab.page.keyboard.press(key)
    expect(info).to_have_text(
        "layer 1, KV head 1, for query heads 2 and 3: place 1 holds key and value of ▁Clara, read in step 1."
    )
    canvas = view.locator(".ll-grid canvas")
    box = canvas.bounding_box()
    canvas.hover(position={"x": box["width"] - 6, "y": box["height"] - 8})
    expect(info).to_contain_text("layer 5, KV head 2, for query heads 4 and 5: place 63 is empty.")


def break_it(lab: Lab, view: Locator) -> None:
    says, wrote = view.locator(".ll-says"), view.locator(".ll-written b")
    expect(wrote).to_have_count(1)
    usual = wrote.first.inner_text()
    before = usual
    ways = view.get_by_role("combobox", name="The cache is used")
    for way in ("mask at the top left (is_causal)", "places from zero (no offset)", "length not advanced"):
        ways.select_option(way)
        expect(wrote.first).not_to_have_text(before)
        before = wrote.first.inner_text()
        assert wrote.nth(1).inner_text() == usual  # beside what it writes now, what it should
    view.get_by_role("slider", name="Step").fill("3")
    expect(says).to_contain_text("The cache holds 16 of 64 tokens")  # still
    ways.select_option("written one place too early")
    expect(wrote.first).not_to_have_text(before)
    view.get_by_role("slider", name="Step").fill("12")
    lab.photograph(view, "broken")
    ways.select_option("as it should be")
    expect(wrote).to_have_count(1)

    view.get_by_role("combobox", name="Reads").select_option("the prompt in chunks of 4")
    expect(says).to_contain_text("Step 1 of 43, prefill: reads 4 tokens at once")
    expect(wrote.first).to_have_text(usual)
    box = view.get_by_role("textbox", name="Your text")
    box.fill("<img src=x onerror=alert(1)> <b>")
    box.press("Enter")
    expect(view.locator(".ll-written")).to_contain_text("(the cache is full)")
    view.get_by_role("slider", name="Step").fill("1")
    expect(says).to_contain_text("reads 4 tokens at once, m ...")
    expect(view.locator("img")).to_have_count(0)


def fill_it(lab: Lab, view: Locator) -> None:
    says, rules = view.locator(".ll-says"), view.get_by_role("combobox", name="When it is full")
    view.get_by_role("slider", name="Step").fill("50")
    expect(says).to_contain_text("The cache holds 32 of 32 tokens")
    view.locator(".ll-grid").focus()
    lab.page.keyboard.press("ArrowRight")
    expect(view.locator(".ll-info")).not_to_contain_text("of <s>")  # it was forgotten
    lab.photograph(view, "full")
    rules.select_option("forget the oldest, keep <s>")
    expect(says).to_contain_text("Step 1 of")
    view.get_by_role("slider", name="Step").fill("50")
    view.locator(".ll-grid").focus()
    lab.page.keyboard.press("ArrowLeft")
    expect(view.locator(".ll-info")).to_contain_text("place 0 holds key and value of <s>, read in step 1")
    rules.select_option("stop")
    expect(view.locator(".ll-written")).to_contain_text("(the cache is full)")
    room = view.get_by_role("slider", name="Room, in tokens")
    room.focus()
    lab.page.keyboard.press("End")
    expect(view.locator(".ll-written")).to_contain_text("(56 tokens were asked for)")


def ask_for_full_size(lab: Lab, view: Locator) -> None:
    estimate, rows = view.locator(".ll-estimate"), view.locator(".ll-gauges tr")
    expect(estimate).to_be_hidden()
    view.get_by_role("button", name="What would it take at full size?").click()
    expect(view.locator(".ll-grid")).to_be_hidden()
    expect(estimate).to_contain_text("Llama 2 70B in float16 with 8 KV heads (GQA): 320 KiB a token")
    expect(rows.nth(0)).to_contain_text("does not fit")
    heads = view.get_by_role("slider", name="Key-value heads")
    heads.focus()
    lab.page.keyboard.press("End")
    expect(estimate).to_contain_text("64 KV heads (MHA): 2,560 KiB a token; 4096 tokens take 10 GiB")
    lab.page.keyboard.press("Home")
    expect(estimate).to_contain_text("1 KV head (MQA): 40 KiB a token")
    view.get_by_role("combobox", name="Model").select_option("Llama 2 7B")
    expect(estimate).to_contain_text("Llama 2 7B in float16 with 32 KV heads (MHA): 512 KiB a token")
    expect(rows.nth(0)).to_contain_text("fits")
    view.get_by_role("slider", name="Sequences at a time").fill("8")
    expect(estimate).to_contain_text("8 x 4096 tokens take 16 GiB")
    expect(rows.nth(0)).to_contain_text("does not fit")
    lab.photograph(view, "full_size")


def time_it(view: Locator) -> None:
    times = view.evaluate(MEASURE, 20)
    print(f"step to painted: median {median(times):.0f} ms, longest {max(times):.0f} ms")
