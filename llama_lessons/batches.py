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


def pack_whole(
    texts: Iterable[tuple[list[int], list[bool], bool]], batch_size: int, seq_len: int, pad_id: int
) -> Batch:
    """Put whole texts into rows: none is cut, and what no text fills is padding that asks for nothing.

    Each text goes to the first row with room for it; the first one for which there is none ends the batch. A dialog
    with a standing wish must close its row: where the next text begins, a model sees what it sees between two turns of
    one dialog, and would learn that wishes are forgotten.

    Args:
        texts: the ids of each text, its loss mask (for each id whether the model is asked to predict it), and whether
            it closes its row: then it stands last, only padding behind it. No more texts are taken than are needed.
        batch_size: rows (B).
        seq_len: tokens a row (T).
        pad_id: fills what is left; any id does, since no target asks for it and no real token looks at it.

    Returns:
        The batch, shape (B, T); targets are the tokens moved one to the left.

    Raises:
        ValueError: there is no text, or one that is longer than a row or asks for nothing.
    """
    rows: list[list] = [[] for _ in range(batch_size)]
    last: list[list] = [[] for _ in range(batch_size)]  # what closes each row
    for ids, loss_mask, closes_row in texts:
        pairs = [(token, token if asked else IGNORE) for token, asked in zip(ids, loss_mask, strict=True)]
        pairs[:1] = [(token, IGNORE) for token in ids[:1]]  # what stands before a text says nothing about it
        if len(pairs) > seq_len + 1 or not any(loss_mask[1:]):
            raise ValueError(f"texts must ask for something and fit a row of {seq_len} tokens, got one of {len(pairs)}")
        fits = (n for n in range(batch_size) if len(rows[n]) + len(last[n]) + len(pairs) <= seq_len + 1)
        place = next((n for n in fits if not (closes_row and last[n])), None)
        if place is None:
            break
        (last if closes_row else rows)[place] += pairs
    if not any(rows + last):
        raise ValueError("texts must hold at least one text, got none")
    padded = [
        (row + end + (seq_len + 1) * [(pad_id, IGNORE)])[: seq_len + 1] for row, end in zip(rows, last, strict=True)
    ]
    both = torch.tensor(padded)  # (B, T + 1, 2)
    return Batch(both[:, :-1, 0].contiguous(), both[:, 1:, 1].contiguous())


def token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Sum of the cross-entropies at all positions that ask for something, in nats.

    Args:
        logits: shape (..., V).
        targets: ids, shape (...); IGNORE where nothing is asked.
    """
    return cross_entropy(logits.float().flatten(0, -2), targets.flatten(), ignore_index=IGNORE, reduction="sum")
