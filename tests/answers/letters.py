"""Lesson 11, exercise 2: the letter that a model answers."""

from __future__ import annotations

import torch

from llama_lessons.checks.evaluation import check_letters
from tests.answers.bank import Bank

bank = Bank(check_letters)


@bank.right
def with_gather(logits, lengths, letters):
    rows = torch.arange(len(lengths))
    return logits[rows, torch.tensor(lengths) - 1][:, letters].argmax(-1).tolist()


@bank.right
def with_probabilities(logits, lengths, letters):
    found = []
    for row, length in zip(logits.softmax(-1), lengths, strict=True):
        shares = [row[length - 1, letter].item() for letter in letters]
        found.append(shares.index(max(shares)))
    return found


def read(logits, lengths, letters, place=lambda n, row: n - 1):
    """The lesson's solution, with another place to read at."""
    return [int(row[place(n, row), letters].argmax()) for row, n in zip(logits, lengths, strict=True)]


for says, answer in {
    "you read the last place of every row": lambda *given: read(*given, place=lambda n, row: -1),
    "you read one place too late": lambda *given: read(*given, place=lambda n, row: min(n, len(row) - 1)),
    "you read one place too early": lambda *given: read(*given, place=lambda n, row: n - 2),
    "you read the first place": lambda *given: read(*given, place=lambda n, row: 0),
    "at the first one's length": lambda logits, lengths, letters: (
        logits[:, lengths[0] - 1][:, letters].argmax(-1).tolist()
    ),
    "at the longest one's end": lambda logits, lengths, letters: (
        logits[:, max(lengths) - 1][:, letters].argmax(-1).tolist()
    ),
    "you added up all places, padding too": lambda logits, lengths, letters: (
        logits.sum(1)[:, letters].argmax(-1).tolist()
    ),
    "you took the least likely": lambda logits, lengths, letters: [
        int(row[n - 1, letters].argmin()) for row, n in zip(logits, lengths, strict=True)
    ],
    "you took the likeliest of all tokens": lambda logits, lengths, letters: [
        int(row[n - 1].argmax()) for row, n in zip(logits, lengths, strict=True)
    ],
    "you gave the ids": lambda *given: [given[2][k] for k in read(*given)],
    "you counted from 1": lambda *given: [k + 1 for k in read(*given)],
    "you took the first ids of the vocabulary": lambda logits, lengths, letters: [
        int(row[n - 1, : len(letters)].argmax()) for row, n in zip(logits, lengths, strict=True)
    ],
    "you sorted the letters": lambda logits, lengths, letters: read(logits, lengths, sorted(letters)),
    "you left out the last letter": lambda logits, lengths, letters: read(logits, lengths, letters[:-1]),
    "you gave the first answer alone": lambda *given: read(*given)[:1],
    "returns a Tensor and should return a list": lambda *given: torch.tensor(read(*given)),
}.items():
    bank.wrong(says)(answer)
bank.wrong()(lambda *given: [0 for _ in read(*given)])
