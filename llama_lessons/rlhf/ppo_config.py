"""How PPO is run, and what it tells of each of its rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llama_lessons.rlhf.samples import Answer, Request


@dataclass(frozen=True, kw_only=True)
class PPOConfig:
    """How a policy is trained.

    Args:
        n_iterations: rounds of writing, judging and learning.
        batch_size: answers in a round.
        minibatch_size: answers in a step of the optimizers.
        epochs: how often a round's answers are learned from.
        lr, critic_lr: learning rates, constant, of policy and critic.
        beta: weight of the KL penalty.
        clip: how far from 1 a ratio may pay.
        gamma, lam: see `advantages_of`.
        max_score: whitened rewards are clipped to this, on both sides.
        critic_rounds: rounds at the beginning in which the critic learns alone, for a bad critic is worse than none.
        min_deviation: floor of the deviation by which scores are divided: else, where all answers are good, noise
            among them would be blown up.
        max_new_tokens: of an answer.
        seed: of all draws.

    Raises:
        ValueError: a number is out of its range.

    Source: Llama 2, arXiv:2307.09288, section 3.2.3: clip 0.2, beta 0.01, a rate of 1e-6 and 512 answers at 7B.
    """

    n_iterations: int = 18
    batch_size: int = 64
    minibatch_size: int = 32
    epochs: int = 1
    lr: float = 2e-4
    critic_lr: float = 1e-3
    beta: float = 0.05
    clip: float = 0.2
    gamma: float = 1.0
    lam: float = 0.95
    max_score: float = 3.0
    critic_rounds: int = 1
    min_deviation: float = 1.0
    max_new_tokens: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("n_iterations", "batch_size", "minibatch_size", "epochs", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("beta", "gamma", "lam", "lr", "critic_lr", "clip"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a finite number of at least 0, got {getattr(self, name)}")
        if self.batch_size % self.minibatch_size:
            raise ValueError(f"minibatch_size must divide batch_size = {self.batch_size}, got {self.minibatch_size}")


@dataclass(frozen=True)
class PPOMetrics:
    """What one iteration was like.

    Args:
        iteration: counted from 1.
        reward: mean of the answers' rewards, as the judge gave them.
        kl: mean log-ratio of whole answers to the reference, in nats.
        first_ratio: largest distance of a ratio from 1 before the first step.
        clipped: share of ratios that were clipped in the last epoch.
        value_loss: mean squared error of the critic.
        requests, answers: what was asked, and what the policy wrote before it learned from it.
    """

    iteration: int
    reward: float
    kl: float
    first_ratio: float
    clipped: float
    value_loss: float
    requests: Sequence[Request]
    answers: Sequence[Answer]
