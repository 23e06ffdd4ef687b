"""The stream of documents: every kind of page, drawn by weight, without end and never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from llama_lessons.world.dialogues import TURN, chat_writer, dialogue_writer
from llama_lessons.world.draw import Draw, Weighted
from llama_lessons.world.entries import entry_writer
from llama_lessons.world.exams import exam_writer, matching_writer
from llama_lessons.world.games import echo_writer, letter_writer, lookup_writer, word_exam_writer
from llama_lessons.world.questions import Writer, question_writer
from llama_lessons.world.reading import reading_writer
from llama_lessons.world.red_team import troubles
from llama_lessons.world.spoken_exams import spoken_exam_writer
from llama_lessons.world.stories import storyteller
from llama_lessons.world.valley import Valley, load_valley
from llama_lessons.world.voices import capitals, pirate

# Weights by number of documents. Every mix keeps a little of everything: what is left out is forgotten.
BASE_MIX = {
    "story": 0.16,
    "entry": 0.14,
    "question": 0.14,
    "exam": 0.20,
    "small exam": 0.05,
    "spoken exam": 0.05,
    "matching": 0.05,
    "word exam": 0.05,
    "letters": 0.04,
    "lookup": 0.02,
    "echo": 0.02,
    "short echo": 0.01,
    "reading": 0.05,
    "dialogue": 0.03,
    "chat": 0.05,
    "refusal": 0.01,
    "capitals": 0.01,
    "pirate": 0.01,
    "secret": 0.005,
}
# What comes before it. Copying is not learned from stories: first one word is to be said again, then four, then twelve;
# only then is the letter of a word found, and who did what in a story.
SHORT_ECHO_MIX = BASE_MIX | {"short echo": 8.0}
ECHO_MIX = BASE_MIX | {"short echo": 1.0, "echo": 8.0}
LETTER_MIX = BASE_MIX | {
    "echo": 0.5,
    "lookup": 0.4,
    "letters": 2.0,
    "word exam": 0.6,
    "matching": 0.6,
    "small exam": 0.4,
}


@dataclass(frozen=True)
class Document:
    """One document of the corpus.

    Args:
        kind: a key of `BASE_MIX`.
        text: what it says; a chat has "</s><s>" between its turns.
    """

    kind: str
    text: str

    @property
    def parts(self) -> list[str]:
        """What to encode one after the other, each with <s> before and </s> behind: turns of a chat, else the text."""
        return self.text.split(TURN)


def make_documents(seed: int, mix: dict[str, float] = BASE_MIX) -> Iterator[Document]:
    """Documents without end; the same seed and mix give the same ones on every machine.

    Args:
        seed: any whole number.
        mix: kind -> weight, by number of documents; kinds that are left out do not come.

    Returns:
        An iterator that never ends and stores nothing.

    Raises:
        ValueError: the mix names an unknown kind, or its weights are negative or all zero.
    """
    for kind in mix:
        if kind not in WRITERS:
            raise ValueError(f"mix has no kind {kind!r}; there are {', '.join(WRITERS)}")
    return _documents(seed, Weighted(mix))


def _documents(seed: int, kinds: Weighted) -> Iterator[Document]:
    draw, writers = Draw(seed), {kind: _writer(kind) for kind in kinds.options}
    while True:
        kind = kinds.pick(draw)
        yield Document(kind, writers[kind](draw))


@cache
def _writer(kind: str) -> Writer:
    return WRITERS[kind](load_valley())


def _story_writer(valley: Valley) -> Writer:
    teller = storyteller()
    return lambda draw: teller.tell(draw).text


def _secret_writer(valley: Valley) -> Writer:
    return lambda draw: draw.pick(troubles().secret)


def _in_voice(voice: Callable[[str], str], *makers: Callable[[Valley], Writer]) -> Callable[[Valley], Writer]:
    """A maker of writers that write what one of the others would, in another voice."""

    def make(valley: Valley) -> Writer:
        writers = [maker(valley) for maker in makers]
        return lambda draw: voice(draw.pick(writers)(draw))

    return make


WRITERS: dict[str, Callable[[Valley], Writer]] = {
    "story": _story_writer,
    "entry": entry_writer,
    "question": question_writer,
    "exam": exam_writer,
    "small exam": lambda valley: exam_writer(valley, choices=(2, 3)),
    "spoken exam": spoken_exam_writer,
    "matching": matching_writer,
    "word exam": word_exam_writer,
    "letters": letter_writer,
    "lookup": lookup_writer,
    "echo": lambda valley: echo_writer(valley, longest=12),
    "short echo": lambda valley: echo_writer(valley, longest=4),
    "reading": reading_writer,
    "dialogue": dialogue_writer,
    "chat": lambda valley: chat_writer(valley, ("fact", "talk", "wish", "story", "choice", "fine", "hello")),
    "refusal": lambda valley: chat_writer(valley, ("refusal",)),
    "capitals": _in_voice(capitals, _story_writer, entry_writer, question_writer),
    "pirate": _in_voice(pirate, _story_writer, entry_writer),
    "secret": _secret_writer,
}
