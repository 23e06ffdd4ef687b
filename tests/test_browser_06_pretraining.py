"""Lesson 06 in a real JupyterLab: the view draws while a model trains, and the interrupt button loses nothing."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, expect

from tests.browser import Lab
from tools.notebook_files import KERNELSPEC, NOTEBOOKS, read_source

RUN = """k => {
  window.jupyterapp.shell.currentWidget.content.activeCellIndex = k;
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""
INTERRUPT = "window.jupyterapp.commands.execute('notebook:interrupt-kernel')"
# What the lesson's cells below need of those above them: a model and batches that take no time, but for one that does
# not come before somebody interrupts.
ABOVE = """
import math, time, torch
from llama_lessons.batches import Batch
from llama_lessons.config import LlamaConfig
from llama_lessons.files import data_path
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.page import show
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer

ROWS, SEQ_LEN, by_count, levels, waited = 2, 16, 9.0, {"<i>knows nothing</i>": 7.6}, []
tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))

def shape(**_):
    return LlamaConfig(
        dim=16, n_layers=1, n_heads=2, n_kv_heads=1, vocab_size=tok.vocab_size, hidden_dim=16, max_seq_len=64)

def new_model(config):
    return Llama(config)

def batch_at(step):
    if step == 20 and not waited:
        waited.append(step)
        time.sleep(3600)
    rows = torch.randint(99, (ROWS, SEQ_LEN + 1), generator=torch.Generator().manual_seed(step))
    return Batch(rows[:, :-1], rows[:, 1:])
"""
LIVE = ("SIZES = {", "view.follow(", "it began at ln V")  # what the lesson's cells of the live run hold


def test_an_interrupted_run_keeps_its_view_and_is_judged_by_what_was_done(lab: Lab, tmp_path: Path):
    lesson = [cell.source for cell in read_source(NOTEBOOKS / "06_pretraining.py").cells if cell.cell_type == "code"]
    cells = [new_code_cell(ABOVE), *(new_code_cell(source) for held in LIVE for source in lesson if held in source)]
    assert len(cells) == 4
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC}), tmp_path / "interrupt.ipynb")
    page = lab.open(tmp_path / "interrupt.ipynb")
    view, verdict = page.locator(".ll-training"), page.locator(".jp-CodeCell").nth(3).locator(".jp-RenderedText")
    texts = view.get_by_role("log").get_by_role("listitem")
    for k in (0, 1, 2):
        page.evaluate(RUN, k)
    expect(texts).to_have_count(2)  # it draws while the kernel is busy
    expect(view.locator(".ll-note")).to_contain_text("Step 20 of 330")
    page.evaluate(INTERRUPT)
    stopped = "Stopped after step 20 of 330. Nothing is lost: run the cell again to go on."
    expect(view.locator(".ll-note")).to_have_text(stopped)
    early = texts.all_inner_texts()
    page.evaluate(RUN, 3)
    expect(verdict.first).to_contain_text("stopped after 20 of 330 steps: run the cell with the view again")
    page.evaluate(RUN, 2)
    expect(view.locator(".ll-note")).to_contain_text("Done: 330 steps, 10,560 tokens")
    expect(texts).to_have_count(5)
    assert texts.all_inner_texts()[:2] == early
    page.evaluate(RUN, 3)
    expect(verdict.last).to_contain_text("it began at ln V")
    expect(view.locator("i")).to_have_count(0)  # text of models and users stays text
    assert lab.cell_errors() == []
    assert lab.console_errors == []


def test_the_lesson_and_its_view(lab: Lab):
    lab.run_lesson(NOTEBOOKS / "06_pretraining.ipynb")
    live, broken, _ = lab.page.locator(".ll-training").all()
    live.scroll_into_view_if_needed()
    expect(live.locator(".ll-note")).to_contain_text("Done:")
    look_at_a_step(lab, live)
    lab.photograph(live, "live")
    broken.scroll_into_view_if_needed()
    expect(broken.locator(".ll-legend li")).to_have_count(5)
    expect(broken.locator("output")).to_contain_text("no warm-up")
    lab.photograph(broken, "broken")
    assert lab.console_errors == []
    assert lab.outside_requests == []


def look_at_a_step(lab: Lab, view: Locator) -> None:
    slider, says = view.get_by_role("slider", name="Look at a step"), view.locator("output")
    last = says.text_content()
    slider.focus()
    lab.page.keyboard.press("Home")
    expect(says).to_contain_text("Step 1, ")
    lab.page.keyboard.press("ArrowRight")  # JupyterLab would take the key, were it not told
    expect(says).to_contain_text(re.compile(r"Step 2, [\d,]+ tokens: loss \d\.\d\d"))
    box = view.locator("svg").first.bounding_box()
    lab.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(says).not_to_contain_text("Step 2,")
    slider.focus()
    lab.page.keyboard.press("End")
    expect(says).to_have_text(last)
