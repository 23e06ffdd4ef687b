"""The checks of lesson 10: the reward model's loss, the reward of each token, advantages, and PPO's loss.

The references go number by number, and write each formula in another form than the lesson.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.checks.advantages_mistakes import ADVANTAGES_MISTAKES
from llama_lessons.checks.clipped_loss_mistakes import CLIPPED_LOSS_MISTAKES
from llama_lessons.checks.exercise import check
from llama_lessons.checks.pair_loss_mistakes import PAIR_LOSS_MISTAKES
from llama_lessons.checks.token_rewards_mistakes import TOKEN_REWARDS_MISTAKES


def _draw(*shape: int, seed: int) -> Tensor:
    """Random numbers of any shape, the same each time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


PAIR_LOSS_EXAMPLES = [  # chosen, rejected, margin, (B,) each
    (torch.tensor([2.0, 0.5]), torch.tensor([0.5, 1.0]), torch.tensor([0.25, 1.0])),
    (_draw(5, seed=1), _draw(5, seed=2), torch.tensor([1.0, 2 / 3, 1 / 3, 0.0, 1.0])),
    (_draw(3, seed=3), _draw(3, seed=4), torch.tensor([3.0, 2.0, 1.0])),
    (torch.tensor([3.0, -1.0, 0.5]), torch.tensor([1.0, 1.5, 0.5]), torch.tensor([0.0, 0.0, 0.0])),
    (torch.tensor([-70.0, 4.0]), torch.tensor([80.0, 1.0]), torch.tensor([1.0, 0.5])),  # sigmoid(-151) rounds to 0
]


def pair_loss(chosen: Tensor, rejected: Tensor, margin: Tensor) -> Tensor:
    """Mean over pairs of -log sigmoid(chosen - rejected - margin), pair by pair.

    Args:
        chosen: scores of the better answers, shape (B,).
        rejected: scores of the worse ones, shape (B,).
        margin: by how much the better should lead at least, shape (B,).

    Returns:
        One number, in nats.
    """
    losses = []
    for better, worse, least in zip(chosen.tolist(), rejected.tolist(), margin.tolist(), strict=True):
        behind = worse + least - better
        losses.append(max(behind, 0.0) + math.log1p(math.exp(-abs(behind))))  # log(1 + e**behind), and no overflow
    return torch.tensor(sum(losses) / len(losses))


def check_pair_loss(answer: Callable) -> None:
    """Check `my_pair_loss(chosen, rejected, margin)`: what `pair_loss` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, pair_loss, PAIR_LOSS_EXAMPLES, PAIR_LOSS_MISTAKES)


REWARD_EXAMPLES = [  # log_probs, ref_log_probs (B, T), scores (B,), lengths (B,), beta
    (
        torch.tensor([[-1.0, -2.0, -0.5, -3.0]]),
        torch.tensor([[-1.5, -1.0, -0.5, -1.0]]),
        torch.tensor([2.0]),
        torch.tensor([3]),
        0.5,
    ),
    (-_draw(3, 5, seed=5).abs(), -_draw(3, 5, seed=6).abs(), _draw(3, seed=7), torch.tensor([4, 2, 3]), 0.1),
    (-_draw(2, 4, seed=8).abs(), -_draw(2, 4, seed=9).abs(), _draw(2, seed=10), torch.tensor([4, 3]), 2.0),
    (-_draw(4, 6, seed=11).abs(), -_draw(4, 6, seed=12).abs(), _draw(4, seed=13), torch.tensor([3, 6, 5, 2]), 0.0),
]


def token_rewards(log_probs: Tensor, ref_log_probs: Tensor, scores: Tensor, lengths: Tensor, beta: float) -> Tensor:
    """The reward of every token of every answer, token by token.

    Args:
        log_probs: of the tokens under the policy, shape (B, T).
        ref_log_probs: of the same tokens under the model that it began as, shape (B, T).
        scores: of the answers, by the reward model, shape (B,).
        lengths: tokens of each answer; behind them stands padding. Integer, shape (B,).
        beta: what a nat of distance costs.

    Returns:
        Shape (B, T); 0 behind an answer's end.
    """
    rewards = torch.zeros(log_probs.shape)
    for row, length in enumerate(lengths.tolist()):
        for place in range(length):
            rewards[row, place] = beta * (ref_log_probs[row, place] - log_probs[row, place])
        rewards[row, length - 1] += scores[row]
    return rewards


def check_token_rewards(answer: Callable) -> None:
    """Check `my_token_rewards`: what `token_rewards` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, token_rewards, REWARD_EXAMPLES, TOKEN_REWARDS_MISTAKES)


ADVANTAGE_EXAMPLES = [  # rewards, values (T,), gamma, lam
    (torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.25, 0.5, 0.75]), 1.0, 0.5),
    (torch.tensor([1.0, 2.0]), torch.tensor([0.5, 4.0]), 0.5, 0.25),
    (_draw(5, seed=14), _draw(5, seed=15), 0.9, 0.8),
    (_draw(4, seed=16), _draw(4, seed=17), 0.7, 1.0),
    (_draw(6, seed=18), _draw(6, seed=19), 1.0, 0.95),
    (_draw(3, seed=20), _draw(3, seed=21), 0.6, 0.0),
]


def advantages(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> Tensor:
    """Generalised advantages of one answer's tokens, as the sum that defines them: no running total.

    Args:
        rewards: of its tokens, shape (T,).
        values: what the critic expected before each token, shape (T,); after the last one comes nothing.
        gamma: what the next token's value is worth.
        lam: how far the critic is mistrusted; 0 looks one token ahead, 1 to the end.

    Returns:
        Shape (T,).

    Source: Schulman and others, arXiv:1506.02438, equation 16, cut off at the end.
    """
    expected = [*values.tolist(), 0.0]
    deltas = [reward + gamma * expected[t + 1] - expected[t] for t, reward in enumerate(rewards.tolist())]
    return torch.tensor(
        [sum((gamma * lam) ** k * delta for k, delta in enumerate(deltas[t:])) for t in range(len(deltas))]
    )


def check_advantages(answer: Callable) -> None:
    """Check `my_advantages(rewards, values, gamma, lam)`: what `advantages` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, advantages, ADVANTAGE_EXAMPLES, ADVANTAGES_MISTAKES)


CLIP_EXAMPLES = [  # log_probs, old_log_probs, advantages (N,), clip
    (torch.tensor([-1.0, -1.0]), torch.tensor([-1.5, -0.5]), torch.tensor([2.0, -3.0]), 0.25),
    (torch.tensor([-1.0, -2.0]), torch.tensor([-1.4, -1.2]), torch.tensor([-2.0, 3.0]), 0.25),
    (-_draw(9, seed=22).abs(), -_draw(9, seed=23).abs(), _draw(9, seed=24), 0.1),
    (-_draw(7, seed=25).abs(), -_draw(7, seed=26).abs(), _draw(7, seed=27), 0.4),
    (torch.tensor([-0.5, -2.0, -0.7]), torch.tensor([-0.5, -2.0, -0.7]), torch.tensor([1.0, -2.0, 0.5]), 0.2),
]


def clipped_loss(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """PPO's loss, token by token: what is gained by moving on ends at the edge of the allowed range.

    Args:
        log_probs: of the tokens under the policy as it is now, shape (N,).
        old_log_probs: of the same tokens when they were drawn, shape (N,).
        advantages: by how much each was better than expected, shape (N,).
        clip: how far a ratio may move from 1 before it earns no more.

    Returns:
        One number, the mean.

    Source: Schulman and others, arXiv:1707.06347, equation 7; as cases by the sign of the advantage.
    """
    losses = []
    for new, old, advantage in zip(log_probs.tolist(), old_log_probs.tolist(), advantages.tolist(), strict=True):
        ratio = math.exp(new) / math.exp(old)
        counted = min(ratio, 1 + clip) if advantage > 0 else max(ratio, 1 - clip)
        losses.append(-counted * advantage)
    return torch.tensor(sum(losses) / len(losses))


def check_clipped_loss(answer: Callable) -> None:
    """Check `my_clipped_loss`: what `clipped_loss` takes and gives.

    Raises:
        WrongAnswer: it is wrong; the message names the mistake.
    """
    check(answer, clipped_loss, CLIP_EXAMPLES, CLIPPED_LOSS_MISTAKES)
