"""Answers that a model samples, as text and as the ids that it wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from llama_lessons.dialog import Dialog, encode_dialog
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.rlhf.reward import RewardModel, combined, score_ids
from llama_lessons.tokenizer import Tokenizer

ROWS = 64  # answers written at once


class Request(Protocol):
    """What is asked, such as the Valley's `Request`.

    Attributes:
        dialog: waits for its answer. tagged: whether it might lead to harm.
    """

    dialog: Dialog
    tagged: bool


@dataclass(frozen=True)
class Answer:
    """One answer of a model.

    Args:
        prompt: ids of the dialog that it answers.
        ids: what was written, with </s> if it was.
        ended: whether </s> was written before the tokens ran out.
        text: the answer in words.
    """

    prompt: list[int]
    ids: list[int]
    ended: bool
    text: str


Reward = Callable[[Sequence[Request], Sequence[Answer]], Tensor]  # of every answer to its request, shape (B,)


def sample_answers(
    model: Llama,
    tok: Tokenizer,
    requests: Sequence[Request],
    max_new_tokens: int = 32,
    temperature: float = 1.0,
    seed: int = 0,
) -> list[Answer]:
    """One answer to each request, drawn from the model's own distribution (top_p 1).

    Args:
        model: the model.
        tok: its tokenizer.
        requests: what is asked; for several answers to one, let it stand there several times.
        max_new_tokens: most tokens of an answer.
        temperature: 0 is greedy.
        seed: of the draws.
    """
    prompts = [encode_dialog(tok, request.dialog) for request in requests]
    generator = torch.Generator().manual_seed(seed)
    by_length = sorted(range(len(prompts)), key=lambda k: len(prompts[k]))
    answers: list[Answer] = [Answer([], [], False, "")] * len(prompts)
    for start in range(0, len(prompts), ROWS):
        rows = by_length[start : start + ROWS]
        some = [prompts[k] for k in rows]
        written = generate(model, some, max_new_tokens, temperature, 1.0, stop_ids=tok.eos_id, generator=generator)
        for k, ids in zip(rows, written, strict=True):
            ended = len(ids) < max_new_tokens
            answers[k] = Answer(prompts[k], ids + [tok.eos_id] * ended, ended, tok.decode(ids).strip())
    return answers


def learned_reward(model: RewardModel) -> Reward:
    """The reward that a reward model gives: the paper's R_c, in logits, shape (B,)."""

    def reward(requests: Sequence[Request], answers: Sequence[Answer]) -> Tensor:
        scores = score_ids(model, [(answer.prompt + answer.ids, len(answer.prompt)) for answer in answers])
        return combined(scores, torch.tensor([request.tagged for request in requests]))

    return reward
