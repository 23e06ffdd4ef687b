"""What a story says about the Valley must be so: trades, wool, owners, landmarks."""

from __future__ import annotations

import re
from functools import cache

from llama_lessons.world.valley import load_valley

# A phrase of stories that states a fact: X and Y stand for entity and answer of (subject, relation).
PHRASES = [
    (r"\b{X}, the (?:old )?{Y}\b", "people", "job"),
    (r"\b{X}, the [a-z]+ of {Y}\b", "people", "home"),
    (r"\bGo to {X} in {Y}\b", "people", "home"),
    (r"\b{Y} llama called {X}\b", "llamas", "wool"),
    (r"\b{X}, the {Y} llama\b", "llamas", "wool"),
    (r"\b{X}, by the {Y}\b", "places", "land"),
    (r"\bthe {Y} of {X}\b", "places", "building"),
    (r"\b{X}, the village that is known for its {Y}\b", "places", "known for"),
    (r"\bIn {Y} {X} held its feast\b", "places", "feast"),
]


@cache
def _patterns() -> list[tuple[re.Pattern, dict[str, str], str]]:
    """(a phrase that captures entity and answer in either order, what is so, the relation)."""
    patterns = []
    for phrase, subject, relation in PHRASES:
        answers = load_valley().answers(subject, relation)
        entity = f"(?P<X>{'|'.join(sorted(answers))})"
        answer = f"(?P<Y>{'|'.join(sorted(set(answers.values())))})"
        patterns.append((re.compile(phrase.format(X=entity, Y=answer)), answers, relation))
    return patterns


def fact_problems(text: str) -> list[str]:
    """Facts of the Valley that a text gets wrong, one sentence for each."""
    problems = []
    for pattern, answers, relation in _patterns():
        for found in pattern.finditer(text):
            if answers[found["X"]] != found["Y"]:
                problems.append(f"the {relation} of {found['X']} is not {found['Y']}")
    return problems
