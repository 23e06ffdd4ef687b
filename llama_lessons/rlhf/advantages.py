"""The arithmetic of PPO: rewards of tokens, advantages, and the clipped loss. Nothing here knows a model.

Places are those after which a token was written: (B, T-1) for rows of T tokens; `said` tells which of them count.
"""

from __future__ import annotations

import torch
from torch import Tensor


def token_rewards(scores: Tensor, log_ratios: Tensor, said: Tensor, beta: float) -> Tensor:
    """Reward of every token: less beta times its share of the KL, and at the last token the answer's score.

    Args:
        scores: of whole answers, shape (B,).
        log_ratios: log-probability under the policy less that under the reference, in nats, shape (B, T-1).
        said: which places count, bool, shape (B, T-1).
        beta: weight of the KL penalty.

    Returns:
        Rewards, 0 where nothing was said, shape (B, T-1).

    Source: Llama 2, arXiv:2307.09288, section 3.2.3; per token: InstructGPT, arXiv:2203.02155, appendix C.4.
    """
    rewards = -beta * log_ratios * said
    last = said.shape[1] - 1 - said.flip(1).int().argmax(1)  # (B,)
    rewards[torch.arange(len(scores)), last] += scores
    return rewards


def advantages_of(rewards: Tensor, values: Tensor, said: Tensor, gamma: float, lam: float) -> Tensor:
    """Generalised advantage estimation: how much better it went from each place than the critic had thought.

    Args:
        rewards: of tokens, shape (B, T-1).
        values: what the critic expects from each place on, shape (B, T-1).
        said: which places count, without a gap in a row, bool, shape (B, T-1).
        gamma: what a reward one token later is worth.
        lam: 1 trusts the rewards alone, 0 the critic's next value.

    Returns:
        Advantages, 0 where nothing was said, shape (B, T-1).

    Source: Schulman and others, arXiv:1506.02438, equation 16.
    """
    found = torch.zeros_like(rewards)
    value = advantage = torch.zeros_like(rewards[:, 0])  # (B,); of the place after
    for place in reversed(range(rewards.shape[1])):
        surprise = rewards[:, place] + gamma * value - values[:, place]
        advantage = (surprise + gamma * lam * advantage) * said[:, place]
        value = values[:, place] * said[:, place]
        found[:, place] = advantage
    return found


def whiten(x: Tensor, said: Tensor) -> Tensor:
    """Shift and scale to mean 0 and deviation 1 over the places that count; 0 elsewhere, shape (B, T-1)."""
    kept = x[said]
    return (x - kept.mean()) / kept.std(correction=0).clamp(min=1e-4) * said


def clipped_loss(log_probs: Tensor, old: Tensor, advantages: Tensor, said: Tensor, clip: float) -> Tensor:
    """PPO's loss, a mean over the places that count: one number.

    Args:
        log_probs: of the tokens under the policy as it is, shape (B, T-1).
        old: under the policy that wrote them, shape (B, T-1).
        advantages: shape (B, T-1).
        said: which places count, bool, shape (B, T-1).
        clip: how far the ratio may lead from 1 before it pays no more.

    Source: Schulman and others, arXiv:1707.06347, equation 7.
    """
    ratios = (log_probs - old).exp()
    gains = torch.minimum(ratios * advantages, ratios.clamp(1 - clip, 1 + clip) * advantages)
    return -gains[said].mean()
