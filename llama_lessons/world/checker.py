"""Does a story keep its names, things and pronouns straight? Decided from the text alone, whoever wrote it.

The stories of the Valley follow two rules that a reader can check without knowing how they were made: outside speech
"he" and "she" mean the one named last, and a thing comes in with "a" and is spoken of again. So a single name, thing
or pronoun put in the place of another leaves a trace somewhere in the text.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from llama_lessons.world.stories import storyteller
from llama_lessons.world.story_facts import fact_problems
from llama_lessons.world.story_roles import role_problems
from llama_lessons.world.text import fields
from llama_lessons.world.valley import load_valley

SPEECH = re.compile(r'"([^"]*)"')
WORD = re.compile(r"[A-Za-z]+")
PRONOUNS = {"he": "he", "him": "he", "his": "he", "himself": "he"}
PRONOUNS |= {"she": "she", "her": "she", "herself": "she"}
GENDER_OF = {"girl": "she", "woman": "she", "boy": "he", "man": "he"}
SAID = "said|asked|cried|called|whispered|laughed"
BEFORE_A_THING = re.compile(r"\b(?:an?|some|new|one|two|three|ten|other) (?:[a-z]+ )?$")


def check_story(text: str) -> list[str]:
    """What is wrong with a story of the Valley: nothing, if it keeps names, things and pronouns straight.

    Args:
        text: the story, with speech in straight double quotes. It may be the generator's or a model's.

    Returns:
        One sentence for each problem, in no promised order; an empty list for a story that holds together.
    """
    if text.count('"') % 2:
        return ["a speech is opened and not closed"]
    if not text.rstrip().endswith((".", "!", "?", '"')):
        return ["the story stops in the middle of a sentence"]
    told = SPEECH.sub(_blank, text)
    genders = dict(_genders())
    problems = _presented(text, genders)
    problems += _pronouns(told, genders)
    problems += _speakers(text, genders)
    problems += _once_a_sentence(told, genders)
    problems += _things(text)
    return problems + fact_problems(text) + role_problems(text, _children(text, genders))


def _blank(speech: re.Match) -> str:
    """Spaces in the place of a speech; a full stop where the sentence around it ends with it."""
    ends = re.match(r' ["A-Z]|$', speech.string[speech.end() :]) and not speech[1].endswith(",")
    return " " * (len(speech[0]) - 1) + ("." if ends else " ")


@cache
def _genders() -> dict[str, str]:
    names = load_valley().names
    return {name: names.pronouns[name]["he"] for name in names.kinds}


def _children(text: str, genders: dict[str, str]) -> list[str]:
    """The children of a story in the order in which they are presented."""
    grown_up = {name for name, kind in load_valley().names.kinds.items() if kind not in ("girl", "boy")}
    return [name for name in dict.fromkeys(WORD.findall(text)) if name in genders and name not in grown_up]


@cache
def _capitals() -> frozenset[str]:
    """Words that begin with a capital and are nobody's name."""
    valley = load_valley()
    words = {"Mondays", "Tuesdays"} | {answer for relation in valley.relations for answer in relation.answers}
    words |= {fact.entity for fact in valley.facts}
    return frozenset(word for word in words if word[0].isupper()) | {"I", "Valley"}


def _presented(text: str, genders: dict[str, str]) -> list[str]:
    """Everybody is presented, seen again, and a girl or a boy as the name says; new children are added to genders."""
    problems = []
    said = [(name, kind) for kind, name in re.findall(r"\b(girl|boy) called ([A-Z][a-z]+)", text)]
    said += re.findall(r"\b([A-Z][a-z]+) was an? [a-z]+ (girl|boy)\b", text)
    for name, kind in said:
        if genders.setdefault(name, GENDER_OF[kind]) != GENDER_OF[kind]:
            problems.append(f"{name} is called a {kind}")
    words = Counter(WORD.findall(text))
    for name in sorted(words.keys() & genders.keys()):
        here = re.compile(
            rf"called {name}\b|\b{name} was an? |\b{name}, the |\bam {name}\b|\bname is {name}\b|llama {name}\b"
        ).search(text)
        if not here:
            problems.append(f"{name} is never presented")
        elif words[name] == 1:
            problems.append(f"{name} is presented and never seen again")
    strangers = set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]+", text)) - genders.keys() - _capitals()
    return problems + [f"nobody knows who or what {stranger} is" for stranger in sorted(strangers)]


def _pronouns(told: str, genders: dict[str, str]) -> list[str]:
    """Outside speech a pronoun means the one named last."""
    last, problems = "", []
    for word in WORD.findall(told):
        if word in genders:
            last = word
        elif word.lower() in PRONOUNS:
            if not last:
                problems.append(f'"{word}" stands before anybody was named')
            elif PRONOUNS[word.lower()] != genders[last]:
                problems.append(f'"{word}" cannot mean {last}')
    return problems


def _speakers(text: str, genders: dict[str, str]) -> list[str]:
    """Nobody speaks to himself by name, and nobody answers his own question."""
    problems, asker = [], ("", -1)
    for found in re.finditer(rf'"([^"]*)"(?: (?:{SAID}) ([A-Z][a-z]+)\b)?', text):
        speech, speaker = found[1], found[2] or ""
        about = re.sub(r"\b(?:am|name is) [A-Z][a-z]+", "", speech)
        if speaker in genders and re.search(rf"\b{speaker}\b", about):
            problems.append(f"{speaker} speaks to {speaker}")
        if speaker and speaker == asker[0] and found.start() - asker[1] <= 2:
            problems.append(f"{speaker} answers {speaker}")
        asker = (speaker if speech.endswith("?") else "", found.end())
    return problems


def _once_a_sentence(told: str, genders: dict[str, str]) -> list[str]:
    """A name stands once in a sentence: the second time a pronoun would."""
    problems = []
    for sentence in re.split(r"[.!?:]", told):
        names = Counter(word for word in WORD.findall(sentence) if word in genders)
        problems += [f"{name} meets {name}" for name in sorted(names) if names[name] > 1]
    return problems


@cache
def thing_words() -> list[str]:
    """The things that stories are about, sorted."""
    return sorted(
        {slots["thing"] for slots, _ in storyteller().things[""]} | set(fields("story_words.txt")["props"].split())
    )


@cache
def _uses() -> list[tuple[str, frozenset[str]]]:
    """(what is done with a thing, the things it can be done with)."""
    uses: dict[str, set[str]] = {}
    for slots, _ in storyteller().things[""]:
        for use in (slots["use"], slots["used"]):
            uses.setdefault(use, set()).add(slots["thing"])
    return [(use, frozenset(things)) for use, things in sorted(uses.items())]


def _things(text: str) -> list[str]:
    """A thing comes in with "a", is spoken of again, keeps its colour, and fits what is done with it."""
    problems, here = [], set()
    for thing in thing_words():
        places = [place.start() for place in re.finditer(rf"\b{thing}\b", text)]
        if not places:
            continue
        here.add(thing)
        if not BEFORE_A_THING.search(text[: places[0]]) and f"{thing}s" not in text[: places[0]]:
            problems.append(f"the {thing} comes from nowhere")
        if len(places) == 1 and f"{thing}s" not in text:
            problems.append(f"the {thing} comes in and is never seen again")
        colours = set(re.findall(rf"\b({'|'.join(_colours())}) {thing}\b", text))
        if len(colours) > 1:
            problems.append(f"the {thing} is {' and '.join(sorted(colours))}")
    return problems + [
        f'nothing here can be meant by "{use}"' for use, fits in _uses() if use in text and not fits & here
    ]


@cache
def _colours() -> list[str]:
    return sorted({slots["colour"] for slots in storyteller().colours[""]})
