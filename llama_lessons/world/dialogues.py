"""Conversations as training reads them: between people of the Valley, and with the assistant in Llama 2's tags."""

from __future__ import annotations

from llama_lessons.prompt import Dialog, dialog_turns, turn_text
from llama_lessons.world.draw import Draw, Weighted
from llama_lessons.world.instructions import KINDS, Conversations, in_talking_order, talked_about
from llama_lessons.world.questions import Writer
from llama_lessons.world.valley import Valley

TURN = "</s><s>"  # stands between two turns of a chat; Document.parts splits there


def dialogue_writer(valley: Valley) -> Writer:
    """Writes what two people say to each other: questions about one thing after another, with "it" and "she"."""
    names = valley.names.groups["girls"] + valley.names.groups["boys"]
    rich = talked_about(valley)

    def write(draw: Draw) -> str:
        asker, knower = draw.picks(names, 2)
        lines = []
        for facts in draw.picks(rich, 1 + draw.below(3)):
            first, *rest = in_talking_order(facts, draw)
            lines += [draw.pick(first.questions), draw.pick(first.statements)]
            for fact in rest:
                lines += [draw.pick(fact.follow_ups), draw.pick(fact.mentions)]
        lines.append(draw.pick(("Thank you!", "Now I know it.", "I did not know that.", "You know a lot!")))
        return "\n".join(f"{(asker, knower)[place % 2]}: {line}" for place, line in enumerate(lines))

    return write


def chat_text(dialog: Dialog) -> str:
    """A dialog in Llama 2's chat format as text, </s><s> between its turns.

    Args:
        dialog: messages as in `Instruction.dialog`, ending with the assistant's.

    Source: Meta's llama repository, generation.py, chat_completion.
    """
    return TURN.join(turn_text(*turn) for turn in dialog_turns(dialog))


def chat_writer(valley: Valley, kinds: tuple[str, ...]) -> Writer:
    """Writes conversations with the assistant of the given kinds, out of the training split."""

    conversations, which = Conversations(valley, "train"), Weighted({kind: KINDS[kind] for kind in kinds})

    def write(draw: Draw) -> str:
        return chat_text(conversations.make(which.pick(draw), draw).dialog)

    return write
