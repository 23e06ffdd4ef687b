"""Lesson 06 in a real JupyterLab: the view draws while a model trains, and the interrupt button loses nothing."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, expect

from tests.browser import Lab
from tools.notebook_files import NOTEBOOKS

START = "window.jupyterapp.commands.execute('notebook:run-all-cells'), undefined"  # and do not wait for the end
INTERRUPT = "window.jupyterapp.commands.execute('notebook:interrupt-kernel')"
MAKE = """
import torch
from IPython.display import display
from llama_lessons.batches import Batch
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.training import Trainer
from llama_lessons.widgets.training import TrainingView

def batch_at(step):
    rows = torch.randint(32, (8, 65), generator=torch.Generator().manual_seed(step))
    return Batch(rows[:, :-1], rows[:, 1:])

if "trainer" not in globals():
    config = LlamaConfig(
        dim=32, n_layers=2, n_heads=4, n_kv_heads=2, vocab_size=32, hidden_dim=64, max_seq_len=64)
    trainer = Trainer(Llama(config), TrainConfig(n_steps=400, peak_lr=1e-3), batch_at)
    view = TrainingView(400 * 512, {"<i>knows nothing</i>": 3.47})
display(view)
view.follow(trainer, write=lambda: f"<b>step</b> {trainer.step}", at=[0, 5, 400])
"""


def test_the_interrupt_button_stops_and_the_next_run_goes_on(lab: Lab, tmp_path: Path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(MAKE)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "interrupt.ipynb")
    page = lab.open(tmp_path / "interrupt.ipynb")
    page.evaluate(START)
    view = page.locator(".ll-training")
    note, texts = view.locator(".ll-note"), view.get_by_role("log")
    expect(note).to_contain_text("s left")  # it draws while the kernel is busy
    page.evaluate(INTERRUPT)
    expect(note).to_contain_text("Nothing is lost: run the cell again to go on")
    stopped = int(re.search(r"step (\d+) of 400", note.text_content())[1])
    assert 0 < stopped < 400
    assert lab.cell_errors() == []
    page.evaluate(START)
    expect(view.locator(".ll-note")).to_contain_text("Done: 400 steps, 204,800 tokens")
    expect(texts.locator(".ll-text")).to_have_text(["<b>step</b> 0", "<b>step</b> 5", "<b>step</b> 400"])
    expect(view.locator("b, i")).to_have_count(0)  # text of models and users stays text
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
