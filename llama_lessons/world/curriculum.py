"""What is read when, and of which documents only the answers count: the plan that the base model was trained by."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world.mix import BASE_MIX, ECHO_MIX, LETTER_MIX, SHORT_ECHO_MIX, Document

PHASES = (  # (share of the steps at which it ends, documents, tokens a row): short rows first, where little distracts
    (0.02, SHORT_ECHO_MIX, 64),
    (0.05, ECHO_MIX, 128),
    (0.12, LETTER_MIX, 128),
    (0.75, BASE_MIX, 256),
    (1.00, BASE_MIX, 512),
)
ANSWER = re.compile(r"(?:Answer:|Again:|The answer is)([^\n]*)")
DRAWN = {"echo", "short echo", "letters", "word exam", "matching"}  # nothing but their answers can be known
ASKED = {"exam", "small exam", "spoken exam", "reading"}  # every other one of these asks for its answers only


def phase(done: float) -> tuple[dict[str, float], int]:
    """Which documents are read, and in rows of how many tokens, when a share of the steps is done (0 to 1)."""
    return next((mix, seq_len) for end, mix, seq_len in PHASES if done < end)


def encoded(documents: Iterator[Document], tok: Tokenizer) -> Iterator[tuple[list[int], list[bool]]]:
    """Ids of every document, and which of them the model is asked to predict.

    Of games and of every other exam these are the answers. What else stands in them is chance; the answers are few,
    and the skill that they take, finding a word's letter, would otherwise have next to no weight.
    """
    for number, document in enumerate(documents):
        only_answers = document.kind in DRAWN or (document.kind in ASKED and number % 2 == 0)
        for part in document.parts:
            ids = tok.encode(part, eos=True)
            asked = answers_only(part, tok.pieces(ids)) if only_answers else [True] * len(ids)
            yield ids, asked if any(asked) else [True] * len(ids)


def answers_only(text: str, pieces: list[str]) -> list[bool]:
    """For every piece of a text, from <s> to </s>, whether it belongs to an answer."""
    inside = [False] * (len(text) + 1)
    for found in ANSWER.finditer(text):
        inside[found.start(1) : found.end(1) + 1] = [True] * (found.end(1) + 1 - found.start(1))  # and its line's end
    asked, at = [False], -1  # the first piece begins with a space that is not in the text
    for piece in pieces[1:-1]:
        n_characters = 1 if re.fullmatch("<0x..>", piece) else len(piece)  # all texts of the Valley are ASCII
        asked.append(inside[max(0, at)])
        at += n_characters
    return [*asked, False]
