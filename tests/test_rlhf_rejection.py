"""The best of K: each request keeps its own answers, fewer are judged from many, and theory's KL is a true integral."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch.testing import assert_close

from llama_lessons.rlhf import rejection
from llama_lessons.rlhf.rejection import best_of, best_of_fewer, kl_of_best
from llama_lessons.rlhf.samples import Answer


@dataclass(frozen=True)
class Question:
    text: str
    tagged: bool = False


class Sampler:
    """Stands for `sample_answers`: numbers the answers as they are asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.asked: list[str] = []
        monkeypatch.setattr(rejection, "sample_answers", self.sample)

    def sample(self, model, tok, requests, max_new_tokens, temperature, seed) -> list[Answer]:
        self.asked += [request.text for request in requests]
        return [Answer([1], [n], True, f"{request.text} {n}") for n, request in enumerate(requests)]


def test_every_request_keeps_its_answers_and_the_best_is_the_best(monkeypatch):
    sampler = Sampler(monkeypatch)
    worth = torch.tensor([0.1, 0.9, 0.3, 2.0, -1.0, 1.5])
    answers, rewards = best_of(None, None, [Question("a"), Question("b")], lambda requests, some: worth, k=3)
    assert sampler.asked == ["a", "a", "a", "b", "b", "b"]
    assert [[answer.text for answer in some] for some in answers] == [["a 0", "a 1", "a 2"], ["b 3", "b 4", "b 5"]]
    assert_close(rewards, worth.view(2, 3))
    assert [some[place].text for some, place in zip(answers, rewards.argmax(1), strict=True)] == ["a 1", "b 3"]


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"k must be at least 1 .* got k = 0"):
        best_of(None, None, [Question("a")], None, k=0)
    with pytest.raises(ValueError, match="0 requests"):
        best_of(None, None, [], None, k=2)
    with pytest.raises(ValueError, match="k must divide the 6 samples"):
        best_of_fewer(torch.zeros(2, 6), torch.zeros(2, 6), 4)


def test_fewer_are_judged_in_groups():
    draws = torch.Generator().manual_seed(0)
    rewards, others = torch.randn(5, 12, generator=draws), torch.randn(5, 12, generator=draws)
    for k in (1, 2, 3, 4, 6, 12):
        best, chosen = [], []
        for row in range(5):
            for start in range(0, 12, k):
                place = max(range(start, start + k), key=lambda n, row=row: float(rewards[row, n]))
                best.append(float(rewards[row, place]))
                chosen.append(float(others[row, place]))
        found = best_of_fewer(rewards, others, k)
        assert found == (
            pytest.approx(sum(best) / len(best), abs=1e-6),
            pytest.approx(sum(chosen) / len(chosen), abs=1e-6),
        )


@pytest.mark.parametrize("k", [1, 2, 5, 16])
def test_theorys_kl_is_that_of_the_best_of_k_uniform_draws(k: int):
    """The best of k draws of rank u has density k u^(k-1) against 1: integrate its logarithm under it."""
    n = 200_000
    grid = ((step + 0.5) / n for step in range(n))
    integral = sum(k * u ** (k - 1) * math.log(k * u ** (k - 1)) for u in grid) / n
    assert kl_of_best(k) == pytest.approx(integral, abs=1e-3)
