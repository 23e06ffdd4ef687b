"""From texts to the rectangles of token ids that a model is trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

IGNORE = -100  # a target that asks nothing; PyTorch's cross_entropy leaves it out


@dataclass(frozen=True)
class Batch:
    """What a model reads, and what it should have said after each token.

    Args:
        tokens: ids, int64, shape (B, T).
        targets: the next id at each position, int64, shape (B, T); IGNORE where none is asked for.
    """

    tokens: Tensor
    targets: Tensor

    @property
    def n_targets(self) -> int:
        """Positions where something is asked for."""
        return int((self.targets != IGNORE).sum())

    @property
    def n_tokens(self) -> int:
        """Tokens that are read."""
        return self.tokens.numel()

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return Batch(self.tokens.to(device), self.targets.to(device))

    def split(self, n_parts: int) -> list[Batch]:
        """The rows shared out over several smaller batches, as evenly as they go."""
        parts = zip(self.tokens.tensor_split(n_parts), self.targets.tensor_split(n_parts), strict=True)
        return [Batch(tokens, targets) for tokens, targets in parts if len(tokens)]


def pack(texts: Iterable[tuple[list[int], list[bool]]], batch_size: int, seq_len: int) -> Batch:
    """Put texts end to end and cut them into rows: no place is wasted on padding.

    A text may begin in one row and end in the next; what does not fit into the last row is dropped.

    Args:
        texts: the ids of each text, from <s> to </s>, and its loss mask: for each id whether the model is asked to
            predict it. No more texts are taken than are needed.
        batch_size: rows (B).
        seq_len: tokens a row (T).

    Returns:
        The batch; targets are the tokens moved one to the left.

    Raises:
        ValueError: the texts end before the rows are full.
    """
    needed = batch_size * (seq_len + 1)  # each row's last token is only ever a target
    ids: list[int] = []
    targets: list[int] = []
    for text, loss_mask in texts:
        ids.extend(text)
        targets.extend(token if counts else IGNORE for token, counts in zip(text, loss_mask, strict=True))
        if len(ids) >= needed:
            rows, goals = (torch.tensor(row[:needed]).view(batch_size, seq_len + 1) for row in (ids, targets))
            return Batch(rows[:, :-1].contiguous(), goals[:, 1:].contiguous())
    raise ValueError(f"texts hold {len(ids)} tokens, and {batch_size} rows of {seq_len} take {needed}")


def token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Sum of the cross-entropies at all positions that ask for something, in nats.

    Args:
        logits: shape (..., V).
        targets: ids, shape (...); IGNORE where nothing is asked.
    """
    return cross_entropy(logits.float().flatten(0, -2), targets.flatten(), ignore_index=IGNORE, reduction="sum")
