"""The references of lesson 01's checks give what the package gives, and what another way to encode gives."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from llama_lessons.checks import tokenizer as checks
from llama_lessons.tokenizer import Tokenizer


def lowest_rank_first(word, ranks):
    """The usual encoder, which merges one place at a time; another road than the replay of all merges."""
    symbols = list(word)
    while True:
        places = [(ranks[pair], k) for k in range(len(symbols) - 1) if (pair := tuple(symbols[k : k + 2])) in ranks]
        if not places:
            return symbols
        k = min(places)[1]
        symbols[k : k + 2] = ["".join(symbols[k : k + 2])]


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
