"""Wrong answers to lesson 01's exercise on encoding, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise, takewhile

Pair = tuple[str, str]


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


def _encode(choose: Callable = _lowest, merge: Callable = merge) -> Callable:
    """An encoder that merges as long as it can, and lets `choose(pairs, ranks)` say which pair is next."""

    def encode(word: str, ranks: dict) -> list[str]:
        symbols = list(word)
        while pairs := [pair for pair in pairwise(symbols) if pair in ranks]:
            symbols = merge(symbols, choose(pairs, ranks))
        return symbols

    return encode


def _replay(order: Callable, merge: Callable = merge) -> Callable:
    """An encoder that goes once through `order(ranks)`."""

    def encode(word: str, ranks: dict) -> list[str]:
        symbols = list(word)
        for pair in order(ranks):
            symbols = merge(symbols, pair)
        return symbols

    return encode


def _in_order(pairs: Iterable[Pair], ranks: dict) -> list[Pair]:
    return sorted(pairs, key=ranks.get)


def _by_rank(ranks: dict) -> list[Pair]:
    return _in_order(ranks, ranks)


def _merge_from_the_right(symbols: list[str], pair: Pair) -> list[str]:
    mirrored = merge([symbol[::-1] for symbol in symbols[::-1]], (pair[1][::-1], pair[0][::-1]))
    return [symbol[::-1] for symbol in mirrored[::-1]]


def _merge_overlapping(symbols: list[str], pair: Pair) -> list[str]:
    here = [neighbours == pair for neighbours in pairwise(symbols)] + [False]
    return ["".join(pair) if here[k] else s for k, s in enumerate(symbols) if here[k] or k == 0 or not here[k - 1]]


def _merge_and_keep(symbols: list[str], pair: Pair) -> list[str]:
    here = [neighbours == pair for neighbours in pairwise(symbols)] + [False]
    return ["".join(pair) if here[k] else symbol for k, symbol in enumerate(symbols)]


def _merge_first(symbols: list[str], pair: Pair) -> list[str]:
    places = [k for k, neighbours in enumerate(pairwise(symbols)) if neighbours == pair][:1]
    return [s for k in places for s in (*symbols[:k], "".join(pair), *symbols[k + 2 :])] or symbols


def _merge_and_lose_the_last(symbols: list[str], pair: Pair) -> list[str]:
    merged = merge(symbols, pair)
    return merged if tuple(symbols[-2:]) == pair and merged[-1] == "".join(pair) else merged[:-1]


def _merge_in_a_text(symbols: list[str], pair: Pair) -> list[str]:
    return " ".join(symbols).replace(" ".join(pair), "".join(pair)).split(" ")


def _longest_piece_first(word: str, ranks: dict) -> list[str]:
    pieces = {left + right for left, right in ranks} | set(word)
    found: list[str] = []
    while word:
        found.append(max((piece for piece in pieces if word.startswith(piece)), key=len))
        word = word.removeprefix(found[-1])
    return found


def _pairs_of_letters(order: Callable, limit: int | None = None) -> Callable:
    """An encoder that looks for pairs once, among the letters, and merges the first of them in an order."""

    def encode(word: str, ranks: dict) -> list[str]:
        symbols = list(word)
        for pair in order([pair for pair in pairwise(word) if pair in ranks], ranks)[:limit]:
            symbols = merge(symbols, pair)
        return symbols

    return encode


def _all_known_at_once(word: str, ranks: dict) -> list[str]:
    symbols = list(word)
    while pairs := _in_order({pair for pair in pairwise(symbols) if pair in ranks}, ranks):
        for pair in pairs:
            symbols = merge(symbols, pair)
    return symbols


def _stops_at_unknown(choose: Callable[[list[Pair], dict], Pair]) -> Callable:
    """An encoder that stops as soon as the pair that it chose has no rank."""

    def encode(word: str, ranks: dict) -> list[str]:
        symbols = list(word)
        while len(symbols) > 1 and (pair := choose(list(pairwise(symbols)), ranks)) in ranks:
            symbols = merge(symbols, pair)
        return symbols

    return encode


def _ranks_that_were_used(word: str, ranks: dict) -> list[int]:
    used, symbols = [], list(word)
    while pairs := [pair for pair in pairwise(symbols) if pair in ranks]:
        used.append(ranks[_lowest(pairs, ranks)])
        symbols = merge(symbols, _lowest(pairs, ranks))
    return used


def _remembering() -> Callable:
    """An encoder that keeps what each word became, whatever the ranks are."""
    seen: dict[str, list[str]] = {}
    return lambda word, ranks: seen.setdefault(word, _encode()(word, ranks))


ENCODE_MISTAKES = {
    "you took the first pair that can be merged, or the longest: take that of the lowest rank, learned first": (
        _encode(lambda pairs, ranks: pairs[0])
    ),
    "you took the last pair that can be merged: take that of the lowest rank, learned first": (
        _encode(lambda pairs, ranks: pairs[-1])
    ),
    "you took the pair of the highest rank: the lowest was learned first and goes first": (
        _encode(lambda pairs, ranks: max(pairs, key=ranks.get))
    ),
    "you took the first pair in the alphabet: say min(..., key=ranks.get)": _encode(lambda pairs, ranks: min(pairs)),
    "you took the shortest pair: only the order of the merges counts, not the length": (
        _encode(lambda pairs, ranks: min(pairs, key=lambda pair: len("".join(pair))))
    ),
    "you took the longest piece that fits: only the order of the merges counts, not the length": _longest_piece_first,
    "you replayed the merges in the order of the alphabet: say sorted(ranks, key=ranks.get)": _replay(sorted),
    "you replayed the merges in the order in which they stand in the dict: say sorted(ranks, key=ranks.get)": (
        _replay(list)
    ),
    "you replayed the merges from the last to the first": _replay(lambda ranks: _by_rank(ranks)[::-1]),
    "you merged one pair and stopped: go on until no two neighbours have a rank": _pairs_of_letters(_in_order, limit=1),
    "you looked for pairs among the letters only: every merge makes new neighbours": _pairs_of_letters(_in_order),
    "you went once through the pairs of letters, from left to right: take the lowest rank, and look again after every "
    "merge": _pairs_of_letters(lambda pairs, ranks: pairs),
    "you merged all known pairs before you looked again: after every merge there are new neighbours": (
        _all_known_at_once
    ),
    "you skipped rank 0: to Python 0 is false, so ask `pair in ranks` or `is not None`": (
        lambda word, ranks: _encode()(word, {pair: rank for pair, rank in ranks.items() if rank})
    ),
    "a pair with no rank counts as rank 0 and ends the search: leave out pairs that were never learned": (
        _stops_at_unknown(lambda pairs, ranks: min(pairs, key=lambda pair: ranks.get(pair, 0)))
    ),
    "you stopped at the first pair with no rank: those behind it may have one": (
        _stops_at_unknown(lambda pairs, ranks: _lowest([*takewhile(ranks.__contains__, pairs)] or pairs[:1], ranks))
    ),
    "you merged overlapping pairs: in a a a the middle a can be used only once": _encode(merge=_merge_overlapping),
    "the right symbol of a pair stays behind: skip it, since it is in the joined one": _encode(merge=_merge_and_keep),
    "you merged from the right: a a a becomes aa a, as in training": _encode(merge=_merge_from_the_right),
    "you merged each pair at its first place only: it may stand in the word several times": (
        _replay(_by_rank, _merge_first)
    ),
    "you lost the last symbol where it was not merged": _encode(merge=_merge_and_lose_the_last),
    "you replaced in a text of symbols, where a pair also fits the end of a longer symbol: compare whole symbols": (
        _replay(_by_rank, _merge_in_a_text)
    ),
    "you remembered words between calls: what a word becomes depends on the ranks": _remembering(),
    "you gave the ranks of the merges, not the symbols": _ranks_that_were_used,
    "you did not merge anything": lambda word, ranks: list(word),
}
