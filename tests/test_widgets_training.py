"""The view of lesson 06: what it draws while a model trains, and that an interrupt loses nothing."""

from __future__ import annotations

import json
import math
import re

import pytest
import torch
from torch.testing import assert_close

from llama_lessons.batches import Batch
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.training import Trainer
from llama_lessons.widgets import training
from llama_lessons.widgets.training import TrainingView

CONFIG = LlamaConfig(dim=24, n_layers=2, n_heads=6, n_kv_heads=3, vocab_size=31, hidden_dim=20, max_seq_len=16)


def batch_at(step: int) -> Batch:
    rows = torch.randint(31, (5, 9), generator=torch.Generator().manual_seed(step))
    return Batch(rows[:, :-1], rows[:, 1:])


def make_trainer(n_steps: int = 6) -> Trainer:
    torch.manual_seed(0)
    return Trainer(Llama(CONFIG), TrainConfig(n_steps=n_steps, peak_lr=3e-3), batch_at)


@pytest.fixture
def eager(monkeypatch):
    """Every step is sent to the browser."""
    monkeypatch.setattr(training, "PAUSE", -1.0)


def test_the_curve_is_the_history_and_grows_step_by_step(eager):
    view, trainer, lengths = TrainingView(240), make_trainer(), []
    view.observe(lambda change: lengths.append(len(change["new"][0]["losses"])), "runs")
    view.follow(trainer, "one")
    assert lengths == [1, 2, 3, 4, 5, 6]
    [run] = view.runs
    assert run == {
        "name": "one",
        "tokens": [40, 80, 120, 160, 200, 240],
        "losses": [metrics.loss for metrics in trainer.history],
    }
    assert view.note.startswith("Done: 6 steps, 240 tokens in ")
    assert f"Loss {sum(run['losses']) / 6:.2f} nats" in view.note


def test_texts_are_asked_for_at_their_steps_from_the_model_as_it_is():
    view, trainer = TrainingView(240), make_trainer()
    view.follow(trainer, write=lambda: f"<b>{trainer.step}</b>", at=[0, 2, 6, 99])
    assert [(sample["step"], sample["tokens"], sample["text"]) for sample in view.samples] == [
        (0, 0, "<b>0</b>"),
        (2, 80, "<b>2</b>"),
        (6, 240, "<b>6</b>"),
    ]


def test_after_an_interrupt_it_goes_on_as_if_nothing_had_been():
    straight, stopped = make_trainer(), make_trainer()
    list(straight.run(bar=False))
    view, strike = TrainingView(240), iter([True])

    def late(step):
        if step == 3 and next(strike, False):
            raise KeyboardInterrupt
        return batch_at(step)

    stopped.batch_at = late
    view.follow(stopped, write=lambda: "text", at=[0, 3])
    assert view.note == "Stopped after step 3 of 6. Nothing is lost: run the cell again to go on."
    assert len(view.runs[0]["losses"]) == 3 and view.stopped
    view.follow(stopped, write=lambda: "text", at=[0, 3])
    assert [sample["step"] for sample in view.samples] == [0, 3]  # none of them twice
    assert not view.stopped
    assert view.runs[0]["losses"] == [metrics.loss for metrics in straight.history]
    assert_close(stopped.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)


def test_a_run_that_begins_anew_drops_the_texts_of_the_one_before_and_no_others():
    view = TrainingView(240)
    for name, text in (("one", "old"), ("two", "other"), ("one", "new")):
        view.follow(make_trainer(), name, write=lambda text=text: text, at=[0, 6])
    assert [(sample["run"], sample["step"], sample["text"]) for sample in view.samples] == [
        ("two", 0, "other"),
        ("two", 6, "other"),
        ("one", 0, "new"),
        ("one", 6, "new"),
    ]


def test_an_error_is_not_swallowed():
    trainer = make_trainer()
    trainer.batch_at = lambda step: 1 / 0
    with pytest.raises(ZeroDivisionError):
        TrainingView(240).follow(trainer)


def test_several_runs_keep_their_names_and_one_is_replaced_by_its_next():
    view = TrainingView(240)
    for name, n_steps in (("one", 6), ("two", 3), ("one", 2)):
        view.follow(make_trainer(n_steps), name)
    assert [(run["name"], len(run["losses"])) for run in view.runs] == [("one", 2), ("two", 3)]


def test_a_loss_that_is_no_number_stops_the_run_and_what_was_done_is_drawn_as_json():
    view, trainer = TrainingView(240), make_trainer()
    list(trainer.run(2, bar=False))
    with torch.no_grad():
        trainer.model.norm.weight[0] = math.nan
    with pytest.raises(FloatingPointError, match="step 3 stops"):
        view.follow(trainer)
    assert view.runs[0]["losses"] == [metrics.loss for metrics in trainer.history] and len(trainer.history) == 2
    assert view.note.startswith("Stopped: step 3 stops")
    state = view.get_state(["runs", "levels", "samples", "note", "top", "n_tokens"])
    assert json.loads(json.dumps(state, allow_nan=False)) == state
    assert view.picture().axes[0].lines


def test_progress_names_step_speed_and_time_left(eager):
    view, trainer, notes = TrainingView(240), make_trainer(), []
    view.observe(lambda change: notes.append(change["new"]), "note")
    view.follow(trainer)
    assert re.fullmatch(
        r"Step 2 of 6, 80 tokens read\. Loss \d\.\d\d nats per token\. [\d,]+ tokens/s, about \d+ s left\.", notes[1]
    )


def test_text_and_twin_hold_nothing_that_was_measured():
    first, second = (TrainingView(240, {"knows <nothing>": math.log(31)}) for _ in range(2))
    text = "TrainingView: loss in nats over 240 tokens; lines at knows <nothing> 3.43; 0 curves, 0 texts"
    assert repr(first) == text
    first.follow(make_trainer())
    assert repr(first) == text.replace("0 curves", "1 curves")
    assert first.twin() == second.twin()
    assert "knows &lt;nothing&gt;" in first.twin()
    assert set(re.findall(r"<(\w+)", first.twin())) <= {"p", "table", "tr", "th", "td"}


def test_the_picture_has_a_line_for_each_run_and_the_texts():
    view = TrainingView(240, {"knows nothing": math.log(31)})
    for name in ("one", "two"):
        view.follow(make_trainer(), name, write=lambda: "costs $5 or $6", at=[6])
    curves, texts = view.picture().axes
    by_name = {line.get_label(): list(line.get_ydata()) for line in curves.lines}
    assert by_name["two"] == view.runs[1]["losses"]
    assert texts.texts[0].get_text().count(r"costs \$5 or \$6") == 2
