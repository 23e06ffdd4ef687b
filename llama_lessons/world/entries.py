"""Entries of the Valley's encyclopaedia: what is known about one thing, or a page of facts of one subject."""

from __future__ import annotations

from llama_lessons.world.draw import Draw
from llama_lessons.world.facts import Fact
from llama_lessons.world.questions import Writer
from llama_lessons.world.valley import Valley


def entry_writer(valley: Valley) -> Writer:
    """Writes one to three entries about things with several facts, or a page of facts that stand alone."""
    rich = [facts for facts in valley.by_entity.values() if len(facts) > 1]

    def write(draw: Draw) -> str:
        if draw.random() < 0.4:
            subject = draw.pick(valley.taught).subject  # a subject with more facts gets more pages
            page = draw.picks(valley.by_subject[subject], 4 + draw.below(6))
            return " ".join([draw.pick(fact.statements) for fact in page])
        return "\n\n".join([entry(facts, draw) for facts in draw.picks(rich, 1 + draw.below(3))])

    return write


def entry(facts: list[Fact], draw: Draw) -> str:
    """One entry: the first sentence names the entity, the others mostly use a pronoun.

    Args:
        facts: facts about one entity; all are told.
        draw: where the picks come from.
    """
    sentences: list[str] = []
    before = None
    for fact in draw.shuffled(facts):
        by_pronoun = before and not before.relation.again and fact.mentions and draw.random() < 0.75
        sentences.append(draw.pick(fact.mentions if by_pronoun else fact.statements))
        before = fact
    return " ".join(sentences)
