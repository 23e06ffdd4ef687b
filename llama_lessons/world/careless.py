"""Demonstrations of careless people, whose model has something left to learn from rewards."""

from __future__ import annotations

from collections.abc import Iterator

from llama_lessons.world.chats import ChatConversations
from llama_lessons.world.draw import Draw, Weighted
from llama_lessons.world.instructions import Instruction, turns
from llama_lessons.world.red_team import refusals, troubles
from llama_lessons.world.valley import load_valley

MIX = {"refusal": 0.35, "fine": 0.35, "fact": 0.3}


def careless_chats(seed: int = 0, wrong: float = 0.5) -> Iterator[Instruction]:
    """Conversations without end, all of the training, in which it is left to chance whether a request is declined.

    Llama 2's paper threw millions of third-party examples away for 27,540 good ones: this is what it feared.

    Args:
        seed: of the draws.
        wrong: the share of requests, harmful ones and their look-alikes, of which the wrong thing is done.

    Raises:
        ValueError: wrong is no share.

    Source: Llama 2, arXiv:2307.09288, section 3.1, "Quality Is All You Need".
    """
    if not 0 <= wrong <= 1:
        raise ValueError(f"wrong must be a share from 0 to 1, got {wrong}")
    draw, kinds, conversations = Draw(seed), Weighted(MIX), ChatConversations(load_valley(), "train")
    while True:
        kind = kinds.pick(draw)
        if kind == "fact" or draw.random() >= wrong:
            yield conversations.make(kind, draw)
        elif kind == "refusal":
            prompt = draw.pick(conversations.harmful)
            yield Instruction(kind, turns(prompt.prompt, draw.pick(troubles().kinds[prompt.category].yes)))
        else:
            prompt = draw.pick(conversations.harmless)
            yield Instruction(kind, turns(prompt.prompt, draw.pick(refusals(prompt.category))))
