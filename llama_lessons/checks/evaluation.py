"""The checks of lesson 11: bits per byte, the letter that a model answers, Wilson's interval, the sign test.

The references work otherwise than the package: one byte at a time, one row at a time, by search, by counting coins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor

from llama_lessons.checks.exercise import check
from llama_lessons.checks.interval_mistakes import SIGN_MISTAKES, WILSON_MISTAKES
from llama_lessons.checks.measure_mistakes import BITS_MISTAKES, LETTER_MISTAKES

BITS_EXAMPLES = [  # log-probabilities in nats, text
    (torch.tensor([-1.0, -0.5, -2.5, -0.25]), "a llama hums"),
    (torch.tensor([-3.0, -0.125, -1.75]), "Émile naïf"),
    (torch.tensor([-0.01, -7.5, -2.0, -1.0, -4.0]), "🦙 und ß"),
    (torch.tensor([-2.25]), "llamas"),
]


def bits_by_byte(scores: Tensor, text: str) -> float:
    """Bits per byte: what all tokens cost in bits, shared out over the bytes one by one.

    Args:
        scores: log-probabilities of the text's tokens in nats, shape (T,).
        text: what they spell.
    """
    bits = sum(math.log2(1 / math.exp(score)) for score in scores.tolist())
    return bits / sum(1 for _byte in text.encode("utf-8"))


def check_bits_per_byte(answer: Callable) -> None:
    """Check `my_bits_per_byte(scores, text)`: what `bits_by_byte` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, bits_by_byte, BITS_EXAMPLES, BITS_MISTAKES)


def _logits(seed: int, rows: int, places: int, vocabulary: int) -> Tensor:
    return torch.randn(rows, places, vocabulary, generator=torch.Generator().manual_seed(seed))  # (B, T, V)


LETTER_EXAMPLES = [  # logits, lengths, letters
    (_logits(11, 3, 6, 9), [4, 6, 2], [5, 2, 7, 3]),
    (_logits(12, 5, 7, 11), [7, 3, 5, 1, 4], [8, 1, 10, 4]),
    (_logits(13, 4, 6, 12), [2, 3, 5, 4], [6, 9, 3]),
    (_logits(14, 6, 4, 8), [3, 1, 2, 4, 3, 2], [7, 2]),
]


def letters_row_by_row(logits: Tensor, lengths: Sequence[int], letters: Sequence[int]) -> list[int]:
    """Which letter each row of a padded batch finds likeliest to come next, one row and one letter at a time.

    Args:
        logits: shape (B, T, V); padding stands on the right.
        lengths: tokens of each row that are no padding, B numbers.
        letters: ids of the letters' tokens.

    Returns:
        B numbers: 0 for the first letter, 1 for the second ...
    """
    found = []
    for row, length in zip(logits.tolist(), lengths, strict=True):
        said, best = row[length - 1], 0
        for k, letter in enumerate(letters):
            best = k if said[letter] > said[letters[best]] else best
        found.append(best)
    return found


def check_letters(answer: Callable) -> None:
    """Check `my_letters(logits, lengths, letters)`: what `letters_row_by_row` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, letters_row_by_row, LETTER_EXAMPLES, LETTER_MISTAKES)


WILSON_EXAMPLES = [(7, 10), (0, 20), (33, 33), (261, 460), (1, 4)]  # n_right, n


def wilson_by_search(n_right: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval: all true shares from which what was seen lies at most 1.96 deviations away.

    Args:
        n_right: right answers.
        n: answers.

    Returns:
        The lowest and the highest such share, found by halving.
    """
    seen = n_right / n

    def end(outside: float) -> float:
        inside = seen
        for _ in range(60):
            middle = (inside + outside) / 2
            near = abs(seen - middle) <= 1.96 * math.sqrt(middle * (1 - middle) / n)
            inside, outside = (middle, outside) if near else (inside, middle)
        return inside

    return end(0.0), end(1.0)


def check_wilson(answer: Callable) -> None:
    """Check `my_wilson(n_right, n)`: what `wilson_by_search` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, wilson_by_search, WILSON_EXAMPLES, WILSON_MISTAKES)


def _answers(text: str) -> list[bool]:
    return [letter == "x" for letter in text]


SIGN_EXAMPLES = [  # what two models got right, x, on the same questions
    (_answers("xxxxxx.x.x"), _answers("x.x.x...xx")),
    (_answers("xxx..xxxxx"), _answers("xxx..xx.xx")),
    (_answers("x.x.x.x.x."), _answers(".x.x.xx.xx")),
    (_answers("xx..xx"), _answers("xx..xx")),
    (_answers("..........xx"), _answers("xxxxxxxxx.xx")),
]


def sign_test_by_coins(one: Sequence[bool], other: Sequence[bool]) -> float:
    """The sign test by counting every way in which coins may fall, one for each question that only one got right.

    Args:
        one: whether a model got each question right.
        other: the same of another model, on the same questions.

    Returns:
        The share of all ways that are as uneven as what was seen, or more so.
    """
    signs = [1 if a else -1 for a, b in zip(one, other, strict=True) if a != b]
    ways = [abs(sum(way)) for way in product((1, -1), repeat=len(signs))]
    return sum(way >= abs(sum(signs)) for way in ways) / len(ways)


def check_sign_test(answer: Callable) -> None:
    """Check `my_sign_test(one, other)`: what `sign_test_by_coins` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, sign_test_by_coins, SIGN_EXAMPLES, SIGN_MISTAKES)
