"""How the shipped reward model and policy are made: what is learned from, and that a run is written whole or not."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
import torch

from llama_lessons.align import policy, reward
from llama_lessons.align.__main__ import MAKERS
from llama_lessons.files import data_path
from llama_lessons.prompt import SPECIAL_TAGS
from llama_lessons.rlhf.samples import Answer
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world.requests import Request

TOK = Tokenizer(data_path("checkpoints/base/tokenizer.model"))


def test_every_model_has_its_maker():
    assert list(MAKERS) == ["chat", "reward", "rlhf"]  # each is made from those before it


def test_a_step_has_the_same_pairs_every_time_and_steps_and_seeds_differ():
    first, again, next_step, seed = (
        reward.batch_at(*at) for at in ((7, TOK, 0), (7, TOK, 0), (8, TOK, 0), (7, TOK, 1))
    )
    assert torch.equal(first.tokens, again.tokens) and first.n_targets == reward.PAIRS
    assert not any(
        first.tokens.shape == other.tokens.shape and torch.equal(first.tokens, other.tokens)
        for other in (next_step, seed)
    )


def test_requests_are_different_ones_of_each_kind():
    asked = policy.drawn({"harmful": 20, "harmless": 40, "fact": 30}, seed=3)
    assert Counter(request.kind for request in asked) == {"harmful": 20, "harmless": 40, "fact": 30}
    assert len({request.prompt for request in asked}) == 90
    assert asked == policy.drawn({"harmful": 20, "harmless": 40, "fact": 30}, seed=3)


def test_only_good_whole_answers_without_tags_are_learned(monkeypatch):
    texts = ["good", "bad", f"good {SPECIAL_TAGS[0]}", "good, without an end", "better"]
    rewards = torch.tensor([2.0, 0.2, 2.0, 2.0, 3.0])
    requests = [Request("harmless", f"Question {number}?") for number in range(5)]

    def best_of(model, tok, asked, judge, k, seed):
        answers = [[Answer([1], [2], "without" not in text, text), Answer([1], [2], True, "worst")] for text in texts]
        return answers, torch.stack([rewards, torch.full((5,), -1.0)], 1)

    monkeypatch.setattr(policy, "best_of", best_of)
    found = policy.best_answers(None, TOK, None, requests, seed=0)
    assert [(request.prompt, text) for request, text, _ in found] == [
        ("Question 0?", "good"),
        ("Question 4?", "better"),
    ]


def test_best_answers_are_mixed_with_what_must_not_be_forgotten():
    best = [(Request(kind, f"{kind}?"), f"{kind}.", 1.0) for kind in ("harmful", "harmless", "fact")]
    counts = Counter()
    for item in islice(policy.mixed(best, seed=1), 1000):
        is_best = item.dialog[0]["content"] == f"{item.kind}?"
        counts[item.kind if is_best else "old"] += 1
        assert not is_best or item.dialog[1]["content"] == f"{item.kind}."
    for kind, share in policy.SHARES.items():
        assert counts[kind] / 1000 == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize("maker", [reward, policy])
def test_a_run_that_is_broken_writes_nothing(maker, tmp_path, monkeypatch):
    class Broken:
        step, history = 1, []

    monkeypatch.setattr(maker, "train", lambda *args: (Broken(), TOK, 5)[: 2 if maker is reward else 3])
    monkeypatch.setattr(maker, "last_loss", lambda trainer: 9.0)
    with pytest.raises(SystemExit, match=r"loss 9\.000 after 1 steps, not below"):
        maker.make(tmp_path / "run", tmp_path / "model", 0, True)
    assert not (tmp_path / "model").exists()
