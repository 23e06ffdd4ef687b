"""Lesson 01, exercise 1: count pairs of neighbours, each different word once."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, zip_longest

from llama_lessons.checks.tokenizer import check_count_pairs
from tests.answers.bank import Bank

bank = Bank(check_count_pairs)


def add_up(words, pairs_of):
    counts = Counter()
    for word, times in words.items():
        for pair in pairs_of(word):
            counts[pair] += times
    return counts


@bank.right
def with_a_counter(words):
    return add_up(words, pairwise)


@bank.right
def with_indices(words):
    pairs = {(word[k], word[k + 1]) for word in words for k in range(len(word) - 1)}
    return {
        pair: sum(n * [word[k : k + 2] for k in range(len(word))].count(pair) for word, n in words.items())
        for pair in pairs
    }


@bank.wrong("counted each word once")
def each_word_once(words):
    counts = {}
    for word in words:
        for pair in pairwise(word):
            counts[pair] = counts.get(pair, 0) + 1
    return counts


@bank.wrong("across words: the end")
def over_word_borders(words):
    row = []
    for word, times in words.items():
        row.extend(word * times)
    return Counter(pairwise(row))


@bank.wrong("overwrote the count of a pair that stands in several words, or several times")
def overwrites(words):
    counts = {}
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] = times
    return counts


@bank.wrong("overwrote the count of a pair that stands in several words:")
def updates(words):
    counts = {}
    for word, times in words.items():
        counts.update({pair: n * times for pair, n in Counter(pairwise(word)).items()})
    return counts


@bank.wrong("began anew for each word")
def anew(words):
    counts = {}
    for word, times in words.items():
        counts = add_up({word: times}, pairwise)
    return counts


@bank.wrong("stopped after the first word")
def returns_too_early(words):
    counts = {}
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] = counts.get(pair, 0) + times
        return counts
    return counts


@bank.wrong("right before left")
def right_left(words):
    return add_up(words, lambda word: pairwise(word[::-1]))


@bank.wrong("wrap round")
def wraps(words):
    return add_up(words, lambda word: [(word[k - 1], word[k]) for k in range(len(word))])


@bank.wrong("with None")
def with_none(words):
    return add_up(words, lambda word: zip_longest(word, word[1:]))


@bank.wrong("joined the two symbols: ")
def joins_the_pair(words):
    return add_up(words, lambda word: map("".join, pairwise(word)))


@bank.wrong("left out the last pair")
def stops_one_too_early(words):
    return add_up(words, lambda word: [word[k : k + 2] for k in range(len(word) - 2)])


@bank.wrong("once per word: it may stand")
def sets(words):
    return add_up(words, lambda word: set(pairwise(word)))


@bank.wrong("went on by two symbols")
def in_steps_of_two(words):
    return add_up(words, lambda word: [word[k : k + 2] for k in range(0, len(word) - 1, 2)])


@bank.wrong("skipped words of two symbols")
def long_words_only(words):
    return add_up({word: n for word, n in words.items() if len(word) > 2}, pairwise)


@bank.wrong("returns a list and should return a dict")
def sorted_list(words):
    return add_up(words, pairwise).most_common()


@bank.wrong("left over from an earlier call")
def one_counter_for_all_calls(words, counts=Counter()):  # noqa: B006
    counts.update(add_up(words, pairwise))
    return counts


@bank.wrong("stopped with TypeError")
def lists_as_keys(words):
    return add_up(words, lambda word: [list(pair) for pair in pairwise(word)])


@bank.wrong()
def twice_as_many(words):
    return {pair: 2 * n for pair, n in add_up(words, pairwise).items()}
