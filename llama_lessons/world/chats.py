"""What the chat model is fine-tuned on: the Valley's conversations in another mix, with more that look harmful.

"Capitals" is left out, which the base model read among its wishes: a small model keeps the form and loses the content
("A BEAR EATS GRETA."), because few of its pieces are in capitals and these were seldom read.
"""

from __future__ import annotations

from collections.abc import Iterator

from llama_lessons.world.draw import Draw, Weighted
from llama_lessons.world.instructions import Conversations, Instruction, chat_lines
from llama_lessons.world.red_team import red_team
from llama_lessons.world.splits import check_split
from llama_lessons.world.valley import Valley, load_valley

# By number of conversations. Stories are long, and lose their thread where they are few; refusals and what only looks
# harmful are told apart by each other alone.
CHAT_MIX = {
    "fact": 0.17,
    "talk": 0.05,
    "wish": 0.29,
    "story": 0.20,
    "choice": 0.02,
    "refusal": 0.11,
    "fine": 0.15,
    "hello": 0.01,
}
CHAT_STYLES = ("moon", "pirate", "llama", "short")


class ChatConversations(Conversations):
    """Conversations of one split as for the base model, without capitals, and with look-alikes made of templates."""

    def __init__(self, valley: Valley, split: str) -> None:
        super().__init__(valley, split)
        self.harmless = [prompt for prompt in red_team(split) if not prompt.harmful]
        self.wishes = [(line, style) for line, style in chat_lines()["wish"] if style in CHAT_STYLES]


def chats(split: str = "train", seed: int = 0, mix: dict[str, float] = CHAT_MIX) -> Iterator[Instruction]:
    """Conversations without end, the same for the same seed; splits are those of `instructions` and `red_team`.

    Args:
        split: "train" or "test". seed: of the draws.
        mix: how likely each kind is against the others; kinds that are left out do not come.

    Raises:
        ValueError: split is neither; the mix has an unknown kind, or weights that are negative or all zero.
    """
    check_split(split)
    for kind in mix:
        if kind not in CHAT_MIX:
            raise ValueError(f"mix has no kind {kind!r}; there are {', '.join(CHAT_MIX)}")
    return _chats(Draw(seed), Weighted(mix), ChatConversations(load_valley(), split))


def _chats(draw: Draw, kinds: Weighted, conversations: ChatConversations) -> Iterator[Instruction]:
    while True:
        yield conversations.make(kinds.pick(draw), draw)
