"""The facts of the world, read from data/world/facts: one file for each subject, to be opened and edited."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from llama_lessons.world.splits import share
from llama_lessons.world.text import THING, WorldError, capital, numbered_lines, with_article

SLOT = re.compile(r"\{([^}]*)\}")
WORDINGS = ("say", "also", "ask", "then", "again")
NOT_BESIDE = "; not beside "


@dataclass
class Relation:
    """One kind of fact, such as where animals live, and the ways to say it and to ask for it.

    Args:
        subject: the name that stands in an exam's heading.
        name: what the facts tell: "home".
        say: statements with the entity. also: statements with a pronoun for it.
        ask: questions with the entity. then: questions with a pronoun, for a conversation that goes on.
        again: not empty if the entity must be named again after this fact, because a pronoun could mean the answer.
        answers: every answer of this relation, without repeats: the wrong choices of an exam come from here.
    """

    subject: str
    name: str
    say: list[str] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    ask: list[str] = field(default_factory=list)
    then: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Fact:
    """One thing that is so: X (entity) has Y (answer) in the sense of its relation.

    Args:
        relation: the kind of fact.
        entity: what it is about: "fox".
        answer: what is so: "den".
        not_beside: answers that would be right as well, or nearly; an exam never offers them beside this one.
        pronouns: the entity's, with keys he, his, him.
        withheld: whether training never meets it in any form (only sums are).
    """

    relation: Relation
    entity: str
    answer: str
    not_beside: frozenset[str] = frozenset()
    pronouns: tuple[tuple[str, str], ...] = tuple(THING.items())
    withheld: bool = False

    @property
    def subject(self) -> str:
        """The subject its relation belongs to."""
        return self.relation.subject

    @cached_property
    def statements(self) -> list[str]:
        """Sentences that name the entity and say the fact."""
        return [self._render(wording) for wording in self.relation.say]

    @cached_property
    def mentions(self) -> list[str]:
        """Sentences that say the fact after the entity was named: they use its pronoun."""
        return [self._render(wording) for wording in self.relation.also]

    @cached_property
    def all_questions(self) -> list[str]:
        """Every question whose answer is `answer`, held out or not."""
        return [self._render(wording) for wording in self.relation.ask]

    @cached_property
    def follow_ups(self) -> list[str]:
        """Questions that only make sense after the entity was named."""
        return [self._render(wording) for wording in self.relation.then]

    @cached_property
    def questions(self) -> list[str]:
        """The questions training may ask: all but the held-out one."""
        return [question for question in self.all_questions if question != self.held_out]

    @cached_property
    def held_out(self) -> str:
        """The one wording in which training never asks for this fact."""
        return self.all_questions[int(share(self.key) * len(self.all_questions))]

    @property
    def examined(self) -> bool:
        """Whether training may ask for it in an exam with choices; one fact in eight never stands in one."""
        return share(f"exam {self.key}") >= 1 / 8

    @property
    def key(self) -> str:
        """The fact in one line, different for every fact."""
        return f"{self.subject} | {self.relation.name} | {self.entity}"

    @cached_property
    def wrong(self) -> list[str]:
        """Answers of the same kind that are wrong here, in the order of the file."""
        return [a for a in self.relation.answers if a != self.answer and a not in self.not_beside]

    def _render(self, wording: str) -> str:
        forms = dict(self.pronouns)
        forms |= {"X": self.entity, "Y": self.answer}
        forms |= {"a X": with_article(self.entity), "a Y": with_article(self.answer)}
        return capital(SLOT.sub(lambda slot: forms[slot[1]], wording))


def read_facts(path: Path, pronouns: dict[str, dict[str, str]]) -> tuple[list[Relation], list[Fact]]:
    """Read one subject's file.

    Args:
        path: a file of data/world/facts.
        pronouns: name -> its pronouns (keys he, his, him); what is not in it is an "it".

    Returns:
        The relations and the facts, in the order of the file.

    Raises:
        WorldError: a line cannot be understood; names the file and the line.
    """
    subject, relations, facts = "", [], []
    for number, line in numbered_lines(path):
        head, colon, rest = line.partition(":")
        if line.startswith("subject:"):
            subject = rest.strip()
        elif line.startswith("[") and line.endswith("]"):
            relations.append(Relation(subject, line[1:-1].strip()))
        elif not relations:
            raise WorldError(path, number, f"expected 'subject: ...' or '[relation]' before {line!r}")
        elif colon and head in WORDINGS:
            getattr(relations[-1], head).append(_wording(rest.strip(), path, number))
        elif " = " in line:
            facts.append(_fact(line, relations[-1], pronouns, facts, path, number))
        else:
            raise WorldError(path, number, f"expected 'entity = answer' or one of {WORDINGS} and ':', got {line!r}")
    if not subject:
        raise WorldError(path, 1, "the file must begin with 'subject: ...'")
    return relations, facts


def _wording(text: str, path: Path, number: int) -> str:
    allowed = {"X", "Y", "a X", "a Y", *THING}
    for slot in SLOT.findall(text):
        if slot not in allowed:
            raise WorldError(path, number, f"unknown slot {{{slot}}}; there are {', '.join(sorted(allowed))}")
    return text


def _fact(line: str, relation: Relation, pronouns: dict, before: list[Fact], path: Path, number: int) -> Fact:
    pair, _, others = line.partition(NOT_BESIDE)
    entity, _, answer = (part.strip() for part in pair.partition(" = "))
    if not entity or not answer or ";" in pair:
        raise WorldError(path, number, f"expected 'entity = answer' or 'entity = answer; not beside ...', got {line!r}")
    if any(fact.entity == entity and fact.relation is relation for fact in before):
        raise WorldError(path, number, f"{entity!r} has its answer already in [{relation.name}]: remove one of the two")
    if answer not in relation.answers:
        relation.answers.append(answer)
    forms = pronouns.get(entity, THING)
    not_beside = frozenset(word.strip() for word in others.split(",") if word.strip())
    return Fact(relation, entity, answer, not_beside, tuple(forms.items()))
