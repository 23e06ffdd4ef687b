"""Lesson 02 in a real JupyterLab: its views answer to mouse and keyboard, and follow with much to draw."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, WebSocket, expect

from tests.browser import WINDOW, Lab
from tools.notebook_files import KERNELSPEC, NOTEBOOKS

TURNS = 20

# Random causal maps, made layer by layer when the view reads them; all of 512 tokens at once would be a gigabyte.
RANDOM_MAPS = """
import torch
from llama_lessons.widgets.attention import AttentionView

scores = 3 * torch.randn(32, {n}, {n}, generator=torch.Generator().manual_seed(0))
weights = scores.masked_fill(~torch.ones({n}, {n}).tril().bool(), -torch.inf).softmax(-1)

class Maps:
    def __len__(self):
        return 32
    def __getitem__(self, layer):
        return weights.roll(layer, 0)

AttentionView(Maps(), [f"\\u2581word{{k}}" for k in range({n})], n_kv_heads=8)
"""
# Do something to the view, again and again, and wait each time until what it leads to is on the screen: point at
# another token of the same map ("hover"), go to the head beside ("step"), or click on the thumbnail of a map that has
# not been fetched ("jump"). Between two, a reader looks; "walk" is steps without a look, as by a key that is held down.
LOOKS = {"hover": 100, "step": 150, "walk": 0, "jump": 250}  # milliseconds
MEASURE = """async (root, [kind, turns, look]) => {
  const slider = root.querySelectorAll('input[type=range]')[1];
  const thumbs = root.querySelector('.ll-grid canvas');
  const mark = root.querySelector('.ll-mark');
  const chips = [...root.querySelectorAll('.ll-row button')];
  const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  const drawn = last => new Promise(done => {
    const ready = () => root.dataset.drawn.endsWith(last);
    if (ready()) return done();
    const watch = new MutationObserver(() => { if (ready()) { watch.disconnect(); done(); } });
    watch.observe(root, { attributes: true, attributeFilter: ['data-drawn'] });
  });
  const times = [];
  for (let k = 0; k < turns; k++) {
    let [, layer, head, token, step] = root.dataset.drawn.split(' ').map(Number);
    const start = performance.now();
    if (kind === 'hover') {
      token = (token + 37) % chips.length;
      chips[token].dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
    } else if (kind === 'jump') {
      const tile = mark.offsetWidth - 3; // this and the places below are those of `thumbPlaces`
      const box = thumbs.getBoundingClientRect();
      [layer, head] = [(layer + 9) % 32, (head + 13) % 32];
      const [x, y] = [22 + head * tile + 5 * Math.floor(head / 4), 20 + layer * tile];
      thumbs.dispatchEvent(new MouseEvent('click', { bubbles: true, clientX: box.x + x + 3, clientY: box.y + y + 3 }));
    } else {
      head = (head + 1) % 32;
      slider.value = head;
      slider.dispatchEvent(new Event('input'));
    }
    await drawn(` ${layer} ${head} ${token} ${step}`);
    await painted();
    times.push(performance.now() - start);
    await new Promise(done => setTimeout(done, look));
  }
  return times;
}"""


# Whether everything drawn lies inside the view, and the line ends at the token whose row is shown.
FITS = """root => {
  const box = root.getBoundingClientRect();
  const chip = root.querySelector('[aria-pressed=true]');
  const [x, y] = (root.querySelector('svg path')?.getAttribute('d') ?? '').match(/[\\d.]+/g)?.map(Number) ?? [];
  return [...root.querySelectorAll('canvas')].every(canvas => canvas.getBoundingClientRect().right <= box.right)
    && x === chip.offsetLeft + chip.offsetWidth / 2 && y === chip.offsetTop;
}"""


def test_the_lesson_and_its_view(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "02_attention.ipynb")
    views = lab.page.locator(".ll-attention")
    expect(views).to_have_count(1)
    use_the_words(lab, views.nth(0))
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def test_the_side_trip_and_its_views(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "02b_heads.ipynb")
    views = lab.page.locator(".ll-attention")
    expect(views).to_have_count(2)
    use_the_model(lab, views.nth(0))
    use_the_map(lab, views.nth(1))
    assert lab.cell_errors() == []
    assert lab.console_errors == []
    assert lab.outside_requests == []


def use_the_words(lab: Lab, view: Locator) -> None:
    says = view.locator(".ll-panel [role=status]")
    view.get_by_role("button", name="token 4 of 5: them").hover()
    expect(says).to_have_text("them looks at llamas 65 %, the 9 %, hummed 9 %, behind 9 % ...")
    expect(view.locator("svg path")).to_have_count(4)
    view.get_by_role("button", name="token 2 of 5: hummed").hover()
    expect(says).to_contain_text("hummed looks at llamas 40 %")
    view.get_by_role("button", name="token 2 of 5: hummed").click()
    lab.page.keyboard.press("Home")
    expect(says).to_contain_text("the looks at the 20 %, llamas 20 %")
    lab.page.keyboard.press("ArrowRight")
    expect(says).to_contain_text("llamas looks at")
    view.get_by_label("what looks at it", exact=True).check()
    expect(says).to_contain_text("llamas is looked at by them 65 %, hummed 40 %")
    expect(view.get_by_text("looks at the future")).to_be_visible()
    expect(view.get_by_text("read one by one")).to_be_hidden()
    view.get_by_label("what it looks at", exact=True).check()
    lab.photograph(view, "words")


def use_the_model(lab: Lab, view: Locator) -> None:
    first, second = view.locator(".ll-panel").all()
    head = view.locator(".ll-fact")
    expect(head).to_have_text(
        "Layer 1 of 6, head 0 of 6, counted from 0. It shares keys and values (kv 0) with head 1."
    )
    view.locator(".ll-grid").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        lab.page.keyboard.press(key)
    expect(head).to_contain_text(
        "Layer 2 of 6, head 2 of 6, counted from 0. It shares keys and values (kv 1) with head 3."
    )
    box = view.locator(".ll-grid canvas").bounding_box()
    view.locator(".ll-grid canvas").click(position={"x": box["width"] - 8, "y": box["height"] - 8})
    expect(head).to_contain_text("Layer 5 of 6, head 5 of 6")
    view.get_by_role("slider", name="Head").focus()
    lab.page.keyboard.press("ArrowLeft")
    expect(head).to_contain_text("Layer 5 of 6, head 4 of 6")
    expect(view).to_have_attribute("aria-busy", "false")
    lab.photograph(view, "live")

    written = first.locator(".ll-written").count()
    assert 1 <= written <= 14
    step = view.get_by_label("Tokens written")
    step.fill("0")
    expect(view.locator(".ll-steps")).to_contain_text(f"Then 0 of {step.get_attribute('max')} one by one")
    expect(first.locator(".ll-unread")).to_have_count(written)
    view.get_by_role("button", name="Next").click()
    expect(first.locator(".ll-unread")).to_have_count(written - 1)
    expect(first.locator("[aria-pressed=true]")).to_have_class("ll-written")  # the row that was just read
    view.get_by_role("button", name="Play").click()
    expect(first.locator(".ll-unread")).to_have_count(0)

    usual = first.locator("b").first.inner_text()
    ways = view.get_by_role("combobox", name="Attending")
    ways.select_option("mask off by one: sees the next token")
    expect(view.get_by_text("looks at the future").first).to_be_visible()
    ways.select_option("mask at the wrong corner")
    expect(first.locator("b")).to_have_count(2)  # what it writes now, and what it would write as trained
    assert first.locator("b").nth(1).inner_text() == usual != first.locator("b").first.inner_text()
    lab.photograph(view, "broken")
    ways.select_option("as trained")
    expect(first.locator("b")).to_have_count(1)

    view.get_by_role("textbox", name="Text 2").fill("<img src=x onerror=alert(1)> <b>")
    lab.page.keyboard.press("Enter")
    expect(second.locator(".ll-row")).to_contain_text("onerror")
    expect(view.locator("img")).to_have_count(0)
    expect(second.locator(".ll-row b")).to_have_count(0)


def use_the_map(lab: Lab, view: Locator) -> None:
    frame = view.locator(".ll-map")
    exact = view.locator(".ll-figure [role=status]")
    frame.focus()
    lab.page.keyboard.press("ArrowRight")
    expect(exact).to_contain_text(" %")
    box = frame.bounding_box()
    frame.hover(position={"x": 88, "y": 88})  # the first cell
    expect(exact).to_have_text("<s> gives <s> 100 %")
    frame.hover(position={"x": box["width"] - 6, "y": 88})
    expect(exact).to_contain_text("gives")
    expect(exact).to_contain_text(" 0 %")  # the future
    lab.photograph(view, "map")
    lab.page.set_viewport_size({"width": 700, "height": 1600})
    lab.page.wait_for_function(FITS, arg=view.element_handle())
    lab.photograph(view, "narrow")
    lab.page.set_viewport_size(WINDOW)


def test_every_step_is_drawn_at_32_layers_of_32_heads(lab: Lab, tmp_path: Path):
    cells = [new_code_cell(RANDOM_MAPS.format(n=n_tokens)) for n_tokens in (128, 512)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC}), tmp_path / "large.ipynb")
    frames = count_frames(lab)
    lab.open(tmp_path / "large.ipynb")
    assert lab.run_all(), lab.cell_errors()
    for k, n_tokens in enumerate((128, 512)):
        view = lab.page.locator(".ll-attention").nth(k)
        view.scroll_into_view_if_needed()
        expect(view).to_have_attribute("aria-busy", "false")
        lab.page.wait_for_timeout(500)
        print(f"\n{n_tokens} tokens: {sum(frames) / 1000:.0f} kB came from the kernel before the first step")
        for kind, look in LOOKS.items():
            frames.clear()
            times = sorted(view.evaluate(MEASURE, [kind, TURNS, look]))
            middle, late = median(times), times[int(0.9 * TURNS)]
            each = sum(frames) / TURNS / 1000
            print(
                f"{n_tokens} tokens, {kind}: median {middle:.0f} ms, 9 of 10 within {late:.0f} ms; {each:.1f} kB each"
            )
        frames.clear()
        view.screenshot(path=lab.shots / f"02_attention_{n_tokens}.png")
    assert lab.console_errors == []
    saved = lab.page.evaluate("JSON.stringify(window.jupyterapp.shell.currentWidget.model.toJSON()).length")
    assert saved < 400_000  # the maps are not in the notebook


def count_frames(lab: Lab) -> list[int]:
    """A list that grows by the bytes of each message that the browser gets from a kernel."""
    frames: list[int] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda payload: frames.append(len(payload)))

    lab.page.on("websocket", listen)
    return frames
