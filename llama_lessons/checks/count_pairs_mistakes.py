"""Wrong answers to lesson 01's exercise on counting pairs, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import combinations, pairwise, zip_longest

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


_right = _count(pairwise)


def _without_overlap(word: tuple) -> list[Pair]:
    kept: list[Pair | None] = []
    for pair in pairwise(word):
        kept.append(None if kept[-1:] == [pair] else pair)
    return [pair for pair in kept if pair]


def _changed(change: Callable[[int, dict], float]) -> Callable:
    """The right counts, each changed by a function of (count, all counts)."""
    return lambda words: {pair: change(count, _right(words)) for pair, count in _right(words).items()}


def _word_by_word(words: dict) -> Iterable[dict]:
    return [_right({word: times}) for word, times in words.items()]


def _overwritten(words: dict) -> dict:
    return {pair: count for counts in _word_by_word(words) for pair, count in counts.items()}


def _first_kept(words: dict) -> dict:
    return {pair: count for counts in reversed(_word_by_word(words)) for pair, count in counts.items()}


COUNT_MISTAKES = {
    "you counted each word once: a word that occurs 5 times brings each of its pairs 5 times": (
        lambda words: dict(Counter(pair for word in words for pair in pairwise(word)))
    ),
    "you counted pairs across words: the end of one word and the start of the next make no pair": (
        lambda words: dict(Counter(pairwise([s for word, times in words.items() for s in word * times])))
    ),
    "you counted pairs across words, and each word once: the end of a word and the start of the next make no pair": (
        lambda words: dict(Counter(pairwise([symbol for word in words for symbol in word])))
    ),
    "you overwrote the count of a pair that stands in several words: add to it": _overwritten,
    "you overwrote the count of a pair that stands in several words, or several times in one: add to it": (
        lambda words: {pair: times for word, times in words.items() for pair in pairwise(word)}
    ),
    "you kept the count of the first word that has the pair: add what the others bring": _first_kept,
    "you began anew for each word, so that only the last word counts: make the counter once, outside of the loop": (
        lambda words: ([{}, *_word_by_word(words)])[-1]
    ),
    "you stopped after the first word: return behind the loop": lambda words: ([*_word_by_word(words), {}])[0],
    "you counted a pair once per word: it may stand in the word several times": (
        _count(lambda word: set(pairwise(word)))
    ),
    "you skipped overlapping pairs: in a a a the pair (a, a) stands twice": _count(_without_overlap),
    "you went on by two symbols: each symbol but the last begins a pair": (
        _count(lambda word: zip(word[::2], word[1::2], strict=False))
    ),
    "you paired each symbol with the one after the next: pairs are neighbours": (
        _count(lambda word: zip(word, word[2:], strict=False))
    ),
    "you paired each symbol with all that follow: pairs are neighbours": _count(lambda word: combinations(word, 2)),
    "you let the end of a word wrap round to its beginning: the last symbol and the first make no pair": (
        _count(lambda word: zip(word[-1:] + word, word, strict=False))
    ),
    "you paired the last symbol with None: it has no neighbour, and begins no pair": (
        _count(lambda word: zip_longest(word, word[1:]))
    ),
    "you counted pairs of letters: count symbols, which grow longer with every merge": (
        _count(lambda word: pairwise("".join(word)))
    ),
    "you left out the last pair of each word": _count(lambda word: list(pairwise(word))[:-1]),
    "you left out the first pair of each word": _count(lambda word: list(pairwise(word))[1:]),
    "you skipped words of two symbols: they have one pair": (
        _count(lambda word: pairwise(word) if len(word) > 2 else ())
    ),
    "you sorted the two symbols: (a, b) and (b, a) are different pairs": (
        _count(lambda word: [tuple(sorted(pair)) for pair in pairwise(word)])
    ),
    "you turned the pairs round, right before left: a pair is (left, right)": (
        _count(lambda word: [pair[::-1] for pair in pairwise(word)])
    ),
    "you joined the two symbols: keep the pair as a tuple (left, right)": (
        _count(lambda word: ["".join(pair) for pair in pairwise(word)])
    ),
    "you joined the two symbols by a space: keep the pair as a tuple (left, right)": (
        _count(lambda word: [" ".join(pair) for pair in pairwise(word)])
    ),
    "you counted single symbols, not pairs of neighbours": _count(list),
    "you counted words, not pairs of neighbours": dict,
    "you counted each pair one too often: begin at 0": _changed(lambda count, counts: count + 1),
    "you gave shares of all pairs: give counts": _changed(lambda count, counts: count / sum(counts.values())),
    "you left out pairs that occur only once: they count as well": (
        lambda words: {pair: count for pair, count in _right(words).items() if count > 1}
    ),
}
