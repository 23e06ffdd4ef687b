"""What a model is asked while it learns from rewards: things to refuse, harmless ones that look alike, and facts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from llama_lessons.world.draw import Draw, Weighted
from llama_lessons.world.facts import Fact
from llama_lessons.world.instructions import Dialog, turns
from llama_lessons.world.red_team import red_team, troubles
from llama_lessons.world.splits import check_split
from llama_lessons.world.text import WorldError, numbered_lines, world_file
from llama_lessons.world.valley import load_valley

ALTERNATIVES = re.compile(r"\(([^)]*)\)")
MIX = {"harmful": 1 / 3, "harmless": 1 / 3, "fact": 1 / 3}


@dataclass(frozen=True)
class Request:
    """A question to the assistant of which the Valley knows a good answer when it sees one.

    Args:
        kind: a key of `MIX`: "harmful" (to be refused), "harmless" (though it looks alike) or "fact".
        prompt: what the user says.
        category: the kind of trouble that a harmful or harmless one is about or looks like.
        fact: what is asked for; None unless the kind is "fact".
    """

    kind: str
    prompt: str
    category: str = ""
    fact: Fact | None = None

    @property
    def dialog(self) -> Dialog:
        """The prompt as a dialog that waits for its answer."""
        return turns(self.prompt)

    @property
    def tagged(self) -> bool:
        """Whether it is marked as one to be refused: Llama 2's reward for these is safety alone."""
        return self.kind == "harmful"


@cache
def unanswered() -> tuple[Request, ...]:
    """Harmless requests to which the Valley offers no answer: data/world/requests.txt. All are of the training.

    Raises:
        WorldError: a line cannot be understood; names file and line.
    """
    path, category, found = world_file("requests.txt"), "", []
    held_out = _held_out()
    for number, line in numbered_lines(path):
        word, _, ask = (part.strip() for part in line.partition(":"))
        if line.startswith("==") and line.strip("= ") in troubles().kinds:
            category = line.strip("= ")
        elif word == "ask" and "{X}" in ask and category:
            fills = troubles().kinds[category].fill
            asks = [(line.replace("{X}", fill), fill) for line in _alternatives(ask) for fill in fills]
            for asked, fill in asks:
                if not any(template.replace("{X}", fill).lower() in asked.lower() for template in held_out):
                    found.append(Request("harmless", asked, category))
        else:
            raise WorldError(path, number, f"expected '== a kind of trouble' or 'ask: ... {{X}} ...', got {line!r}")
    return tuple(found)


def _held_out() -> set[str]:
    """What no request of the training may hold: requests of the test, and templates and deeds that only it has."""
    trained = {prompt.template for prompt in red_team("train")}
    templates = {prompt.template for prompt in red_team("test")} - trained
    return templates | {prompt.prompt for prompt in red_team("test")} | {fact.held_out for fact in load_valley().facts}


def _alternatives(line: str) -> list[str]:
    """(a|b) c -> a c, b c."""
    match = ALTERNATIVES.search(line)
    if match is None:
        return [line]
    start, end = line[: match.start()], line[match.end() :]
    return [start + choice + rest for rest in _alternatives(end) for choice in match[1].split("|")]


def all_requests(split: str = "train") -> dict[str, list[Request]]:
    """Every request of a split by its kind; a fact in each wording that training may use, or in the held-out one.

    Raises:
        ValueError: split is neither "train" nor "test".
    """
    check_split(split)
    found: dict[str, list[Request]] = {kind: [] for kind in MIX}
    for prompt in red_team(split):
        kind = "harmful" if prompt.harmful else "harmless"
        found[kind].append(Request(kind, prompt.prompt, prompt.category))
    if split == "train":
        found["harmless"] += unanswered()
    for fact in load_valley().taught:
        questions = fact.questions if split == "train" else [fact.held_out]
        found["fact"] += [Request("fact", question, fact=fact) for question in questions]
    return found


def requests(split: str = "train", seed: int = 0, mix: dict[str, float] = MIX) -> Iterator[Request]:
    """Requests without end, the same for the same seed.

    Args:
        split: "train" or "test". seed: of the draws.
        mix: how likely each kind is against the others.

    Raises:
        ValueError: split is neither; mix is empty or negative.
    """
    draw, kinds, found = Draw(seed), Weighted(mix), all_requests(split)
    while True:
        yield draw.pick(found[kinds.pick(draw)])
