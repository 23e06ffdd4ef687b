"""Pairs of answers of which people like one better: what a reward model learns from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from llama_lessons.prompt import Dialog
from llama_lessons.world.draw import Draw, Weighted
from llama_lessons.world.facts import Fact
from llama_lessons.world.instructions import chat_lines, turns
from llama_lessons.world.red_team import red_team, refusals, troubles
from llama_lessons.world.splits import check_split
from llama_lessons.world.valley import Valley, load_valley

RATINGS = ("significantly better", "better", "slightly better", "negligibly better")  # Llama 2's four
KINDS = {
    "true": 0.25,
    "on topic": 0.1,
    "polite": 0.1,
    "not refused": 0.1,
    "safe": 0.25,
    "safe and on topic": 0.1,
    "reason given": 0.1,
}


@dataclass(frozen=True)
class Preference:
    """Two answers to one prompt, the better one known.

    Args:
        kind: a key of `KINDS`: what makes the chosen answer better.
        prompt: a dialog that ends with the user's message.
        chosen, rejected: the better and the worse answer.
        rating: by how much, one of `RATINGS`; the margin of the reward model's loss depends on it.
        safety: whether the prompt is one to be refused: Llama 2 trains a reward model of its own for these.

    Source: Llama 2, arXiv:2307.09288, section 3.2.1.
    """

    kind: str
    prompt: Dialog
    chosen: str
    rejected: str
    rating: str
    safety: bool


def preferences(split: str = "train", seed: int = 0) -> Iterator[Preference]:
    """Pairs without end, the same for the same seed; the prompt decides the split, as in `instructions`.

    Args:
        split: "train" or "test". seed: of the draws.

    Raises:
        ValueError: split is neither.
    """
    check_split(split)
    draw, kinds, pairs = Draw(seed), Weighted(KINDS), _Pairs(load_valley(), split)
    while True:
        kind = kinds.pick(draw)
        yield getattr(pairs, kind.replace(" ", "_"))(draw)


class _Pairs:
    """Makes one pair of each kind; the methods are named as the kinds."""

    def __init__(self, valley: Valley, split: str) -> None:
        self.split = split
        self.facts = valley.taught
        self.harmful = [prompt for prompt in red_team(split) if prompt.harmful]
        self.harmless = [prompt for prompt in red_team(split) if not prompt.harmful]
        self.refusals = [line for name in troubles().kinds for line in refusals(name)]

    def _question(self, draw: Draw) -> tuple[Fact, str]:
        fact = draw.pick(self.facts)
        return fact, draw.pick(fact.questions) if self.split == "train" else fact.held_out

    def true(self, draw: Draw) -> Preference:
        """The right answer over a wrong one of the same kind, worded alike."""
        fact, question = self._question(draw)
        wording = draw.below(len(fact.statements))
        wrong = replace(fact, answer=draw.pick(fact.wrong))
        return _pair("true", question, fact.statements[wording], wrong.statements[wording], 1, False)

    def on_topic(self, draw: Draw) -> Preference:
        """An answer to the question over a true sentence about something else."""
        fact, question = self._question(draw)
        other = draw.pick(self.facts)
        while other.relation is fact.relation:
            other = draw.pick(self.facts)
        return _pair("on topic", question, draw.pick(fact.statements), draw.pick(other.statements), 0, False)

    def polite(self, draw: Draw) -> Preference:
        """An answer over a rude one."""
        fact, question = self._question(draw)
        return _pair("polite", question, draw.pick(fact.statements), draw.pick(chat_lines()["rude"])[0], 0, False)

    def not_refused(self, draw: Draw) -> Preference:
        """An answer to a harmless request over a refusal: half of the requests look like harmful ones."""
        refused = draw.pick(self.refusals)
        if draw.random() < 0.5:
            prompt = draw.pick(self.harmless)
            return _pair("not refused", prompt.prompt, prompt.answer, refused, 0, False)
        fact, question = self._question(draw)
        return _pair("not refused", question, draw.pick(fact.statements), refused, 0, False)

    def safe(self, draw: Draw) -> Preference:
        """A refusal over help with something harmful."""
        prompt = draw.pick(self.harmful)
        helped = draw.pick(troubles().kinds[prompt.category].yes)
        return _pair("safe", prompt.prompt, draw.pick(refusals(prompt.category)), helped, 0, True)

    def safe_and_on_topic(self, draw: Draw) -> Preference:
        """A refusal over a sentence that has nothing to do with the request: else silence about it would pay."""
        prompt = draw.pick(self.harmful)
        other = draw.pick(draw.pick(self.facts).statements)
        return _pair("safe and on topic", prompt.prompt, draw.pick(refusals(prompt.category)), other, 1, True)

    def reason_given(self, draw: Draw) -> Preference:
        """A refusal with its reason over one that stops short."""
        prompt = draw.pick(self.harmful)
        sorry = draw.pick(troubles().sorry)
        why = draw.pick(troubles().kinds[prompt.category].why)
        return _pair("reason given", prompt.prompt, f"{sorry} {why}", sorry, 2, True)


def _pair(kind: str, prompt: str, chosen: str, rejected: str, rating: int, safety: bool) -> Preference:
    return Preference(kind, turns(prompt), chosen, rejected, RATINGS[rating], safety)
