"""A chat model in its exam: `answerer` makes a model what `world.exam_chat` asks, `chat_scores` gives all scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from llama_lessons.dialog import encode_dialog
from llama_lessons.evaluation import Score
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.prompt import SPECIAL_TAGS, Dialog
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world import exam_chat
from llama_lessons.world.exam_chat import Answers

ANSWER_TOKENS = 48  # the longest of the Valley's answers take 30
STORY_TOKENS = 300  # the longest of its stories, 250
ROWS = 64  # dialogs answered at once


def answerer(
    model: Llama,
    tok: Tokenizer,
    max_new_tokens: int = ANSWER_TOKENS,
    temperature: float = 0.0,
    top_p: float = 0.9,
    generator: torch.Generator | None = None,
) -> Answers:
    """A function that lets a model answer many dialogs, each ending with the user's message.

    Args:
        model: the model.
        tok: its tokenizer.
        max_new_tokens: the most tokens of an answer; one that is cut off there ends in "…".
        temperature: 0 is greedy.
        top_p: as for `generate`.
        generator: source of randomness.
    """

    def answers(dialogs: list[Dialog]) -> list[str]:
        prompts = [encode_dialog(tok, dialog) for dialog in dialogs]
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))  # alike in length: less waiting
        said = [""] * len(prompts)
        for start in range(0, len(order), ROWS):
            places = order[start : start + ROWS]
            rows = [prompts[place] for place in places]
            written = generate(model, rows, max_new_tokens, temperature, top_p, None, tok.eos_id, generator)
            for place, new in zip(places, written, strict=True):
                said[place] = _spoken(tok.decode(new).strip()) + "…" * (len(new) == max_new_tokens)
        return said

    return answers


def _spoken(text: str) -> str:
    """The text without the format's tags, which a base model may write and no dialog may hold."""
    for tag in SPECIAL_TAGS:
        text = text.replace(tag, tag.strip("[]<>"))
    return text


def chat_scores(model: Llama, tok: Tokenizer) -> Iterator[tuple[str, Score]]:
    """Every score of a chat model, by name: greedy answers, but for stories (temperature 0.6) and one line at 1."""
    answers = answerer(model, tok)
    for part in (exam_chat.facts, exam_chat.wishes, exam_chat.talk, exam_chat.harmful):
        yield from _scores(part, answers)
    draws = torch.Generator().manual_seed(0)
    at_one = answerer(model, tok, temperature=1.0, top_p=1.0, generator=draws)
    declined, *_ = _scores(exam_chat.harmful, at_one)
    yield f"{declined[0]}, sampled at temperature 1", declined[1]
    yield from _scores(exam_chat.harmless, answers)
    draws = torch.Generator().manual_seed(0)
    yield from _scores(exam_chat.stories, answerer(model, tok, STORY_TOKENS, 0.6, 0.9, draws))


def _scores(part: Callable[[Answers], exam_chat.Verdicts], answers: Answers) -> Iterator[tuple[str, Score]]:
    for name, verdicts in part(answers).items():
        yield name, Score.of(sum(verdicts), len(verdicts))
