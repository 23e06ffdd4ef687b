"""Lesson 06, exercise 3: the learning rate of a step."""

from __future__ import annotations

import math

import torch

from llama_lessons.checks.pretraining import check_learning_rate
from llama_lessons.optimizers import TrainConfig
from tests.answers.bank import Bank

bank = Bank(check_learning_rate)


@bank.right
def the_packages(step, n_steps, peak, warmup):
    return peak * TrainConfig(n_steps=n_steps, warmup_steps=warmup).lr_factor(step)


@bank.right
def from_a_table(step, n_steps, peak, warmup):
    up = torch.arange(1, warmup + 1, dtype=torch.float64) / warmup
    down = 0.55 + 0.45 * torch.linspace(0, math.pi, n_steps - warmup, dtype=torch.float64).cos()
    return (peak * torch.cat((up, down))[step]).item()


def rate(step, n_steps, peak, warmup, up=None, down=None, done=None, boundary=0):
    """The lesson's solution, with a reader's usual mistakes to choose from."""
    if step < warmup + boundary:
        return peak * (up(step, warmup) if up else (step + 1) / warmup)
    done = done(step, n_steps, warmup) if done else (step - warmup) / (n_steps - 1 - warmup)
    return peak * (down(done) if down else 0.1 + 0.9 * 0.5 * (math.cos(done * math.pi) + 1))


class Counter:
    """Goes by its calls."""

    __name__ = "counts_its_calls"
    calls = 0

    def __call__(self, step, n_steps, peak, warmup):
        self.calls += 1
        return rate(self.calls, n_steps, peak, warmup)


def cosine(done):
    return (1 + math.cos(math.pi * done)) / 2


for says, answer in {
    "there is no warm-up": lambda *given: rate(*given, up=lambda step, warmup: 1),
    "learns nothing: steps count from 0": lambda *given: rate(*given, up=lambda step, warmup: step / warmup),
    "divides by warmup + 1": lambda *given: rate(*given, up=lambda step, warmup: (step + 1) / (warmup + 1)),
    "warm-up stays at its first rate": lambda *given: rate(*given, up=lambda step, warmup: 1 / warmup),
    "not step <= warmup": lambda *given: rate(*given, boundary=1),
    "the rate ends at 0: it should end": lambda *given: rate(*given, down=cosine),
    "you cut the cosine off at a tenth": lambda *given: rate(*given, down=lambda done: max(0.1, cosine(done))),
    "added the tenth to the whole cosine": lambda *given: rate(*given, down=lambda done: 0.1 + cosine(done)),
    "falls in a straight line: it": lambda *given: rate(*given, down=lambda done: 1 - 0.9 * done),
    "the rate falls exponentially": lambda *given: rate(*given, down=lambda done: 0.1**done),
    "the cosine counts from step 0: it": lambda *given: rate(*given, done=lambda step, n, warmup: step / (n - 1)),
    "ends one step too late: steps": lambda *given: rate(*given, done=lambda step, n, w: (step - w) / (n - w)),
    "not by all, n_steps - 1": lambda *given: rate(*given, done=lambda step, n, w: (step - w) / (n - 1)),
    "the cosine makes a whole turn": lambda *given: rate(*given, down=lambda done: 0.1 + 0.9 * cosine(2 * done)),
    "runs between 1 and -1": lambda *given: rate(*given, down=lambda done: 0.1 + 0.9 * math.cos(math.pi * done)),
    "you gave the share of the peak: multiply": lambda *given: rate(*given) / given[2],
    "a Tensor and should return a float": lambda *given: torch.tensor(rate(*given)),
    "something is left over from an earlier call": Counter(),
}.items():
    bank.wrong(says)(answer)
bank.wrong()(lambda *given: rate(*given, down=lambda done: 1 / (1 + 9 * done)))
