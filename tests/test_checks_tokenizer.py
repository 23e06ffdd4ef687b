"""The checks of lesson 01 accept right answers, and name the mistake of wrong ones, however those are written."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from llama_lessons.checks import tokenizer as checks
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.checks.tokenizer_mistakes import COUNT_MISTAKES, ENCODE_MISTAKES, STREAM_MISTAKES
from llama_lessons.tokenizer import Tokenizer

BANK = {
    checks.check_count_pairs: COUNT_MISTAKES,
    checks.check_encode: ENCODE_MISTAKES,
    checks.check_stream: STREAM_MISTAKES,
}
CASES = [(check, advice) for check, mistakes in BANK.items() for advice in mistakes]


@pytest.mark.parametrize(("check", "advice"), CASES, ids=[advice.split(":")[0] for _, advice in CASES])
def test_every_mistake_of_the_bank_is_rejected_and_named(check, advice):
    with pytest.raises(WrongAnswer, match=re.escape(" ".join(advice.split()[:6]))):
        check(BANK[check][advice])


# The same mistakes once more, written as a reader would write them: the bank must know them by what they do.


def counts_each_word_once(words):
    counts = defaultdict(int)
    for word in words:
        for k in range(len(word) - 1):
            counts[word[k], word[k + 1]] += 1
    return counts


def counts_over_word_borders(words):
    line = []
    for word, times in words.items():
        for _ in range(times):
            line += word
    return Counter(pairwise(line))


def overwrites(words):
    counts = {}
    for word, times in words.items():
        for k in range(1, len(word)):
            counts[word[k - 1], word[k]] = times
    return counts


def joins_the_pair(words):
    counts = Counter()
    for word, times in words.items():
        for left, right in pairwise(word):
            counts[left + right] += times
    return counts


def stops_one_too_early(words):
    counts = Counter()
    for word, times in words.items():
        for k in range(len(word) - 2):
            counts[word[k], word[k + 1]] += times
    return counts


def takes_the_first_pair(word, ranks):
    symbols = list(word)
    k = 0
    while k < len(symbols) - 1:
        if (symbols[k], symbols[k + 1]) in ranks:
            symbols[k : k + 2] = [symbols[k] + symbols[k + 1]]
            k = 0
        else:
            k += 1
    return symbols


def forgets_rank_0(word, ranks):
    symbols = list(word)
    while True:
        best = None
        for k in range(len(symbols) - 1):
            rank = ranks.get((symbols[k], symbols[k + 1]))
            if rank and (best is None or rank < best[0]):
                best = rank, k
        if best is None:
            return symbols
        k = best[1]
        symbols[k : k + 2] = [symbols[k] + symbols[k + 1]]


def longest_match(word, ranks):
    pieces = {a + b for a, b in ranks}
    out = []
    start = 0
    while start < len(word):
        end = len(word)
        while end > start + 1 and word[start:end] not in pieces:
            end -= 1
        out.append(word[start:end])
        start = end
    return out


def merges_only_once(word, ranks):
    symbols = list(word)
    found = [(ranks[p], k) for k, p in enumerate(pairwise(symbols)) if p in ranks]
    if found:
        k = min(found)[1]
        symbols[k : k + 2] = [symbols[k] + symbols[k + 1]]
    return symbols


def strips_every_piece(pieces):
    return [text.replace(" ", "") for text in checks.stream(pieces)]


def shows_half_characters(pieces):
    shown = []
    for piece in pieces:
        if piece.startswith("<0x"):
            shown.append(bytes([int(piece[1:-1], 16)]).decode("utf-8", "replace"))
        else:
            shown.append(piece.replace("▁", " "))
    if shown and shown[0].startswith(" "):
        shown[0] = shown[0][1:]
    return shown


def makes_mojibake(pieces):
    shown = [chr(int(p[3:5], 16)) if p[0] == "<" else p.replace("▁", " ") for p in pieces]
    return [shown[0][1:], *shown[1:]] if shown else []


def waits(pieces):
    return ["" for _ in pieces[1:]] + ["".join(checks.stream(pieces))] if pieces else []


HANDWRITTEN = [
    (checks.check_count_pairs, counts_each_word_once, "each word once"),
    (checks.check_count_pairs, counts_over_word_borders, "across words"),
    (checks.check_count_pairs, overwrites, "overwrote"),
    (checks.check_count_pairs, joins_the_pair, "joined"),
    (checks.check_count_pairs, stops_one_too_early, "left out the last pair"),
    (checks.check_encode, takes_the_first_pair, "the first pair that can be merged"),
    (checks.check_encode, forgets_rank_0, "rank 0"),
    (checks.check_encode, longest_match, "longest piece"),
    (checks.check_encode, merges_only_once, "merged one pair and stopped"),
    (checks.check_stream, strips_every_piece, "dropped the spaces"),
    (checks.check_stream, shows_half_characters, "split a character"),
    (checks.check_stream, makes_mojibake, "a character of every byte"),
    (checks.check_stream, waits, "waited for the end"),
]


@pytest.mark.parametrize(("check", "answer", "name"), HANDWRITTEN, ids=[row[1].__name__ for row in HANDWRITTEN])
def test_a_mistake_is_named_however_it_is_written(check, answer, name):
    with pytest.raises(WrongAnswer, match=name):
        check(answer)


def lowest_rank_first(word, ranks):
    """The usual encoder, which merges one place at a time; another road than the replay of all merges."""
    symbols = list(word)
    while True:
        places = [(ranks[pair], k) for k in range(len(symbols) - 1) if (pair := tuple(symbols[k : k + 2])) in ranks]
        if not places:
            return symbols
        k = min(places)[1]
        symbols[k : k + 2] = ["".join(symbols[k : k + 2])]


def test_right_answers_are_accepted(capsys):
    checks.check_count_pairs(lambda words: Counter(p for w, n in words.items() for _ in range(n) for p in pairwise(w)))
    checks.check_encode(lowest_rank_first)
    checks.check_stream(checks.stream)
    assert capsys.readouterr().out.count("right, on all") == 3


def test_replaying_all_merges_equals_taking_the_lowest_rank_first():
    draw = random.Random(0)
    for _ in range(200):
        words = ["".join(draw.choices("abc", k=draw.randint(1, 9))) for _ in range(12)]
        ranks: dict = {}
        while len(ranks) < 8:
            counts = checks.count_pairs(Counter(tuple(checks.encode(word, ranks)) for word in words))
            if not counts:
                break
            ranks[max(sorted(counts), key=counts.get)] = len(ranks)
        for word in words:
            assert checks.encode(word, ranks) == lowest_rank_first(word, ranks)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Tokenizer:
    text = "the llama hums on the hill and the hill hums back " * 20
    return Tokenizer.train([text], 290, tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")


@pytest.mark.parametrize("text", ["the llama", "17 llamas", "  two  spaces ", "a\n b", "é, 🦙 and 山谷", ""])
def test_the_reference_streams_as_the_package_does(tokenizer, text):
    ids = tokenizer.encode(text, bos=False)
    decoder = tokenizer.stream_decoder()
    assert checks.stream(tokenizer.pieces(ids)) == [decoder.feed(token_id) for token_id in ids]


@pytest.mark.parametrize(
    ("examples", "mistakes"),
    [
        (checks.COUNT_EXAMPLES, COUNT_MISTAKES),
        (checks.ENCODE_EXAMPLES, ENCODE_MISTAKES),
        (checks.STREAM_EXAMPLES, STREAM_MISTAKES),
    ],
    ids=["count_pairs", "encode", "stream"],
)
def test_no_two_mistakes_are_the_same_on_the_examples(examples, mistakes):
    results = [str([mistake(*example) for example in examples]) for mistake in mistakes.values()]
    assert len(set(results)) == len(results)
