"""From scores to the next token."""

from __future__ import annotations

import torch
from torch import Tensor


def next_token_probs(logits: Tensor, temperature: float, top_k: int | None = None, top_p: float = 1.0) -> Tensor:
    """The distribution that `sample` draws from.

    Args:
        logits: scores, shape (B, V); -inf forbids a token.
        temperature: divides the scores; above 0, no unit. Less than 1 sharpens, more flattens.
        top_k: keep this many of the likeliest tokens, and what is as likely as the last of them; None keeps all.
        top_p: keep the likeliest tokens until their probabilities exceed this sum. As in Meta's code, a token stays
            while the sum of those before it is at most top_p; so the likeliest always stays.

    Returns:
        Probabilities, float32, shape (B, V); each row sums to 1.

    Source: temperature and top-k: arXiv:1805.04833, section 5.4; nucleus: arXiv:1904.09751, section 3.1.
    """
    scores = logits.float() / temperature
    if top_k is not None and top_k < scores.shape[-1]:
        worst = scores.topk(top_k).values[..., -1:]  # (B, 1)
        scores = scores.masked_fill(scores < worst, -torch.inf)
    probs = scores.softmax(-1)
    if top_p < 1.0:
        rare = 0.99 * (1 - top_p) / probs.shape[-1]  # all that are rarer share less than 1 - top_p: none of them stays
        likely = (probs >= rare).any(0).nonzero()[:, 0]  # ids, often a few hundred: only these need be sorted
        sorted_probs, order = probs[:, likely].sort(dim=-1, descending=True, stable=True)
        before = sorted_probs.cumsum(-1) - sorted_probs  # (B, likely ids): probability of all likelier tokens
        kept = sorted_probs.masked_fill(before > top_p, 0.0)
        probs = torch.zeros_like(probs).scatter(-1, likely[order], kept)
        probs = probs / probs.sum(-1, keepdim=True)
    return probs


def sample(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw one token id per row.

    Args:
        logits: scores, shape (B, V).
        temperature: see `next_token_probs`; 0 takes the likeliest token (greedy).
        top_k: see `next_token_probs`.
        top_p: see `next_token_probs`.
        generator: source of randomness; a CPU generator draws the same tokens whatever device the logits are on.

    Returns:
        Ids, int64, shape (B,), on the device of the logits.

    Raises:
        ValueError: an argument is out of range, logits is not (B, V), or nothing can be chosen from a row of it: it
            holds NaN or +inf, or forbids every token.
    """
    check_sampling(temperature, top_k, top_p)
    if logits.dim() != 2:
        raise ValueError(f"logits must have shape (B, V), got {tuple(logits.shape)}")
    best = logits.amax(-1)  # (B,); NaN where there is one in the row
    if not best.isfinite().all():
        raise ValueError(f"logits must have a finite maximum in every row, got {best[~best.isfinite()][0]:.0f}")
    if temperature == 0:
        return logits.argmax(-1)
    probs = next_token_probs(logits, temperature, top_k, top_p)
    if generator is not None:
        probs = probs.to(generator.device)
    return torch.multinomial(probs, num_samples=1, generator=generator)[:, 0].to(logits.device)


def check_sampling(temperature: float, top_k: int | None, top_p: float) -> None:
    """Raise ValueError, naming the argument, unless temperature >= 0, top_k >= 1 or None, and 0 <= top_p <= 1."""
    if not temperature >= 0:
        raise ValueError(f"temperature must be 0 or more, got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1 or None, got {top_k}")
    if not 0 <= top_p <= 1:
        raise ValueError(f"top_p must lie between 0 and 1, got {top_p}")
