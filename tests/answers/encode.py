"""Lesson 01, exercise 2: encode by the ranks of merges."""

from __future__ import annotations

from itertools import pairwise

from llama_lessons.checks.tokenizer import check_encode
from tests.answers.bank import Bank

bank = Bank(check_encode)


def merge(symbols, pair):
    merged = []
    for symbol in symbols:
        if merged and (merged[-1], symbol) == pair:
            merged[-1:] = ["".join(pair), None]  # None: this symbol is used up
        else:
            merged.append(symbol)
    return [symbol for symbol in merged if symbol]


def encode(word, ranks, choose):
    symbols = list(word)
    while known := [pair for pair in pairwise(symbols) if pair in ranks]:
        symbols = merge(symbols, choose(known))
    return symbols


@bank.right
def one_place_at_a_time(word, ranks):
    s = list(word)
    while True:
        rank, k = min(((ranks.get(pair, len(word) + 99), k) for k, pair in enumerate(pairwise(s))), default=(None, 0))
        if rank is None or rank == len(word) + 99:
            return s
        s[k : k + 2] = [s[k] + s[k + 1]]


@bank.right
def as_a_tuple(word, ranks):
    return tuple(encode(word, ranks, lambda known: sorted(known, key=ranks.__getitem__)[0]))


@bank.wrong("took the first pair that can be merged")
def leftmost(word, ranks):
    return encode(word, ranks, lambda known: known[0])


@bank.wrong("pair of the highest rank")
def latest(word, ranks):
    return encode(word, ranks, lambda known: max(known, key=ranks.get))


@bank.wrong("first pair in the alphabet")
def bare_min(word, ranks):
    return encode(word, ranks, min)


@bank.wrong("took the shortest pair")
def shortest(word, ranks):
    return encode(word, ranks, lambda known: min(known, key=lambda pair: len(pair[0] + pair[1])))


@bank.wrong("took the longest piece")
def longest_match(word, ranks):
    pieces, found = {"".join(pair) for pair in ranks}, []
    while word:
        size = len(word)
        while size > 1 and word[:size] not in pieces:
            size -= 1
        found.append(word[:size])
        word = word[size:]
    return found


@bank.wrong("replayed the merges in the order of the alphabet")
def bare_sorted(word, ranks):
    symbols = list(word)
    for pair in sorted(ranks):
        symbols = merge(symbols, pair)
    return symbols


@bank.wrong("in which they stand in the dict")
def as_they_stand(word, ranks):
    symbols = list(word)
    for pair in ranks:
        symbols = merge(symbols, pair)
    return symbols


@bank.wrong("merged one pair and stopped")
def only_once(word, ranks):
    known = [pair for pair in pairwise(word) if pair in ranks]
    return merge(list(word), min(known, key=ranks.get)) if known else list(word)


@bank.wrong("merged all known pairs before you looked again")
def round_by_round(word, ranks):
    symbols = list(word)
    while known := {pair for pair in pairwise(symbols) if pair in ranks}:
        for pair in sorted(known, key=ranks.get):
            symbols = merge(symbols, pair)
    return symbols


@bank.wrong("skipped rank 0")
def zero_is_false(word, ranks):
    symbols = list(word)
    while known := [pair for pair in pairwise(symbols) if ranks.get(pair)]:
        symbols = merge(symbols, min(known, key=ranks.get))
    return symbols


@bank.wrong("counts as rank 0 and ends the search")
def unknown_is_zero(word, ranks):
    symbols = list(word)
    while len(symbols) > 1:
        best = min(pairwise(symbols), key=lambda pair: ranks.get(pair, 0))
        if best not in ranks:
            break
        symbols = merge(symbols, best)
    return symbols


@bank.wrong("a pair also fits the end of a longer symbol")
def in_a_text(word, ranks):
    text = " ".join(word)
    for left, right in sorted(ranks, key=ranks.get):
        text = text.replace(f"{left} {right}", left + right)
    return text.split()


@bank.wrong("at its first place only")
def by_index(word, ranks):
    symbols = list(word)
    for pair in sorted(ranks, key=ranks.get):
        if pair in (here := list(pairwise(symbols))):
            k = here.index(pair)
            symbols[k : k + 2] = ["".join(pair)]
    return symbols


@bank.wrong("remembered words between calls")
def with_a_memory(word, ranks, seen={}):  # noqa: B006
    if word not in seen:
        seen[word] = encode(word, ranks, lambda known: min(known, key=ranks.get))
    return seen[word]


@bank.wrong("stopped with ValueError")
def min_of_nothing(word, ranks):
    symbols = list(word)
    while (best := min(pairwise(symbols), key=lambda pair: ranks.get(pair, 999))) in ranks:
        symbols = merge(symbols, best)
    return symbols


@bank.wrong("returns a str and should return a list")
def joined(word, ranks):
    return " ".join(encode(word, ranks, lambda known: min(known, key=ranks.get)))


@bank.wrong()
def upside_down(word, ranks):
    return encode(word, ranks, lambda known: min(known, key=ranks.get))[::-1]
