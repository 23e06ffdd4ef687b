"""One exam asked in twelve ways: how likely a model finds each choice in each of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from llama_lessons.evaluation import ROWS, log_probs
from llama_lessons.mmlu import LETTERS, MMLU, Item, checked
from llama_lessons.model import Llama
from llama_lessons.score import Score
from llama_lessons.tokenizer import Tokenizer

WAYS = ("its letter", "its text")
POSITIONS = ("before the choice", "after the choice")
TOKENS = ("with a blank", "without a blank")
SHOTS = (0, 5)
NORMALISERS = ("sum", "per token", "per byte", "against the answer alone")
LINE = re.compile(r"^([A-Z])\. (.*)$", re.MULTILINE)  # a choice on an MMLU sheet

Sheet = dict[str, list[list[float]]]  # protocol -> for each question, for each choice, how likely


def letter_protocol(position: str, token: str, shots: int) -> str:
    """The name of a way to read an answer from its letter."""
    return f"letter {position.split()[0]}, {token.split()[0]} blank, {shots} shots"


def text_protocol(normaliser: str) -> str:
    """The name of a way to read an answer from its text."""
    return f"text, {normaliser}"


PROTOCOLS = [letter_protocol(*kind) for kind in product(POSITIONS, TOKENS, SHOTS)] + list(
    map(text_protocol, NORMALISERS)
)
MMLUS_OWN = letter_protocol(POSITIONS[0], TOKENS[0], 5)


def answer_sheet(model: Llama, tok: Tokenizer, exam: MMLU) -> Sheet:
    """What a model makes of an exam in all twelve ways.

    Args:
        model: the model.
        tok: its tokenizer.
        exam: MMLU's kind, or the Valley's: its sheets have the choices on lines like "A. hay", as MMLU's do.

    Returns:
        For each protocol and question a number for each choice, in nats or nats per something; the highest is chosen.

    Raises:
        ValueError: there are no questions, or one cannot be asked.
    """
    items = checked(exam.items)
    sheet: Sheet = {}
    for position, shots in product(POSITIONS, SHOTS):
        prompts = [moved(exam.prompt(item, shots), position) for item in items]
        said = said_next(model, [tok.encode(prompt) for prompt in prompts])  # (N, V)
        for token in TOKENS:
            ids = letter_ids(tok, token)
            rows = [row[ids[: len(item.choices)]].tolist() for row, item in zip(said, items, strict=True)]
            sheet[letter_protocol(position, token, shots)] = rows
    return sheet | by_text(model, tok, exam)


def moved(prompt: str, position: str) -> str:
    """A sheet with its letters where they are wanted: "A. hay", or " hay (A)"; the blank keeps "hay" in one piece."""
    return prompt if position == POSITIONS[0] else LINE.sub(r" \2 (\1)", prompt)


def letter_ids(tok: Tokenizer, token: str) -> list[int]:
    """The tokens of all letters after "Answer:", with a blank between, or without."""
    between = " " if token == TOKENS[0] else ""
    return [tok.encode(f"Answer:{between}{letter}")[-1] for letter in LETTERS]


@torch.inference_mode()
def said_next(model: Llama, texts: Sequence[list[int]]) -> Tensor:
    """Log-probabilities of the token after each text, in nats: shape (B, V), for B texts."""
    found: list[Tensor] = [torch.empty(0)] * len(texts)
    by_length = sorted(range(len(texts)), key=lambda k: len(texts[k]))
    for start in range(0, len(texts), ROWS):
        rows = by_length[start : start + ROWS]
        longest = max(len(texts[row]) for row in rows)
        filled = [texts[row] + [0] * (longest - len(texts[row])) for row in rows]  # on the right: nobody looks there
        hidden = model.hidden(torch.tensor(filled, device=model.embedding.weight.device))  # (B, T, C)
        ends = torch.stack([hidden[k, len(texts[row]) - 1] for k, row in enumerate(rows)])  # (B, C)
        for row, scores in zip(rows, model.output(ends).float().log_softmax(-1).cpu(), strict=True):
            found[row] = scores
    return torch.stack(found)


def by_text(model: Llama, tok: Tokenizer, exam: MMLU) -> Sheet:
    """The choices' words after the question alone, weighed in four ways; the last is GPT-3's, arXiv:2005.14165."""
    pairs = [(exam.open_prompt(item, 0), choice) for item in exam.items for choice in item.choices]
    alone = [("Answer:", choice) for _, choice in pairs]
    scores = log_probs(model, [_split(tok, *pair) for pair in pairs])
    prior = log_probs(model, [_split(tok, *pair) for pair in alone])
    weighed = {
        "sum": [float(score.sum()) for score in scores],
        "per token": [float(score.mean()) for score in scores],
        "per byte": [float(s.sum()) / len(choice.encode()) for s, (_, choice) in zip(scores, pairs, strict=True)],
        "against the answer alone": [float(s.sum() - p.sum()) for s, p in zip(scores, prior, strict=True)],
    }
    sheet = {}
    for name, values in weighed.items():
        numbers = iter(values)
        sheet[text_protocol(name)] = [[next(numbers) for _ in item.choices] for item in exam.items]
    return sheet


def _split(tok: Tokenizer, prompt: str, choice: str) -> tuple[list[int], list[int]]:
    read = tok.encode(prompt)
    return read, tok.encode(f"{prompt} {choice}")[len(read) :]


def chosen(scores: Sequence[float]) -> int:
    """The likeliest choice; of equals the first."""
    return max(range(len(scores)), key=lambda k: scores[k])


def right(items: Sequence[Item], rows: Sequence[Sequence[float]]) -> list[bool]:
    """Whether each question is answered rightly."""
    return [chosen(row) == item.answer for item, row in zip(items, rows, strict=True)]


def score(items: Sequence[Item], rows: Sequence[Sequence[float]]) -> Score:
    """The share that is, with its interval."""
    return Score.of(sum(right(items, rows)), len(items))


def ranks(scores: Sequence[float]) -> list[int]:
    """The place of each of several models, 1 for the highest; equals share the better place."""
    return [1 + sum(other > score for other in scores) for score in scores]


def closest(rows: Sequence[Sequence[float]]) -> float:
    """How far the best choice is ahead of the second, in the question where it is least."""
    return min(first - second for first, second in (sorted(row, reverse=True)[:2] for row in rows))
