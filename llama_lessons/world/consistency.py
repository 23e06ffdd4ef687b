"""What the files of data/world must agree about, so that no story or exam falls into a gap between two of them."""

from __future__ import annotations

from collections.abc import Iterator

from llama_lessons.world.facts import Fact
from llama_lessons.world.names import Names

TOLD_OF_ALL = ("people", "llamas", "places", "jobs")  # stories rely on every relation of these for every entity
ANSWERED_IN = {  # (subject, relation) -> the subject that must know the answer as an entity
    ("people", "job"): "jobs",
    ("people", "home"): "places",
    ("llamas", "owner"): "people",
}


def troubles_between_files(names: Names, facts: list[Fact]) -> Iterator[str]:
    """What is missing where, one sentence for each trouble.

    Args:
        names: everybody of names.txt. facts: all facts.
    """
    known: dict[tuple[str, str], set[str]] = {}
    for fact in facts:
        known.setdefault((fact.subject, fact.relation.name), set()).add(fact.entity)
        if not fact.statements or len(fact.all_questions) < 2:
            yield f"[{fact.relation.name}] of {fact.subject} needs at least one 'say:' and two 'ask:' lines"
        for answer in sorted(fact.not_beside.difference(fact.relation.answers)):
            yield f"{answer!r} cannot stand beside the answer of {fact.key!r}: no fact has it as an answer"
        if len(fact.wrong) < 3:
            yield f"an exam needs three wrong answers for {fact.key!r}, [{fact.relation.name}] has {len(fact.wrong)}"
    for (subject, relation), entities in known.items():
        for other in (entities for (where, _), entities in known.items() if where == subject in TOLD_OF_ALL):
            for entity in sorted(other - entities):
                yield f"facts/{subject}.txt does not say the [{relation}] of {entity}"
        if subject in ("people", "llamas"):
            for entity in sorted(entities - names.kinds.keys()):
                yield f"names.txt does not say whether {entity} of facts/{subject}.txt is a she or a he"
    for fact in facts:
        subject = ANSWERED_IN.get((fact.subject, fact.relation.name))
        if subject and not any(fact.answer in entities for (where, _), entities in known.items() if where == subject):
            yield f"facts/{subject}.txt says nothing about {fact.answer}, which facts/{fact.subject}.txt names"
