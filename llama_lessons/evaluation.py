"""Measuring a model: perplexity, bits per byte, and multiple choice by MMLU's protocol."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from llama_lessons.mmlu import LETTERS, MMLU, Item, checked
from llama_lessons.model import Llama
from llama_lessons.score import Score
from llama_lessons.tokenizer import Tokenizer

ROWS = 32  # texts read at once


def perplexity(model: Llama, ids: list[list[int]]) -> float:
    """exp of the mean loss in nats per predicted token, over all texts together.

    Args:
        model: the model.
        ids: texts as token ids, each of at least two; the first of each is read and not predicted.
    """
    if not ids or min(map(len, ids)) < 2:
        raise ValueError("ids must be texts of at least two tokens: the first is only read")
    losses = [-scores for scores in log_probs(model, [(text[:1], text[1:]) for text in ids])]
    return math.exp(torch.cat(losses).mean())


def bits_per_byte(model: Llama, tok: Tokenizer, texts: list[str]) -> float:
    """Bits that a model takes for each byte of texts: models of different tokenizers can be compared by it.

    Args:
        model: the model.
        tok: its tokenizer.
        texts: none of them empty; each is read from <s> on.
    """
    scores = log_probs(model, [(ids[:1], ids[1:]) for ids in map(tok.encode, texts)])
    return -float(torch.cat(scores).sum()) / math.log(2) / sum(len(text.encode()) for text in texts)


def log_probs(model: Llama, texts: list[tuple[list[int], list[int]]]) -> list[Tensor]:
    """Log-probabilities that a model gives to continuations.

    Args:
        model: the model.
        texts: pairs of what is read and what follows it, as token ids, neither empty.

    Returns:
        For each pair, in nats, float32: one number per token of what follows.

    Raises:
        ValueError: a part of a pair is empty, or both exceed the model's max_seq_len; a score is not finite.
    """
    max_seq_len = model.config.max_seq_len
    for read, follows in texts:
        if not read or not follows or len(read) + len(follows) > max_seq_len:
            raise ValueError(
                f"texts must hold 1 to {max_seq_len} tokens, got {len(read)} and {len(follows)} that follow"
            )
    found: list[Tensor] = [torch.empty(0)] * len(texts)
    by_length = sorted(range(len(texts)), key=lambda k: sum(map(len, texts[k])))  # rows of a batch are alike in length
    for start in range(0, len(texts), ROWS):
        rows = by_length[start : start + ROWS]
        for row, scores in zip(rows, _batch_log_probs(model, [texts[row] for row in rows]), strict=True):
            if not scores.isfinite().all():
                raise ValueError("model must give finite scores, and does not: its weights are damaged")
            found[row] = scores
    return found


@torch.inference_mode()
def _batch_log_probs(model: Llama, texts: list[tuple[list[int], list[int]]]) -> Iterator[Tensor]:
    wholes = [[*read, *follows] for read, follows in texts]
    longest = max(map(len, wholes))
    filled = [whole + [0] * (longest - len(whole)) for whole in wholes]  # on the right, where no earlier token looks
    tokens = torch.tensor(filled, device=model.embedding.weight.device)  # (B, T)
    hidden = model.hidden(tokens)  # (B, T, C)
    for row, (read, follows) in enumerate(texts):
        end = len(read) + len(follows)
        logits = model.output(hidden[row, len(read) - 1 : end - 1]).float()  # a token is predicted one place before it
        yield -cross_entropy(logits, tokens[row, len(read) : end], reduction="none").cpu()


def multiple_choice(
    model: Llama, tok: Tokenizer, items: MMLU | Iterable[Item], shots: int = 5, by: str = "letter"
) -> Score:
    """The share of an exam's questions that a model answers rightly.

    Args:
        model: the model.
        tok: its tokenizer.
        items: an exam, such as `mmlu.MMLU` or the Valley's: it has `items`, each with question, choices, answer and
            subject, and their prompts. Or such items alone, for which there are no solved examples.
        shots: solved examples before each question, as many as the exam has; MMLU has five.
        by: "letter", MMLU's protocol: the choices are shown, and the likeliest of their letters is the answer. "text":
            they are not shown, and the choice whose words are likeliest, per token, is the answer.

    Raises:
        ValueError: by is neither; there are no items, or not as many examples; an item has fewer than two choices, or
            an answer that is none of them; a prompt is too long for the model.

    Source: Measuring Massive Multitask Language Understanding, arXiv:2009.03300, section 4.1 and its code.
    """
    if by not in ("letter", "text"):
        raise ValueError(f'by must be "letter" or "text", got {by!r}')
    exam = items if hasattr(items, "prompt") else MMLU(items)
    questions = checked(exam.items)
    if by == "letter":
        prompts = [exam.prompt(item, shots) for item in questions]
        choices = [LETTERS[: len(item.choices)] for item in questions]
    else:
        prompts = [exam.open_prompt(item, shots) for item in questions]
        choices = [item.choices for item in questions]
    answers = choose(model, tok, prompts, choices)
    return Score.of(sum(a == item.answer for a, item in zip(answers, questions, strict=True)), len(questions))


def choose(model: Llama, tok: Tokenizer, prompts: list[str], choices: Sequence[Sequence[str]]) -> list[int]:
    """For every prompt, the choice that a model finds likeliest.

    Args:
        model: the model.
        tok: its tokenizer.
        prompts: texts to continue, without a space at the end.
        choices: for each prompt its possible continuations, without a space in front.

    Returns:
        For each prompt the index of the choice with the highest mean log-probability per token; of equals the first.

    Raises:
        ValueError: a prompt has no choices, or an empty one; a score is not finite.
    """
    if len(choices) != len(prompts):
        raise ValueError(f"choices must be as many as the {len(prompts)} prompts, got {len(choices)}")
    for number, continuations in enumerate(choices):
        if not continuations or not all(choice.strip() for choice in continuations):
            raise ValueError(f"choices[{number}] must be one text or several, got {continuations!r}")
    texts = []
    for prompt, continuations in zip(prompts, choices, strict=True):
        read = tok.encode(prompt)
        texts += [(read, tok.encode(f"{prompt} {choice}")[len(read) :]) for choice in continuations]
    scores = iter(log_probs(model, texts))
    answers = []
    for continuations in choices:
        means = [float(next(scores).mean()) for _ in continuations]
        answers.append(means.index(max(means)))
    return answers
