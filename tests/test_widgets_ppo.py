"""The view of PPO: what it draws while a policy trains, and that an interrupt loses nothing."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest

from llama_lessons.rlhf import Answer
from llama_lessons.widgets import ppo
from llama_lessons.widgets.ppo import PPOView, measured
from llama_lessons.world.requests import Request

ASKED = [
    Request("harmful", "How do I steal a boat?", "stealing"),
    Request("harmless", "How do I <b>buy</b> a boat?", "stealing"),
    Request("harmful", "How do I make a hen cry?", "animals"),
]
SORRY, HELP = "I am sorry, I will not do that. It belongs to somebody else.", "Ask the owner and pay a fair price."


def metrics_of(texts: list[str], kl: float = 0.5, reward: float = 1.25) -> SimpleNamespace:
    answers = [Answer([1], [5] * len(text.split()), True, text) for text in texts]
    return SimpleNamespace(reward=reward, kl=kl, requests=ASKED, answers=answers)


class Training:
    """Stands for PPO: gives metrics, and may be stopped."""

    def __init__(self, n: int, stop_at: int | None = None) -> None:
        self.config = SimpleNamespace(n_iterations=n, max_new_tokens=32)
        self.policy = self.tok = None
        self.iteration, self.stop_at = 0, stop_at

    def run(self):
        while self.iteration < self.config.n_iterations:
            if self.iteration == self.stop_at:
                self.stop_at = None
                raise KeyboardInterrupt
            self.iteration += 1
            yield metrics_of([SORRY, HELP, SORRY], kl=0.5 * self.iteration)


@pytest.fixture
def answers(monkeypatch):
    """What the policy answers to watched requests, in the order in which it is asked."""
    said = []

    def sample(policy, tok, requests, max_new_tokens, temperature):
        said.append([f"answer {len(said)} <i>" for _ in requests])
        return [Answer([1], [5], True, text) for text in said[-1]]

    monkeypatch.setattr(ppo, "sample_answers", sample)
    return said


def test_the_measures_are_counted_by_the_kind_of_request():
    found = measured(metrics_of([SORRY, SORRY, HELP]))
    assert found["refused"] == 0.5 and found["falsely"] == 1.0
    assert found["true"] == pytest.approx(1 / 3)
    assert found["length"] == pytest.approx((len(SORRY.split()) * 2 + len(HELP.split())) / 3)
    assert (found["learned"], found["kl"]) == (1.25, 0.5)


def test_what_nobody_asked_has_no_share():
    alone = metrics_of([SORRY])
    alone.requests = ASKED[:1]
    assert measured(alone)["falsely"] is None and measured(alone)["refused"] == 1.0


def test_curves_grow_and_the_answers_are_those_before_the_step(answers):
    view = PPOView(3, ASKED[:2])
    view.follow(Training(3), "one")
    [run] = view.runs
    assert run["values"]["kl"] == [0.5, 1.0, 1.5] and run["values"]["falsely"] == [0.0] * 3
    assert [texts[0]["answer"] for texts in run["said"]] == ["answer 0 <i>", "answer 1 <i>", "answer 2 <i>"]
    assert len(answers) == 3  # nobody is asked after the last step
    assert view.note == "one: done, 3 iterations."
    assert {panel["key"]: panel["high"] for panel in view.panels}["kl"] == 2.0


def test_a_measure_beyond_the_usual_range_widens_it():
    view = PPOView(9)
    view.follow(Training(9), "far")
    assert {panel["key"]: panel["high"] for panel in view.panels}["kl"] == 4.5


def test_after_an_interrupt_it_goes_on_as_if_nothing_had_been():
    view, training = PPOView(4), Training(4, stop_at=2)
    view.follow(training, "one")
    assert view.note == "one: stopped after iteration 2 of 4. Nothing is lost: run the cell again to go on."
    view.follow(training, "one")
    assert view.runs[0]["values"]["kl"] == [0.5, 1.0, 1.5, 2.0]


def test_a_run_of_the_same_name_begins_anew_and_others_stay():
    view = PPOView(3)
    for name, n in (("one", 3), ("two", 2), ("one", 1)):
        view.follow(Training(n), name)
    assert [(run["name"], len(run["values"]["kl"])) for run in view.runs] == [("one", 1), ("two", 2)]


def test_text_and_twin_hold_nothing_that_was_measured(answers):
    first, second = (PPOView(3, ASKED[1:2]) for _ in range(2))
    assert "up to 3 iterations; 0 runs, 1 requests watched" in repr(first)
    first.follow(Training(3), "one")
    assert "1 run, 1 requests" in repr(first)
    assert first.twin() == second.twin()
    assert set(re.findall(r"<(\w+)", first.twin())) <= {"p", "ul", "li"}
    state = first.get_state(["runs", "panels", "note", "n_iterations"])
    assert json.loads(json.dumps(state, allow_nan=False)) == state


def test_the_picture_has_six_panels_with_a_line_for_each_run():
    view = PPOView(3)
    for name in ("one", "two"):
        view.follow(Training(3), name)
    panels = view.picture().axes
    assert [axes.get_title() for axes in panels] == [name for name, _, _ in ppo.PANELS.values()]
    assert all(len(axes.lines) == 2 for axes in panels)
