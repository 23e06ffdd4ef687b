"""The whole Valley in memory: read once from data/world, then shared by everything that writes about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

from llama_lessons.world.consistency import troubles_between_files
from llama_lessons.world.facts import Fact, Relation, read_facts
from llama_lessons.world.names import Names, read_names
from llama_lessons.world.sums import sums
from llama_lessons.world.text import world_file


@dataclass(frozen=True, eq=False)
class Valley:
    """Names, relations and facts.

    Args:
        names: everybody who has one.
        relations: every kind of fact, sums included, in the order of the files.
        facts: every fact, sums included, in the order of the files.
    """

    names: Names
    relations: list[Relation]
    facts: list[Fact]

    @cached_property
    def taught(self) -> list[Fact]:
        """The facts that training may meet: all but the withheld sums."""
        return [fact for fact in self.facts if not fact.withheld]

    @cached_property
    def by_subject(self) -> dict[str, list[Fact]]:
        """Subject -> its taught facts."""
        return {
            subject: [fact for fact in self.taught if fact.subject == subject]
            for subject in dict.fromkeys(fact.subject for fact in self.taught)
        }

    @cached_property
    def by_entity(self) -> dict[tuple[str, str], list[Fact]]:
        """(subject, entity) -> the taught facts about it."""
        entities: dict[tuple[str, str], list[Fact]] = {}
        for fact in self.taught:
            entities.setdefault((fact.subject, fact.entity), []).append(fact)
        return entities

    def answers(self, subject: str, relation: str) -> dict[str, str]:
        """Entity -> answer for one relation, in the order of the file.

        Raises:
            ValueError: there is no such relation: a file was edited, and stories need it.
        """
        pairs = {
            fact.entity: fact.answer
            for fact in self.facts
            if fact.subject == subject and fact.relation.name == relation
        }
        if not pairs:
            raise ValueError(f"data/world/facts has no relation [{relation}] in the subject {subject!r}")
        return pairs


@cache
def load_valley() -> Valley:
    """Read data/world once; later calls return the same object.

    Raises:
        WorldError: a file was edited in a way that cannot be understood; names file and line.
        ValueError: two files do not fit together; says what is missing where.
    """
    names = read_names(world_file("names.txt"))
    relations, facts = [], []
    for path in sorted(world_file("facts").glob("*.txt")):
        more_relations, more_facts = read_facts(path, names.pronouns)
        relations += more_relations
        facts += more_facts
    (plus,), _ = read_facts(world_file("sums.txt"), names.pronouns)
    valley = Valley(names, [*relations, plus], facts + sums(plus))
    for trouble in troubles_between_files(valley.names, valley.facts):
        raise ValueError(f"data/world does not fit together: {trouble}")
    return valley
