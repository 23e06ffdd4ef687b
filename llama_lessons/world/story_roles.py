"""Who does what: a sentence that the Valley's plots tell of the hero must not be told of somebody else.

A sentence is compared with the sentences of data/world/plots.txt, names left open. Where it is one of them, its names
must play parts that some plot gives them there; a sentence that no plot knows may be about anybody. The parts are read
off the text: A is the child presented first, B the second, L a llama, V a villager.
"""

from __future__ import annotations

import re
from functools import cache

from llama_lessons.world.stories import storyteller
from llama_lessons.world.valley import load_valley

BREAK = r'(?<=[.!?"]) (?=%s)'
BREAK_IN_TEXT = re.compile(BREAK % '["A-Z]')
BREAK_IN_TEMPLATE = re.compile(BREAK % r'["A-Z]|%\((?:[ABLVT]|[ABLV]\.[HG][a-z]+)\)')
SLOT = re.compile(r"%\(([^)]*)\)s")


def role_problems(text: str, children: list[str]) -> list[str]:
    """Sentences that plots tell, but of somebody else; one line for each.

    Args:
        text: the story.
        children: its children in the order in which they are presented.
    """
    kinds = load_valley().names.kinds
    parts = {name: "L" if kind == "llama" else "V" for name, kind in kinds.items() if kind not in ("girl", "boy")}
    parts |= dict(zip(children, "AB", strict=False))
    problems = []
    for sentence in BREAK_IN_TEXT.split(text):
        matches = [(pattern.fullmatch(sentence), roles) for words, pattern, roles in _sentences() if words in sentence]
        told = [([parts.get(name) for name in match.groups()], list(roles)) for match, roles in matches if match]
        told = [(here, roles) for here, roles in told if None not in here]  # "Somebody laughed" is about nobody
        if told and all(here != roles for here, roles in told):
            problems.append(f"told of the wrong one: {sentence}")
    return problems


@cache
def _sentences() -> list[tuple[str, re.Pattern, str]]:
    """(longest stretch of fixed words, pattern that captures the names, their parts) of each sentence of a plot."""
    sentences = set()
    for plot in storyteller().plots:
        for way in (way for ways in plot.steps for way in ways):
            sentences.update(
                sentence for sentence in BREAK_IN_TEMPLATE.split(way) if re.search(r"%\([ABLV]\)s", sentence)
            )
    return [_pattern(sentence) for sentence in sorted(sentences)]


def _pattern(sentence: str) -> tuple[str, re.Pattern, str]:
    pieces = SLOT.split(sentence)  # fixed words and slots in turn
    pattern, roles = re.escape(pieces[0]), ""
    for slot, words in zip(pieces[1::2], pieces[2::2], strict=True):
        named = slot in ("A", "B", "L", "V")
        roles += slot if named else ""
        pattern += ("([A-Z][a-z]+)" if named else "[A-Za-z ]+") + re.escape(words)
    return max(pieces[::2], key=len), re.compile(pattern), roles
