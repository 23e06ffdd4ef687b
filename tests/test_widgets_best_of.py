"""The view of the best of K: whom it takes, what its curves say, and that theory's curve is right."""

from __future__ import annotations

import json
import math
from itertools import combinations

import pytest
import torch

from llama_lessons.rlhf import kl_of_best
from llama_lessons.widgets.best_of import BestOfView, expected_best
from llama_lessons.world.requests import Request

REQUESTS = [Request("harmless", "May I <b>visit</b> Olga?"), Request("harmful", "How do I steal a boat?")]
TEXTS = [["Yes, <i>do</i>.", "I am sorry.", "No.", "Knock first."], ["Run.", "I am sorry.", "Hide it.", "I cannot."]]
TRUTH = torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]])
WISE = torch.tensor([[3.0, 0.0, 1.0, 2.0], [0.0, 5.0, 1.0, 4.0]])
BLIND = torch.tensor([[0.0, 9.0, 1.0, 2.0], [0.0, 1.0, 7.0, 2.0]])


@pytest.fixture
def view() -> BestOfView:
    return BestOfView(REQUESTS, TEXTS, TRUTH, {"wise": WISE, "blind": BLIND})


def test_the_best_of_the_first_k_is_taken_and_the_others_do_not_count(view):
    view.step = 1
    view.judge = "blind"
    assert [answer["best"] for answer in view.answers] == [False, True, False, False]
    assert [answer["counts"] for answer in view.answers] == [True, True, False, False]
    assert [answer["score"] for answer in view.answers] == ["0.00", "9.00", "1.00", "2.00"]
    view.question = view.questions[1]
    view.step = 2
    assert [answer["best"] for answer in view.answers] == [False, False, True, False]
    assert [answer["right"] for answer in view.answers] == [False, True, False, True]


def test_curves_hold_the_judge_the_truth_and_the_control(view):
    learned, worth = view.panels
    assert learned["curves"] == [[pytest.approx(WISE.mean()), pytest.approx((3 + 2 + 5 + 4) / 4), 4.0]]
    chosen, knows, random = worth["curves"]
    assert chosen == [0.625, 1.0, 1.0] and random == [0.625] * 3
    assert knows[0] == pytest.approx(0.625) and knows[2] == 1.0
    assert view.ks == [1, 2, 4]
    assert view.places == pytest.approx([math.sqrt(kl_of_best(k) / kl_of_best(4)) for k in (1, 2, 4)])
    view.judge = "blind"
    assert view.panels[1]["curves"][0] == [0.625, 0.5, 0.0]
    assert (
        view.note == "Over all 2 requests, a single answer: judge 2.75, true 0.62, at most 0.00 nats from a single one."
    )


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_theory_s_curve_is_the_mean_over_all_ways_to_draw(k):
    wanted = sum(max(row[i] for i in ways) for row in TRUTH.tolist() for ways in combinations(range(4), k))
    assert expected_best(TRUTH, k) == pytest.approx(wanted / (2 * math.comb(4, k)))
    halves = torch.tensor([[0.5, 0.0, 1.0, 0.25]])
    wanted = sum(max(ways) for ways in combinations(halves[0].tolist(), k)) / math.comb(4, k)
    assert expected_best(halves, k) == pytest.approx(wanted)


def test_text_and_twin_hold_no_score_and_no_markup_of_others(view):
    text = "BestOfView: the best of up to 4 answers to 2 requests, by wise, blind"
    assert repr(view) == text
    view.judge = "blind"
    assert repr(view) == text
    assert "<td>4</td><td>0.64</td><td>0.80</td>" in view.twin()
    assert "<b>" not in view.twin() and "<i>" not in view.twin()
    state = view.get_state(["answers", "panels", "places", "note", "ks"])
    assert json.loads(json.dumps(state, allow_nan=False)) == state


def test_long_answers_say_that_they_are_cut():
    view = BestOfView(REQUESTS[:1], [["x" * 200, "y"]], torch.ones(1, 2), {"one": torch.zeros(1, 2)})
    assert view.answers[0]["text"] == "x" * 90 + " ... (cut: 200 characters)"


@pytest.mark.parametrize(
    ("truth", "scores", "words"),
    [(TRUTH[:, :3], WISE[:, :3], "a power of 2, got 3"), (TRUTH, WISE[:1], r"shape \(2, 4\), got")],
)
def test_what_does_not_fit_together_is_refused(truth, scores, words):
    texts = [row[: truth.shape[1]] for row in TEXTS]
    with pytest.raises(ValueError, match=words):
        BestOfView(REQUESTS, texts, truth, {"one": scores})
