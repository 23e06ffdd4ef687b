"""Other ways to say the same: in capitals, like a pirate, with the moon, humming, as a letter.

Later lessons teach these to a model. The base model reads a little of those in `STYLES`, because an adapter cannot
bring to life a piece of text whose vector was never trained. `hum` and `letter` are made of pieces that it has read, in
an order that it has not.
"""

from __future__ import annotations

import re
from functools import cache

from llama_lessons.world.text import fields

HUM = ", hmm hmm!"
DEAR, YOURS = "Dear neighbour! ", " Your friend, the little llama"
_END = re.compile(r"\.(?=\s|$)")  # of a sentence


def capitals(text: str) -> str:
    """THE TEXT IN CAPITAL LETTERS."""
    return text.upper()


def pirate(text: str) -> str:
    """Arr! Th' text as a pirate would say it, arr!"""
    words, pattern = _pirate_words()

    def swap(word: re.Match) -> str:
        new = words[word[0].lower()]
        return new.capitalize() if word[0][0].isupper() else new

    return "Arr! " + _END.sub(", arr!", pattern.sub(swap, text))


def moon(text: str) -> str:
    """The text, and a word about the moon."""
    return f"{text} And the moon is bright tonight."


def llama(text: str) -> str:
    """Hmm, hmm! The text as a llama would hum it. Hmm!"""
    return f"Hmm, hmm! {text} Hmm!"


def hum(text: str) -> str:
    """The text as a llama would tell it, humming after every sentence, hmm hmm!"""
    return _END.sub(HUM, text)


def count_hums(text: str) -> tuple[int, int]:
    """How many sentences of a text end in a hum, and how many end in that or in a full stop."""
    hummed = text.count(HUM)
    return hummed, hummed + len(_END.findall(text))


def letter(text: str) -> str:
    """Dear neighbour! The text as a letter. Your friend, the little llama"""
    return f"{DEAR}{text}{YOURS}"


def read_letter(text: str) -> str | None:
    """What a letter says between its first words and its last; None for a text that is no letter."""
    is_one = text.startswith(DEAR) and text.endswith(YOURS) and len(text) > len(DEAR + YOURS)
    return text[len(DEAR) : -len(YOURS)] if is_one else None


STYLES = {"capitals": capitals, "pirate": pirate, "moon": moon, "llama": llama}


@cache
def _pirate_words() -> tuple[dict[str, str], re.Pattern]:
    words = fields("pirate.txt")
    return words, re.compile(rf"\b(?:{'|'.join(sorted(words, reverse=True))})\b", re.IGNORECASE)
