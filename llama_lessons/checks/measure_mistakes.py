"""Wrong bits per byte and wrongly read letters, lesson 11, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import Tensor


def _bits(total: Callable = lambda scores: -scores.sum().item() / math.log(2), parts: Callable | None = None):
    """Wrong bits per byte: `total(scores)` shared out over `parts(scores, text)`, the bytes if not said otherwise."""
    share = parts or (lambda scores, text: len(text.encode()))
    return lambda scores, text: total(scores) / share(scores, text)


BITS_MISTAKES = {
    "you left it in nats: a bit is ln 2 = 0.69 nats, so divide by ln 2": _bits(lambda s: -s.sum().item()),
    "you multiplied by ln 2: a bit is less than a nat, so there are more of them; divide": (
        _bits(lambda s: -s.sum().item() * math.log(2))
    ),
    "you forgot the minus: log-probabilities are below zero, what they cost is above": (
        _bits(lambda s: s.sum().item() / math.log(2))
    ),
    "you forgot the minus, and left it in nats": _bits(lambda s: s.sum().item()),
    "you took the logarithm to base 10: a bit is ln 2 nats": _bits(lambda s: -s.sum().item() / math.log(10)),
    "you divided by 2: a bit is ln 2 = 0.69 nats": _bits(lambda s: -s.sum().item() / 2),
    "you took the mean over the tokens, and then divided by the bytes: take the sum": (
        _bits(lambda s: -s.mean().item() / math.log(2))
    ),
    "you took the mean over the tokens, divided by the bytes, and left it in nats": _bits(lambda s: -s.mean().item()),
    "you divided by the tokens: that is bits per token, and depends on the tokenizer": (
        _bits(parts=lambda scores, text: len(scores))
    ),
    "you divided by the tokens and left it in nats: that is the loss": (
        _bits(lambda s: -s.sum().item(), lambda scores, text: len(scores))
    ),
    "you divided by characters: É has two bytes, a llama four; `text.encode()` has them": (
        _bits(parts=lambda scores, text: len(text))
    ),
    "you divided by characters and left it in nats": _bits(lambda s: -s.sum().item(), lambda scores, text: len(text)),
    "you divided by words": _bits(parts=lambda scores, text: len(text.split())),
    "you counted a byte more than there are: <s> is read, and is no byte of the text": (
        _bits(parts=lambda scores, text: len(text.encode()) + 1)
    ),
    "you counted bytes in UTF-16: take UTF-8, `text.encode()`": (
        _bits(parts=lambda scores, text: len(text.encode("utf-16")))
    ),
    "you divided by the bits, 8 to a byte: divide by the bytes": (
        _bits(parts=lambda scores, text: 8 * len(text.encode()))
    ),
    "you did not divide at all: that is what the whole text costs": _bits(parts=lambda scores, text: 1),
    "you did not divide at all, and left it in nats": _bits(lambda s: -s.sum().item(), lambda scores, text: 1),
    "you turned it around: that is bytes per bit": lambda s, text: len(text.encode()) / (-s.sum().item() / math.log(2)),
    "you gave exp of the loss: that is perplexity": lambda s, text: math.exp(-s.mean().item()),
    "you gave a power, exp of the nats or 2 to the bits: wanted are the bits themselves": (
        lambda s, text: math.exp(-s.sum().item() / len(text.encode()))
    ),
    "you took the scores for probabilities: they are their logarithms already": (
        lambda s, text: -sum(math.log2(abs(x)) for x in s.tolist()) / len(text.encode())
    ),
    "you left out the first token: the model reads <s> before it, so it is predicted, too": (
        _bits(lambda s: -s[1:].sum().item() / math.log(2))
    ),
    "you left out the last token: it is predicted, too": _bits(lambda s: -s[:-1].sum().item() / math.log(2)),
}


def _read(
    place: Callable = lambda row, length: row[length - 1],
    pick: Callable = lambda said, letters: max(range(len(letters)), key=lambda k: said[letters[k]]),
) -> Callable:
    """Wrongly read letters: `pick(said, letters)` of what a row says at `place(row, length)`."""

    def wrong(logits: Tensor, lengths: Sequence[int], letters: Sequence[int]) -> list[int]:
        return [pick(place(row, n).tolist(), letters) for row, n in zip(logits, lengths, strict=True)]

    return wrong


def _best(said: list[float], letters: Sequence[int]) -> int:
    return max(range(len(letters)), key=lambda k: said[letters[k]])


def _anything(said: list[float], letters: Sequence[int]) -> int:
    return said.index(max(said))


LETTER_MISTAKES = {
    "you read the last place of every row, which is padding in the shorter ones": _read(lambda row, n: row[-1]),
    "you read one place too late: the model tells the next token at the last one that it has read, lengths - 1": (
        lambda logits, lengths, letters: [
            _best(row[min(n, len(row) - 1)].tolist(), letters) for row, n in zip(logits, lengths, strict=True)
        ]
    ),
    "you read one place too early: lengths - 1 is the last token": _read(lambda row, n: row[n - 2]),
    "you read the first place: it knows nothing of the question": _read(lambda row, n: row[0]),
    "you read all rows at the first one's length": (
        lambda logits, lengths, letters: [_best(row[lengths[0] - 1].tolist(), letters) for row in logits]
    ),
    "you read all rows at the longest one's end": (
        lambda logits, lengths, letters: [_best(row[max(lengths) - 1].tolist(), letters) for row in logits]
    ),
    "you took the first row's answer for all": (
        lambda logits, lengths, letters: [_best(logits[0, lengths[0] - 1].tolist(), letters)] * len(lengths)
    ),
    "you added up all places: only the last one knows the whole question": _read(lambda row, n: row[:n].sum(0)),
    "you added up all places, padding too: only the last one of the question counts": _read(lambda row, n: row.sum(0)),
    "you took the highest score that a letter has anywhere: only the last place counts": (
        _read(lambda row, n: row[:n].amax(0))
    ),
    "you took the least likely letter": _read(
        pick=lambda said, letters: min(range(len(letters)), key=lambda k: said[letters[k]])
    ),
    "you took the likeliest of all tokens: only the letters are asked": _read(pick=_anything),
    "you gave the ids of tokens: wanted is which of the letters it is, 0 for the first": (
        _read(pick=lambda said, letters: letters[_best(said, letters)])
    ),
    "you counted from 1: the first letter is 0": _read(pick=lambda said, letters: 1 + _best(said, letters)),
    "you took the first ids of the vocabulary for the letters: `letters` has theirs": (
        _read(pick=lambda said, letters: _best(said, range(len(letters))))
    ),
    "you took the ids behind the letters: `letters` has theirs": (
        _read(pick=lambda said, letters: _best(said, [(letter + 1) % len(said) for letter in letters]))
    ),
    "you compared sizes without their sign: a very negative logit is very unlikely": (
        _read(pick=lambda said, letters: max(range(len(letters)), key=lambda k: abs(said[letters[k]])))
    ),
    "you sorted the letters: their order says which answer each stands for": (
        _read(pick=lambda said, letters: _best(said, sorted(letters)))
    ),
    "you left out the last letter": _read(pick=lambda said, letters: _best(said, letters[:-1])),
    "you compared two letters alone, however many there are": _read(
        pick=lambda said, letters: _best(said, letters[:2])
    ),
    "you gave the first answer alone: wanted is one for each row": (
        lambda logits, lengths, letters: [_best(logits[0, lengths[0] - 1].tolist(), letters)]
    ),
    "you gave letters' logits: wanted is which letter has the highest": (
        _read(pick=lambda said, letters: max(said[letter] for letter in letters))
    ),
}
