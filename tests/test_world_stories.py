import re
from functools import cache

import pytest

from llama_lessons.world import check_story, load_valley
from llama_lessons.world.checker import PRONOUNS, thing_words
from llama_lessons.world.draw import Draw
from llama_lessons.world.stories import storyteller

SWAPPED = {
    "he": "she",
    "she": "he",
    "him": "her",
    "himself": "herself",
    "herself": "himself",
    "his": "her",
    "her": "his",
}


@cache
def stories(count: int = 600) -> list[str]:
    draw = Draw(30)
    return [storyteller().tell(draw).text for _ in range(count)]


def swap(text: str, draw: Draw, words: set[str], others: list[str]) -> str | None:
    """The text with one of the words, drawn at random, replaced by another; None where there is none to replace."""
    places = [place for place in re.finditer("[A-Za-z]+", text) if place[0] in words]
    if not places:
        return None
    place = draw.pick(places)
    other = draw.pick([word for word in others if word != place[0]])
    return text[: place.start()] + other + text[place.end() :]


def stranger(text: str, draw: Draw) -> str | None:
    names = load_valley().names.kinds
    return swap(text, draw, set(names), list(names))


def companion(text: str, draw: Draw) -> str | None:
    """The hardest case: a name replaced by another one of the same story."""
    here = [name for name in load_valley().names.kinds if re.search(rf"\b{name}\b", text)]
    return swap(text, draw, set(here), here) if len(here) > 1 else None


def thing(text: str, draw: Draw) -> str | None:
    return swap(text, draw, set(thing_words()), thing_words())


def pronoun(text: str, draw: Draw) -> str | None:
    told = re.sub('"[^"]*"', lambda speech: " " * len(speech[0]), text)
    places = [place for place in re.finditer("[A-Za-z]+", told) if place[0].lower() in PRONOUNS]
    if not places:
        return None
    place = draw.pick(places)
    other = SWAPPED[place[0].lower()]
    other = other.capitalize() if place[0][0].isupper() else other
    return text[: place.start()] + other + text[place.end() :]


def test_generated_stories_hold_together():
    problems = [problem for text in stories() for problem in check_story(text)]
    assert problems == []


@pytest.mark.parametrize("change", [stranger, companion, thing, pronoun])
def test_a_story_with_one_word_swapped_is_rejected(change):
    draw = Draw(31)
    changed = [text for text in (change(text, draw) for text in stories()) if text]
    assert len(changed) > 400
    rejected = sum(bool(check_story(text)) for text in changed)
    assert rejected / len(changed) >= 0.97


GOOD = (
    "Once upon a time, a kind girl called Mia lived in Harrow, by the gorge. She had a red kite. "
    'A boy called Gregor came by. "May I fly it too?" asked Gregor. "Yes, please," said Mia. '
    "Gregor took the kite, and he flew it over the meadow. The end."
)
BAD = {
    "nobody was presented": ("said Mia", "said Tara", "Tara is never presented"),
    "a girl becomes a boy": ("girl called Mia", "boy called Mia", "Mia is called a boy"),
    "a pronoun for the wrong one": ("and he flew", "and she flew", '"she" cannot mean Gregor'),
    "a pronoun for nobody": ("Once upon a time", "Then he came", '"he" stands before anybody was named'),
    "a thing from nowhere": ("took the kite", "took the drum", "the drum comes from nowhere"),
    "a thing that is lost": (
        "Gregor took the kite, and he flew",
        "Gregor flew",
        "the kite comes in and is never seen again",
    ),
    "a thing of two colours": ("took the kite", "took the blue kite", "the kite is blue and red"),
    "the wrong use": ("flew it over the meadow", "played it by the gate", "nothing here can be meant by"),
    "speaking to oneself": ("Yes, please", "Yes, Mia, please", "Mia speaks to Mia"),
    "answering oneself": ("said Mia", "said Gregor", "Gregor answers Gregor"),
    "twice in a sentence": ("and he flew", "and Gregor flew", "Gregor meets Gregor"),
    "against a fact": ("by the gorge", "by the lake", "the land of Harrow is not lake"),
    "a stranger": ("said Mia. ", "said Mia to Zorro. ", "nobody knows who or what Zorro is"),
    "open speech": ("Yes, please,", 'Yes", please,', "a speech is opened and not closed"),
    "cut off": (" The end.", " The", "the story stops in the middle of a sentence"),
}


def test_a_story_in_other_words_with_a_name_of_the_readers_own_is_accepted():
    assert check_story(GOOD) == []


@pytest.mark.parametrize("fault", BAD)
def test_each_kind_of_fault_is_named(fault: str):
    old, new, message = BAD[fault]
    assert old in GOOD
    assert any(re.search(message, problem) for problem in check_story(GOOD.replace(old, new, 1)))


def test_a_sentence_of_a_plot_told_of_somebody_else_is_found():
    text = (
        "Zoe was a careful girl from Fernhill. She had a friend, a boy called Tom. Zoe had a blue drum. "
        '"May I play it too?" asked Tom. "No, it is mine!" said Zoe. Soon Zoe was bored. The drum was still blue.'
    )
    assert check_story(text) == []
    assert check_story(text.replace("Soon Zoe was bored", "Soon Tom was bored")) == [
        "told of the wrong one: Soon Tom was bored."
    ]


def test_every_sentence_of_every_plot_can_come():
    """A step's ways are all drawn sooner or later, so the tests above see all of them."""
    seen = " ".join(stories())
    fixed = [
        max(re.split(r"%\([^)]*\)s", way), key=len).strip()
        for plot in storyteller().plots
        for ways in plot.steps
        for way in ways
    ]
    assert sum(words not in seen for words in fixed) <= 0.02 * len(fixed)
