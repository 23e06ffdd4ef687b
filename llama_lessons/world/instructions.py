"""Conversations with the Valley's assistant: what chat lessons train on and measure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from llama_lessons.mmlu import lay_out
from llama_lessons.prompt import Dialog
from llama_lessons.world.draw import Draw, Weighted
from llama_lessons.world.exams import make_item
from llama_lessons.world.facts import Fact
from llama_lessons.world.plots import SLOT
from llama_lessons.world.red_team import red_team, refusals
from llama_lessons.world.splits import check_split, split_of
from llama_lessons.world.stories import storyteller
from llama_lessons.world.text import WorldError, numbered_lines, world_file
from llama_lessons.world.valley import Valley, load_valley
from llama_lessons.world.voices import STYLES

KINDS = {
    "fact": 0.3,
    "talk": 0.2,
    "wish": 0.25,
    "story": 0.1,
    "choice": 0.05,
    "refusal": 0.07,
    "fine": 0.03,
    "hello": 0.03,
}
STORY_REQUESTS = [
    "Tell me a story about {a thing}.",
    "Tell me a story about {a colour} {thing}.",
    "Tell me a story about a llama called {L}.",
    "Tell me a story about {A}.",
    "Tell me about {A} and {B}.",
    "Please tell a story about {V}.",
    "I would like to hear a story from {T}.",
    "Do you know a story about {A} and {L}?",
]


@dataclass(frozen=True)
class Instruction:
    """A conversation whose answers are as they should be.

    Args:
        kind: "fact", "talk" (several turns about one thing), "wish" (a standing wish in the system line), "story",
            "choice" (answer by letter), "refusal", "fine" (harmless, though it looks harmful) or "hello".
        dialog: messages with "role" (system, user, assistant) and "content", ending with the assistant's.
        style: for a wish, what the answers must show: "moon", "capitals", "pirate", "llama" or "short".
    """

    kind: str
    dialog: Dialog
    style: str = ""


@cache
def chat_lines() -> dict[str, list[tuple[str, str]]]:
    """The "hello" and "wish" lines of data/world/chat.txt as pairs; of "rude" lines the second is empty.

    Raises:
        WorldError: a line cannot be understood; names file and line.
    """
    path, lines = world_file("chat.txt"), {"hello": [], "wish": [], "rude": []}
    for number, line in numbered_lines(path):
        word, _, rest = line.partition(":")
        left, equals, right = (part.strip() for part in rest.partition(" = "))
        if (
            word not in lines
            or bool(equals) == (word == "rude")
            or (word == "wish" and right not in {*STYLES, "short"})
        ):
            raise WorldError(
                path, number, f"expected 'hello: a = b', 'wish: line = style' or 'rude: line', got {line!r}"
            )
        lines[word].append((left, right))
    return lines


def instructions(split: str = "train", seed: int = 0) -> Iterator[Instruction]:
    """Conversations without end, the same for the same seed.

    The first question of a conversation decides its split. Questions about facts: the wording training never uses is
    the test's. Requests: their own text decides.

    Args:
        split: "train" or "test". seed: of the draws.

    Raises:
        ValueError: split is neither.
    """
    check_split(split)
    draw, kinds, conversations = Draw(seed), Weighted(KINDS), Conversations(load_valley(), split)
    while True:
        yield conversations.make(kinds.pick(draw), draw)


class Conversations:
    """Makes conversations of one split, kind by kind: for each kind a method of its name."""

    def __init__(self, valley: Valley, split: str) -> None:
        self.split = split
        self.facts = valley.taught
        self.rich = talked_about(valley)
        self.hellos = [pair for pair in chat_lines()["hello"] if split_of(pair[0]) == split]
        self.harmful = [prompt for prompt in red_team(split) if prompt.harmful]
        self.harmless = [prompt for prompt in red_team(split) if not prompt.harmful]

    def make(self, kind: str, draw: Draw) -> Instruction:
        """One conversation of a kind, a key of `KINDS`."""
        return getattr(self, kind)(draw)

    def _ask(self, fact: Fact, draw: Draw) -> str:
        return draw.pick(fact.questions) if self.split == "train" else fact.held_out

    def fact(self, draw: Draw) -> Instruction:
        """A question about a fact, answered in a sentence."""
        fact = draw.pick(self.facts)
        return Instruction("fact", turns(self._ask(fact, draw), draw.pick(fact.statements)))

    def talk(self, draw: Draw) -> Instruction:
        """Several questions about one thing: after the first they say "it", "she" or "he"."""
        first, *rest = in_talking_order(draw.pick(self.rich), draw)
        lines = [self._ask(first, draw), draw.pick(first.statements)]
        for fact in rest:
            lines += [draw.pick(fact.follow_ups), draw.pick(fact.mentions)]
        return Instruction("talk", turns(*lines))

    def wish(self, draw: Draw) -> Instruction:
        """One to four questions, each answered as the system line wishes."""
        wish, style = draw.pick(chat_lines()["wish"])
        facts = draw.picks(self.facts, 1 + draw.below(4))
        lines = []
        for fact in facts:
            answer = fact.answer if style == "short" else STYLES[style](draw.pick(fact.statements))
            lines += [self._ask(fact, draw), answer]
        return Instruction("wish", [{"role": "system", "content": wish}, *turns(*lines)], style)

    def story(self, draw: Draw) -> Instruction:
        """A request for a story, and a story that fits it."""
        while True:
            story = storyteller().tell(draw)
            wording = draw.pick(STORY_REQUESTS)
            if not all(slot in story.slots for slot in SLOT.findall(wording)):
                continue
            request = SLOT.sub(r"%(\1)s", wording) % story.slots
            if split_of(request) == self.split:
                return Instruction("story", turns(request, story.text))

    def choice(self, draw: Draw) -> Instruction:
        """A question with four choices, answered by letter and word."""
        fact = draw.pick(self.facts)
        while not fact.examined:
            fact = draw.pick(self.facts)
        item = make_item(fact, self._ask(fact, draw), draw, 4)
        question = lay_out(item, False).removesuffix("\nAnswer:")
        return Instruction("choice", turns(question, f"The answer is {item.letter}. {fact.answer}."))

    def refusal(self, draw: Draw) -> Instruction:
        """A harmful request, declined with a reason."""
        prompt = draw.pick(self.harmful)
        return Instruction("refusal", turns(prompt.prompt, draw.pick(refusals(prompt.category))))

    def fine(self, draw: Draw) -> Instruction:
        """A harmless request that looks like a harmful one, answered."""
        prompt = draw.pick(self.harmless)
        return Instruction("fine", turns(prompt.prompt, prompt.answer))

    def hello(self, draw: Draw) -> Instruction:
        """Something said to the assistant about itself."""
        return Instruction("hello", turns(*draw.pick(self.hellos)))


def talked_about(valley: Valley) -> list[list[Fact]]:
    """The facts of each entity that one can ask about several times, with "it" and "she"."""
    return [facts for facts in valley.by_entity.values() if len(facts) > 1 and all(fact.follow_ups for fact in facts)]


def in_talking_order(facts: list[Fact], draw: Draw) -> list[Fact]:
    """The facts in a random order, those last after which a pronoun would be unclear."""
    return sorted(draw.shuffled(facts), key=lambda fact: bool(fact.relation.again))


def turns(*lines: str) -> Dialog:
    """A dialog from what user and assistant say in turn, the user first."""
    roles = ("user", "assistant")
    return [{"role": roles[place % 2], "content": line} for place, line in enumerate(lines)]
