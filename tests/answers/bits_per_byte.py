"""Lesson 11, exercise 1: bits per byte."""

from __future__ import annotations

import math

import torch

from llama_lessons.checks.evaluation import check_bits_per_byte
from tests.answers.bank import Bank

bank = Bank(check_bits_per_byte)
LN2 = math.log(2)


@bank.right
def with_log2_of_e(scores, text):
    return float(-(scores * math.log2(math.e)).sum()) / len(bytes(text, "utf-8"))


@bank.right
def with_a_loop(scores, text):
    nats = 0.0
    for score in scores:
        nats -= score.item()
    return nats / LN2 / len(text.encode())


def cost(scores):
    return -scores.sum().item()


for says, answer in {
    "you left it in nats: a bit": lambda scores, text: cost(scores) / len(text.encode()),
    "you multiplied by ln 2": lambda scores, text: cost(scores) * LN2 / len(text.encode()),
    "you forgot the minus: log-probabilities": lambda scores, text: -cost(scores) / LN2 / len(text.encode()),
    "you forgot the minus, and left it in nats": lambda scores, text: scores.sum().item() / len(text.encode()),
    "logarithm to base 10": lambda scores, text: cost(scores) / math.log(10) / len(text.encode()),
    "you divided by 2": lambda scores, text: cost(scores) / 2 / len(text.encode()),
    "you took the mean over the tokens, and then": lambda scores, text: (
        -scores.mean().item() / LN2 / len(text.encode())
    ),
    "bits per token": lambda scores, text: -scores.mean().item() / LN2,
    "that is the loss": lambda scores, text: -scores.mean().item(),
    "you divided by characters: É": lambda scores, text: cost(scores) / LN2 / len(text),
    "you divided by characters and left it in nats": lambda scores, text: cost(scores) / len(text),
    "you divided by words": lambda scores, text: cost(scores) / LN2 / len(text.split()),
    "you did not divide at all: that": lambda scores, text: cost(scores) / LN2,
    "you turned it around": lambda scores, text: len(text.encode()) * LN2 / cost(scores),
    "that is perplexity": lambda scores, text: torch.exp(-scores.mean()).item(),
    "you left out the first token": lambda scores, text: cost(scores[1:]) / LN2 / len(text.encode()),
    "you left out the last token": lambda scores, text: cost(scores[:-1]) / LN2 / len(text.encode()),
    "returns a Tensor and should return a float": lambda scores, text: -scores.sum() / LN2 / len(text.encode()),
}.items():
    bank.wrong(says)(answer)
bank.wrong()(lambda scores, text: 1.443 * cost(scores[:2]) / len(text.encode()))
