"""Pairs of answers as rectangles of token ids, for the `Trainer`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from llama_lessons import paper
from llama_lessons.dialog import Dialog, encode_answers
from llama_lessons.tokenizer import Tokenizer

MARGINS = {"none": dict.fromkeys(paper.RATINGS, 0.0)} | {
    name: {rating: float(fact.value) for rating, fact in table.items()} for name, table in paper.MARGINS.items()
}


class Pair(Protocol):
    """Two answers to one prompt, such as the Valley's `Preference`.

    Attributes:
        prompt: a dialog that waits for its answer. chosen, rejected: the better and the worse one.
        rating: by how much, one of `paper.RATINGS`.
        safety: whether the prompt asks for something harmful: then the safety score judges.
        harm: whether the worse answer does harm.
    """

    prompt: Dialog
    chosen: str
    rejected: str
    rating: str
    safety: bool
    harm: bool


@dataclass(frozen=True)
class PairBatch:
    """P pairs; of two columns the first is the chosen answer's.

    Args:
        tokens: prompts with their answers, padded, int64, shape (P, 2, T).
        lengths: real tokens, shape (P, 2).
        answer_starts: where the answers begin, shape (P, 2).
        margins: of the loss, shape (P,).
        asks_safety: whether safety judges, else helpfulness, bool, shape (P,).
        does_no_harm: of each answer, bool, shape (P, 2).
    """

    tokens: Tensor
    lengths: Tensor
    answer_starts: Tensor
    margins: Tensor
    asks_safety: Tensor
    does_no_harm: Tensor

    @property
    def n_targets(self) -> int:
        """Pairs."""
        return len(self.tokens)

    @property
    def n_tokens(self) -> int:
        """Real tokens that are read."""
        return int(self.lengths.sum())

    def to(self, device: torch.device | str) -> PairBatch:
        """The same pairs on another device."""
        return PairBatch(*(part.to(device) for part in self._parts()))

    def split(self, n_parts: int) -> list[PairBatch]:
        """The pairs shared out over several smaller batches, as evenly as they go."""
        parts = zip(*(part.tensor_split(n_parts) for part in self._parts()), strict=True)
        return [batch for batch in (PairBatch(*part) for part in parts) if batch.n_targets]

    def _parts(self) -> list[Tensor]:
        return [getattr(self, name) for name in self.__dataclass_fields__]


def pair_batch(tok: Tokenizer, pairs: Iterable[Pair], margin: str = "small", max_seq_len: int = 256) -> PairBatch:
    """Encode pairs; those whose answers are the same, or the same once they are cut, have nothing to teach: dropped.

    Args:
        tok: the tokenizer.
        pairs: as many as are wanted.
        margin: "none", "small" or "large", Llama 2's.
        max_seq_len: longer texts are cut on the right.

    Raises:
        ValueError: margin is none of these, a rating is none of `paper.RATINGS`, or no pair is left.
    """
    if margin not in MARGINS:
        raise ValueError(f"margin must be one of {', '.join(MARGINS)}, got {margin!r}")
    kept, texts = [], []
    for pair in pairs:
        both = [_encoded(tok, pair.prompt, answer, max_seq_len) for answer in (pair.chosen, pair.rejected)]
        if both[0] != both[1]:
            kept.append(pair)
            texts += both
    if not kept:
        raise ValueError(
            f"pairs must hold two answers that differ within max_seq_len = {max_seq_len} tokens: none does"
        )
    tokens, lengths, starts = (part.unflatten(0, (-1, 2)) for part in padded(texts))
    margins = torch.tensor([_margin(pair.rating, margin) for pair in kept])
    asks_safety = torch.tensor([pair.safety for pair in kept])
    return PairBatch(tokens, lengths, starts, margins, asks_safety, torch.tensor([[True, not p.harm] for p in kept]))


def padded(texts: Sequence[tuple[list[int], int]]) -> tuple[Tensor, Tensor, Tensor]:
    """Texts, each its ids and where its answer begins, as tokens (B, T), lengths (B,) and answer starts (B,)."""
    tokens = pad_sequence([torch.tensor(ids) for ids, _ in texts], batch_first=True)
    return tokens, torch.tensor([len(ids) for ids, _ in texts]), torch.tensor([start for _, start in texts])


def _encoded(tok: Tokenizer, prompt: Dialog, answer: str, max_seq_len: int) -> tuple[list[int], int]:
    ids, mask = encode_answers(tok, [*prompt, {"role": "assistant", "content": answer}], last_only=True)
    return ids[:max_seq_len], mask.index(True)


def _margin(rating: str, margin: str) -> float:
    if rating not in MARGINS[margin]:
        raise ValueError(f"rating must be one of {', '.join(MARGINS[margin])}, got {rating!r}")
    return MARGINS[margin][rating]
