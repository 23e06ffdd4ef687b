"""Wrong answers to the second exercise of lesson 10, rewards of tokens, each under the words that a reader is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _real(like: Tensor, lengths: Tensor) -> Tensor:
    """Which places hold a token of the answer, (B, T)."""
    return torch.arange(like.shape[1]) < lengths[:, None]


def _at_end(scores: Tensor, lengths: Tensor, width: int) -> Tensor:
    """The scores at the last real tokens, (B, T)."""
    return torch.zeros(len(scores), width).index_put((torch.arange(len(scores)), lengths - 1), scores)


def _of(
    penalty: Callable = lambda new, ref, real, beta: beta * (new - ref),  # (B, T)
    bonus: Callable = lambda scores, lengths, width: _at_end(scores, lengths, width),  # (B, T)
    padding: float = 0.0,
) -> Callable:
    """A reward that is bonus - penalty on the real tokens, each in its own way."""

    def rewards(new: Tensor, ref: Tensor, scores: Tensor, lengths: Tensor, beta: float) -> Tensor:
        real = _real(new, lengths)
        total = bonus(scores, lengths, new.shape[1]) - penalty(new, ref, real, beta)
        return total.where(real, padding)

    return rewards


def _whole(new: Tensor, ref: Tensor, real: Tensor) -> Tensor:
    """The difference of an answer as a whole, (B, 1)."""
    return ((new - ref) * real).sum(1, keepdim=True)


def _put(place: Callable) -> Callable:
    """The scores at places of one's own choice, `place(lengths, width)` of shape (B,)."""

    def bonus(scores: Tensor, lengths: Tensor, width: int) -> Tensor:
        rows = torch.arange(len(scores))
        return torch.zeros(len(scores), width).index_put((rows, place(lengths, width)), scores)

    return bonus


def _everywhere(new: Tensor, ref: Tensor, scores: Tensor, lengths: Tensor, beta: float) -> Tensor:
    """As it should be, but for the padding, (B, T)."""
    return _at_end(scores, lengths, new.shape[1]) - beta * (new - ref)


def _last_column(new: Tensor, ref: Tensor, scores: Tensor, lengths: Tensor, beta: float) -> Tensor:
    """The score in the last column, be that padding or not, (B, T)."""
    rewards = -beta * (new - ref) * _real(new, lengths)
    rewards[:, -1] += scores
    return rewards


def _replaced(new: Tensor, ref: Tensor, scores: Tensor, lengths: Tensor, beta: float) -> Tensor:
    """The score in the place of the last token's penalty, (B, T)."""
    rewards = -beta * (new - ref) * _real(new, lengths)
    rewards[torch.arange(len(scores)), lengths - 1] = scores
    return rewards


def _beyond(new: Tensor, ref: Tensor, scores: Tensor, lengths: Tensor, beta: float) -> Tensor:
    """The score one place behind the end, (B, T); where there is none, it fails."""
    rewards = -beta * (new - ref) * _real(new, lengths)
    rewards[torch.arange(len(scores)), lengths] += scores
    return rewards


TOKEN_REWARDS_MISTAKES = {
    "you rewarded distance from the reference: the penalty is minus beta * (log_probs - ref_log_probs)": (
        _of(lambda n, r, real, b: -b * (n - r))
    ),
    "you left out the penalty: each token costs beta * (log_probs - ref_log_probs)": _of(lambda n, r, real, b: 0 * n),
    "you left out beta: the penalty is beta * (log_probs - ref_log_probs)": _of(lambda n, r, real, b: n - r),
    "you divided by beta: multiply the difference by it": _of(lambda n, r, real, b: (n - r) / b),
    "you left out the reference: the penalty is for what the policy has moved away from it": (
        _of(lambda n, r, real, b: b * n)
    ),
    "you took the difference of probabilities: it is that of their logarithms": (
        _of(lambda n, r, real, b: b * (n.exp() - r.exp()))
    ),
    "you took the ratio of probabilities: the penalty is the difference of their logarithms": (
        _of(lambda n, r, real, b: b * (n - r).exp())
    ),
    "you divided the log-probabilities: subtract them": _of(lambda n, r, real, b: b * n / r),
    "you took the absolute difference: Llama 2's penalty has a sign. A token that became less likely earns": (
        _of(lambda n, r, real, b: b * (n - r).abs())
    ),
    "you squared the difference: Llama 2's penalty is the difference itself": (
        _of(lambda n, r, real, b: b * (n - r).square())
    ),
    "you took half the square of the difference: it estimates the same KL, but Llama 2's penalty is the difference "
    "itself": _of(lambda n, r, real, b: b * (n - r).square() / 2),
    "you took the estimate ratio - 1 - log ratio: it estimates the same KL, but Llama 2's penalty is the difference "
    "itself": _of(lambda n, r, real, b: b * ((r - n).exp() - 1 - (r - n))),
    "you took the difference only where it is above 0: Llama 2's penalty has a sign": (
        _of(lambda n, r, real, b: b * (n - r).clamp(min=0))
    ),
    "you weighted the difference with the token's probability: the tokens were drawn with it already": (
        _of(lambda n, r, real, b: b * n.exp() * (n - r))
    ),
    "you gave every token the penalty of the whole answer: each has its own": (
        _of(lambda n, r, real, b: b * _whole(n, r, real))
    ),
    "you gave the last token the penalty of the whole answer, and the others none: each has its own": (
        _of(lambda n, r, real, b: b * _whole(n, r, real) * (real.cumsum(1) == real.sum(1, keepdim=True)))
    ),
    "you gave every token the mean penalty of its answer: each has its own": (
        _of(lambda n, r, real, b: b * _whole(n, r, real) / real.sum(1, keepdim=True))
    ),
    "you summed the penalty from the first token on: each has its own": (
        _of(lambda n, r, real, b: b * ((n - r) * real).cumsum(1))
    ),
    "you left out the score: it goes to the last token of each answer": _of(bonus=lambda s, lengths, width: 0.0),
    "you took the score away: add it": _of(bonus=lambda s, lengths, width: -_at_end(s, lengths, width)),
    "you put the score into the last column, which may be padding: the last token is at lengths - 1": _last_column,
    "you put the score one place behind the answer: its last token is at lengths - 1": _beyond,
    "you put the score one token too early: the last token is at lengths - 1": (
        _of(bonus=_put(lambda lengths, width: lengths - 2))
    ),
    "you put the score at the first token: it goes to the last, when the answer is done": (
        _of(bonus=_put(lambda lengths, width: 0 * lengths))
    ),
    "you gave the score to every token: only the last one has it": _of(bonus=lambda s, lengths, width: s[:, None]),
    "you shared the score out over the tokens: the last one has all of it": (
        _of(bonus=lambda s, lengths, width: (s / lengths)[:, None])
    ),
    "you put the score in the place of the last token's penalty: add it": _replaced,
    "you scaled the score with beta: beta belongs to the penalty alone": (
        lambda n, r, s, lengths, b: _of()(n, r, b * s, lengths, b)
    ),
    "you scaled the score with 1 - beta: beta belongs to the penalty alone": (
        lambda n, r, s, lengths, b: _of()(n, r, (1 - b) * s, lengths, b)
    ),
    "you added the score twice": _of(bonus=lambda s, lengths, width: 2 * _at_end(s, lengths, width)),
    "you left numbers where no token is: behind an answer's end all rewards are 0": _everywhere,
    "you gave one number for each answer: give one for each token": (
        lambda n, r, s, lengths, b: s - b * ((n - r) * _real(n, lengths)).sum(1)
    ),
}
