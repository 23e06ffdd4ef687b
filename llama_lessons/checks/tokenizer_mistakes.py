"""Wrong answers to the exercises of lesson 01, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

Pair = tuple[str, str]


def _count(found_in: Callable) -> Callable:
    """A counter of pairs that adds up what `found_in` makes of each word, as often as the word occurs."""

    def count_pairs(words: dict) -> dict:
        counts: Counter = Counter()
        for word, times in words.items():
            for pair in found_in(word):
                counts[pair] += times
        return dict(counts)

    return count_pairs


def _without_overlap(word: tuple) -> list[Pair]:
    kept: list[Pair | None] = []
    for pair in pairwise(word):
        kept.append(None if kept[-1:] == [pair] else pair)
    return [pair for pair in kept if pair]


COUNT_MISTAKES = {
    "you counted each word once: a word that occurs 5 times brings each of its pairs 5 times": (
        lambda words: dict(Counter(pair for word in words for pair in pairwise(word)))
    ),
    "you counted pairs across words: the end of one word and the start of the next make no pair": (
        lambda words: dict(Counter(pairwise([s for word, times in words.items() for s in word * times])))
    ),
    "you overwrote the count of a pair that stands in several words: add to it": (
        lambda words: {pair: times for word, times in words.items() for pair in pairwise(word)}
    ),
    "you counted a pair once per word: it may stand in the word several times": (
        _count(lambda word: set(pairwise(word)))
    ),
    "you skipped overlapping pairs: in a a a the pair (a, a) stands twice": _count(_without_overlap),
    "you counted pairs of letters: count symbols, which grow longer with every merge": (
        _count(lambda word: pairwise("".join(word)))
    ),
    "you left out the last pair of each word": _count(lambda word: list(pairwise(word))[:-1]),
    "you sorted the two symbols: (a, b) and (b, a) are different pairs": (
        _count(lambda word: [tuple(sorted(pair)) for pair in pairwise(word)])
    ),
    "you joined the two symbols: keep the pair as a tuple (left, right)": (
        _count(lambda word: ["".join(pair) for pair in pairwise(word)])
    ),
    "you counted single symbols, not pairs of neighbours": _count(list),
}


def merge(symbols: list[str], pair: Pair) -> list[str]:
    """The symbols with every occurrence of the pair made one, from left to right and without overlap.

    Args:
        symbols: the symbols of one word.
        pair: the two neighbours to join.
    """
    merged: list[str] = []
    k = 0
    while k < len(symbols):
        width = 2 if tuple(symbols[k : k + 2]) == pair else 1
        merged.append("".join(symbols[k : k + width]))
        k += width
    return merged


def _lowest(pairs: list[Pair], ranks: dict) -> Pair:
    return min(pairs, key=ranks.get)


def _encode(choose: Callable, merge: Callable = merge) -> Callable:
    """An encoder that merges as long as it can, and lets `choose(pairs, ranks)` say which pair is next."""

    def encode(word: str, ranks: dict) -> list[str]:
        symbols = list(word)
        while pairs := [pair for pair in pairwise(symbols) if pair in ranks]:
            symbols = merge(symbols, choose(pairs, ranks))
        return symbols

    return encode


def _merge_from_the_right(symbols: list[str], pair: Pair) -> list[str]:
    mirrored = merge([symbol[::-1] for symbol in symbols[::-1]], (pair[1][::-1], pair[0][::-1]))
    return [symbol[::-1] for symbol in mirrored[::-1]]


def _merge_overlapping(symbols: list[str], pair: Pair) -> list[str]:
    here = [neighbours == pair for neighbours in pairwise(symbols)] + [False]
    return ["".join(pair) if here[k] else s for k, s in enumerate(symbols) if here[k] or k == 0 or not here[k - 1]]


def _longest_piece_first(word: str, ranks: dict) -> list[str]:
    pieces = {left + right for left, right in ranks} | set(word)
    found: list[str] = []
    while word:
        found.append(max((piece for piece in pieces if word.startswith(piece)), key=len))
        word = word.removeprefix(found[-1])
    return found


def _pairs_of_letters(word: str, ranks: dict, limit: int | None = None) -> list[str]:
    symbols = list(word)
    for pair in sorted((pair for pair in pairwise(word) if pair in ranks), key=ranks.get)[:limit]:
        symbols = merge(symbols, pair)
    return symbols


ENCODE_MISTAKES = {
    "you took the first pair that can be merged: take the one of the lowest rank, which was learned first": (
        _encode(lambda pairs, ranks: pairs[0])
    ),
    "you took the pair of the highest rank: the lowest was learned first and goes first": (
        _encode(lambda pairs, ranks: max(pairs, key=ranks.get))
    ),
    "you took the first pair in the alphabet: say min(..., key=ranks.get)": _encode(lambda pairs, ranks: min(pairs)),
    "you took the longest piece that fits: only the order of the merges counts, not the length": _longest_piece_first,
    "you merged one pair and stopped: go on until no two neighbours have a rank": (
        lambda word, ranks: _pairs_of_letters(word, ranks, limit=1)
    ),
    "you looked for pairs among the letters only: every merge makes new neighbours": _pairs_of_letters,
    "you skipped rank 0: to Python 0 is false, so ask `pair in ranks` or `is not None`": (
        lambda word, ranks: _encode(_lowest)(word, {pair: rank for pair, rank in ranks.items() if rank})
    ),
    "you merged overlapping pairs: in a a a the middle a can be used only once": _encode(_lowest, _merge_overlapping),
    "you merged from the right: a a a becomes aa a, as in training": _encode(_lowest, _merge_from_the_right),
    "you did not merge anything": lambda word, ranks: list(word),
}


def _bytes(piece: str, space: str = " ") -> bytes:
    return bytes.fromhex(piece[3:5]) if piece.startswith("<0x") else piece.replace("▁", space).encode()


def _so_far(pieces: list[str], space: str = " ") -> list[str]:
    """All the text that is whole after each piece, with the space before the first word."""
    row = [_bytes(piece, space) for piece in pieces]
    return [b"".join(row[: k + 1]).decode(errors="ignore") for k in range(len(row))]


def _news(texts: list[str]) -> list[str]:
    return [text[len(before) :] for before, text in pairwise(["", *texts])]


def _start(texts: list[str]) -> list[str]:
    """The texts, without the space before the first word."""
    return [texts[0].removeprefix(" "), *texts[1:]] if texts else []


def _one_by_one(show: Callable) -> Callable:
    """A decoder that looks at each piece by itself."""
    return lambda pieces: _start([show(piece) for piece in pieces])


STREAM_MISTAKES = {
    "you dropped the spaces: ▁ at the start of a piece is a space before the word": (
        lambda pieces: [text.strip(" ") for text in _news(_so_far(pieces))]
    ),
    "you kept the space before the first word: encoding added it, so decoding leaves it out": (
        lambda pieces: _news(_so_far(pieces))
    ),
    "you split a character: hold its bytes back until the last one has come": (
        _one_by_one(lambda piece: _bytes(piece).decode(errors="replace"))
    ),
    "you threw bytes away: keep them until their character is whole, then show it": (
        _one_by_one(lambda piece: _bytes(piece).decode(errors="ignore"))
    ),
    "you made a character of every byte: é is two bytes and one character, so decode them together as UTF-8": (
        _one_by_one(lambda piece: chr(_bytes(piece)[0]) if piece.startswith("<0x") else _bytes(piece).decode())
    ),
    "you showed the name of a byte: <0xC3> stands for the byte of that number": (
        _one_by_one(lambda piece: piece.replace("▁", " "))
    ),
    "you showed ▁ itself: it stands for a space": lambda pieces: _news(_so_far(pieces, space="▁")),
    "you dropped every space at the start: only one was added there, and code begins with several": (
        lambda pieces: _news([text.lstrip(" ") for text in _so_far(pieces)])
    ),
    "you made one space of several: each ▁ is a space": (
        lambda pieces: [re.sub(" +", " ", text) for text in _start(_news(_so_far(pieces)))]
    ),
    "you waited for the end: show what is whole at once": (
        lambda pieces: [""] * (len(pieces) - 1) + [text.removeprefix(" ") for text in _so_far(pieces)[-1:]]
    ),
    "you gave all the text so far each time: give only what is new": (
        lambda pieces: [text.removeprefix(" ") for text in _so_far(pieces)]
    ),
}
