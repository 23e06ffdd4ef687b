"""The checks of lesson 01: counting pairs, encoding with learned merges, decoding piece by piece.

Each reference is a plain loop that takes another road than the lesson does.
"""

from __future__ import annotations

from collections.abc import Callable

from llama_lessons.checks.count_pairs_mistakes import COUNT_MISTAKES, Pair
from llama_lessons.checks.encode_mistakes import ENCODE_MISTAKES, merge
from llama_lessons.checks.exercise import check
from llama_lessons.checks.stream_mistakes import STREAM_MISTAKES

COUNT_EXAMPLES = [
    ({("▁", "a", "t"): 1},),
    ({("▁", "a", "t"): 5},),
    ({("▁", "a", "t"): 2, ("c", "a", "t"): 3},),
    ({("▁th", "e"): 4, ("▁th", "e", "n"): 1},),
    ({("a", "a", "a"): 1},),
    ({("n", "a", "n", "a"): 2},),
    ({("a", "b"): 1, ("b", "a"): 7},),
    ({("l", "l", "l", "a", "m", "a"): 3, ("l", "a"): 2, ("▁", "l", "l"): 4},),
    ({("▁",): 9},),
    ({},),
]


def count_pairs(words: dict[tuple[str, ...], int]) -> dict[Pair, int]:
    """How often each pair of neighbours stands in a text whose words have been counted.

    Args:
        words: how often each different word occurs; a word is a tuple of symbols.

    Returns:
        The count of each pair (left, right). Overlapping pairs count; two words make no pair.
    """
    counts: dict[Pair, int] = {}
    for word, times in words.items():
        for k in range(len(word) - 1):
            pair = word[k], word[k + 1]
            counts[pair] = counts.get(pair, 0) + times
    return counts


def check_count_pairs(answer: Callable) -> None:
    """Check `my_count_pairs(words)`: what `count_pairs` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, count_pairs, COUNT_EXAMPLES, COUNT_MISTAKES)


ENCODE_EXAMPLES = [
    ("abc", {("b", "c"): 1, ("a", "b"): 2}),
    ("abcd", {("b", "c"): 1, ("c", "d"): 2, ("a", "b"): 3}),
    ("abcd", {("b", "c"): 1, ("c", "d"): 2, ("a", "b"): 3, ("b", "cd"): 4, ("a", "bcd"): 5}),
    ("abcd", {("a", "b"): 1, ("c", "d"): 2, ("ab", "cd"): 3}),
    ("abcd", {("b", "c"): 1, ("a", "b"): 2, ("c", "d"): 3, ("b", "cd"): 4}),
    ("ab", {("a", "b"): 0}),
    ("aaa", {("a", "a"): 1}),
    ("aaaaa", {("a", "a"): 1, ("aa", "aa"): 2}),
    ("▁valley", {("l", "e"): 0, ("▁", "v"): 1, ("a", "l"): 2, ("le", "y"): 3, ("al", "ley"): 4, ("▁v", "alley"): 5}),
    ("▁llama", {("▁", "l"): 0, ("l", "a"): 1, ("m", "a"): 2, ("▁l", "la"): 3, ("la", "ma"): 4}),
    ("abcd", {("a", "b"): 0, ("ab", "c"): 1, ("c", "d"): 2}),
    ("cabab", {("c", "ab"): 2, ("b", "a"): 3, ("a", "b"): 1}),
    ("abaab", {("a", "b"): 5, ("ab", "a"): 6, ("aba", "ab"): 9}),
    ("xab", {("x", "a"): 0, ("a", "b"): 1}),
    ("a", {("a", "b"): 0}),
    ("▁x", {}),
]


def encode(word: str, ranks: dict[Pair, int]) -> list[str]:
    """Replay all of training on one word: every merge that was learned, in the order of learning.

    Args:
        word: the letters of one word.
        ranks: when each pair was learned: the lowest rank first.

    Returns:
        The symbols that the word becomes.
    """
    symbols = list(word)
    for pair in sorted(ranks, key=ranks.get):
        symbols = merge(symbols, pair)
    return symbols


def check_encode(answer: Callable) -> None:
    """Check `my_encode(word, ranks)`: what `encode` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, encode, ENCODE_EXAMPLES, ENCODE_MISTAKES)


STREAM_EXAMPLES = [
    (["▁The"],),
    (["▁The", "▁l", "lama"],),
    (["▁", "1", "7"],),
    (["▁caf", "<0xC3>", "<0xA9>"],),
    (["▁", "<0xF0>", "<0x9F>", "<0xA6>", "<0x99>", "!"],),
    (["▁Hi", "<0x0A>", "▁", "▁ho"],),
    (["▁a", "▁▁▁b"],),
    (["▁", "▁", "▁if"],),
    (["▁▁▁if"],),
    (["▁hum", "<0xE6>", "<0xBC>"],),
    (["▁", "<0xE5>", "<0xB1>", "<0xB1>", "!"],),
    (["▁llama", "▁0x", "<", "b"],),
    (["x", "▁y"],),
    ([],),
]


def stream(pieces: list[str]) -> list[str]:
    """What can be shown the moment each piece has come.

    Args:
        pieces: the pieces of a text, first to last: U+2581 for a space, <0xC3> for a byte.

    Returns:
        The new text of each piece; empty while a character is not whole. The space before the first word is left out.
    """
    shown, new = "", []
    for k in range(len(pieces)):
        raw = b"".join(
            bytes([int(piece[3:5], 16)]) if piece.startswith("<0x") else piece.replace("▁", " ").encode()
            for piece in pieces[: k + 1]
        )
        text = raw.decode(errors="ignore").removeprefix(" ")  # the tail of an unfinished character is left out
        new.append(text[len(shown) :])
        shown = text
    return new


def check_stream(answer: Callable) -> None:
    """Check `my_stream(pieces)`: what `stream` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, stream, STREAM_EXAMPLES, STREAM_MISTAKES)
