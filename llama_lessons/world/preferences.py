"""Pairs of answers of which people like one better: what a reward model learns from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from llama_lessons.paper import RATINGS
from llama_lessons.prompt import Dialog
from llama_lessons.world.draw import Draw, Weighted
from llama_lessons.world.facts import Fact
from llama_lessons.world.instructions import chat_lines, turns
from llama_lessons.world.red_team import RedTeamPrompt, red_team, refusals, troubles
from llama_lessons.world.splits import check_split, share
from llama_lessons.world.valley import Valley, load_valley

KINDS = {  # what is longer is right half of the time: by its length nobody can tell which answer is better
    "true": 0.2,
    "on topic": 0.05,
    "polite": 0.05,
    "not refused": 0.15,
    "whole sentence": 0.07,
    "safe": 0.16,
    "safe and on topic": 0.08,
    "reason given": 0.05,
    "said once": 0.05,
    "reason fits": 0.14,
}

WIDE = ("Somebody could get hurt.", "That is too dangerous.", "Somebody would be very sad.")  # they fit anything


@dataclass(frozen=True)
class Preference:
    """Two answers to one prompt, the better one known.

    Args:
        kind: a key of `KINDS`: what makes the chosen answer better.
        prompt: a dialog that ends with the user's message.
        chosen, rejected: the better and the worse answer.
        rating: by how much, one of `paper.RATINGS`; the margin of the reward model's loss depends on it.
        safety: whether the prompt is one to be refused: Llama 2 trains a reward model of its own for these.
        harm: whether the rejected answer helps with something harmful; the chosen one never does.

    Source: Llama 2, arXiv:2307.09288, section 3.2.1.
    """

    kind: str
    prompt: Dialog
    chosen: str
    rejected: str
    rating: str
    safety: bool
    harm: bool = False


def in_no_pair(fact: Fact) -> bool:
    """Whether no training pair is about a fact; one in five is such a one."""
    return share(f"pair {fact.key}") < 1 / 5


def preferences(
    split: str = "train", seed: int = 0, kinds: dict[str, float] = KINDS, fresh: bool | None = None
) -> Iterator[Preference]:
    """Pairs without end, the same for the same seed; the prompt decides the split, as in `instructions`.

    Args:
        split: "train" or "test". seed: of the draws.
        kinds: how likely each kind is against the others.
        fresh: of the test, only pairs about facts that are in no training pair (True), only about others, or all.

    Raises:
        ValueError: split is neither, a kind is unknown, or fresh pairs are asked of the training's.
    """
    check_split(split)
    if not kinds.keys() <= KINDS.keys():
        raise ValueError(f"kinds must be among {', '.join(KINDS)}, got {', '.join(kinds)}")
    if split == "train" and fresh:
        raise ValueError('fresh must be None or False where split is "train": such facts are in none of its pairs')
    draw, weighted = Draw(seed), Weighted(kinds)
    pairs = _Pairs(load_valley(), split, False if split == "train" else fresh)
    while True:
        yield getattr(pairs, weighted.pick(draw).replace(" ", "_"))(draw)


class _Pairs:
    """Makes one pair of each kind; the methods are named as the kinds."""

    def __init__(self, valley: Valley, split: str, fresh: bool | None) -> None:
        self.split = split
        self.facts = [fact for fact in valley.taught if fresh in (None, in_no_pair(fact))]
        self.more = {  # fact -> what else can be said of the same thing, with a pronoun
            fact: [line for other in same if other is not fact for line in other.mentions]
            for same in valley.by_entity.values()
            for fact in same
        }
        self.harmful = [prompt for prompt in red_team(split) if prompt.harmful]
        self.harmless = [prompt for prompt in red_team(split) if not prompt.harmful]

    def _question(self, draw: Draw) -> tuple[Fact, str]:
        fact = draw.pick(self.facts)
        return fact, draw.pick(fact.questions) if self.split == "train" else fact.held_out

    def _said(self, fact: Fact, draw: Draw) -> str:
        """An answer of one sentence, or of two where there is more to say."""
        said = draw.pick(fact.statements)
        return f"{said} {draw.pick(self.more[fact])}" if self.more[fact] and draw.random() < 0.5 else said

    def _elsewhere(self, fact: Fact, draw: Draw) -> Fact:
        """A fact of another kind."""
        while (other := draw.pick(self.facts)).relation is fact.relation:
            pass
        return other

    def _declined(self, category: str, draw: Draw) -> str:
        """A refusal, sometimes without its reason."""
        return draw.pick(refusals(category)) if draw.random() < 0.7 else draw.pick(troubles().sorry)

    def true(self, draw: Draw) -> Preference:
        """The right answer over a wrong one of the same kind, worded alike."""
        fact, question = self._question(draw)
        wording = draw.below(len(fact.statements))
        wrong = replace(fact, answer=draw.pick(fact.wrong))
        return _pair("true", question, fact.statements[wording], wrong.statements[wording], 1)

    def on_topic(self, draw: Draw) -> Preference:
        """An answer to the question over true sentences about something else."""
        fact, question = self._question(draw)
        return _pair("on topic", question, self._said(fact, draw), self._said(self._elsewhere(fact, draw), draw), 0)

    def polite(self, draw: Draw) -> Preference:
        """An answer over a rude one."""
        fact, question = self._question(draw)
        return _pair("polite", question, self._said(fact, draw), draw.pick(chat_lines()["rude"])[0], 0)

    def not_refused(self, draw: Draw) -> Preference:
        """An answer to a harmless request over a refusal: most of the requests look like harmful ones."""
        refused = self._declined(draw.pick(list(troubles().kinds)), draw)
        if draw.random() < 0.7:
            prompt = draw.pick(self.harmless)
            return _pair("not refused", prompt.prompt, prompt.answer, refused, 0)
        fact, question = self._question(draw)
        return _pair("not refused", question, self._said(fact, draw), refused, 0)

    def whole_sentence(self, draw: Draw) -> Preference:
        """An answer in a sentence over the bare word."""
        fact, question = self._question(draw)
        return _pair("whole sentence", question, draw.pick(fact.statements), fact.answer, 3)

    def safe(self, draw: Draw) -> Preference:
        """A refusal over help with something harmful, which may be long."""
        prompt = draw.pick(self.harmful)
        helped = " ".join(draw.picks(troubles().kinds[prompt.category].yes, 1 + (draw.random() < 0.4)))
        return _pair("safe", prompt.prompt, self._declined(prompt.category, draw), helped, 0, prompt)

    def safe_and_on_topic(self, draw: Draw) -> Preference:
        """A refusal over what has nothing to do with the request, or answers as if it were harmless."""
        prompt = draw.pick(self.harmful)
        other = " ".join(draw.pick(fact.statements) for fact in draw.picks(self.facts, 1 + draw.below(3)))
        if draw.random() < 0.5:
            other = draw.pick(self.harmless).answer
        return _pair("safe and on topic", prompt.prompt, self._declined(prompt.category, draw), other, 1, prompt)

    def reason_given(self, draw: Draw) -> Preference:
        """A refusal with its reason over one that stops short."""
        prompt = draw.pick(self.harmful)
        sorry = draw.pick(troubles().sorry)
        why = draw.pick(troubles().kinds[prompt.category].why)
        return _pair("reason given", prompt.prompt, f"{sorry} {why}", sorry, 2, prompt)

    def said_once(self, draw: Draw) -> Preference:
        """A refusal with its reason over the same one that goes on and refuses again."""
        prompt = draw.pick(self.harmful)
        refusal = draw.pick(refusals(prompt.category))
        again = f"{refusal} {self._declined(prompt.category, draw)}"
        return _pair("said once", prompt.prompt, refusal, again, 2, prompt)

    def reason_fits(self, draw: Draw) -> Preference:
        """A refusal whose reason belongs to the request over one with the reason of another kind of trouble."""
        prompt = draw.pick(self.harmful)
        sorry, own = draw.pick(troubles().sorry), troubles().kinds[prompt.category].why
        others = [why for trouble in troubles().kinds.values() for why in trouble.why if why not in (*own, *WIDE)]
        return _pair(
            "reason fits", prompt.prompt, f"{sorry} {draw.pick(own)}", f"{sorry} {draw.pick(others)}", 1, prompt
        )


def _pair(
    kind: str, prompt: str, chosen: str, rejected: str, rating: int, harmful: RedTeamPrompt | None = None
) -> Preference:
    return Preference(kind, turns(prompt), chosen, rejected, RATINGS[rating], harmful is not None, kind == "safe")
