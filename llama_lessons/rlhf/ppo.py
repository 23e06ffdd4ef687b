"""PPO: the model writes, is judged, and is moved a little towards what was judged better than expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from llama_lessons.model import Llama
from llama_lessons.rlhf.advantages import advantages_of, clipped_loss, token_rewards, whiten
from llama_lessons.rlhf.pairs import padded
from llama_lessons.rlhf.ppo_config import PPOConfig, PPOMetrics
from llama_lessons.rlhf.reward import log_probs_where, said_at
from llama_lessons.rlhf.samples import Answer, Request, Reward, sample_answers
from llama_lessons.tokenizer import Tokenizer


@dataclass(frozen=True)
class Rollout:
    """A round's answers, and what was thought of each of their tokens before anything was learned from them.

    Args:
        tokens: requests and answers, padded, int64, shape (B, T).
        said: which places a token was written after, bool, shape (B, T-1).
        log_probs: of those tokens under the policy, shape (B, T-1).
        log_ratios: less those under the reference, shape (B, T-1).
        advantages: whitened, shape (B, T-1).
        returns: what the critic should have expected, shape (B, T-1).
    """

    tokens: Tensor
    said: Tensor
    log_probs: Tensor
    log_ratios: Tensor
    advantages: Tensor
    returns: Tensor


class Critic(nn.Module):
    """Expects, after every token, what reward is still to come.

    Args:
        trunk: the reward model's: what it reads in a text is what decides about the reward. It stays as it is; only a
            head on it is trained.
    """

    def __init__(self, trunk: Llama) -> None:
        super().__init__()
        self.trunk = trunk
        self.value = nn.Linear(trunk.config.dim, 1, bias=False).to(trunk.embedding.weight)
        nn.init.zeros_(self.value.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) -> values after all tokens but the last, (B, T-1)."""
        with torch.no_grad():
            hidden = self.trunk.hidden(tokens)[:, :-1]  # (B, T-1, C)
        return self.value(hidden)[:, :, 0]


class PPO:
    """A policy in training.

    Args:
        policy: the model, trained in place; what it is now is kept as the reference.
        critic: its head is trained with it.
        reward: judges answers.
        requests_at: the requests of an iteration, counted from 0: `batch_size` of them.
        tok: the tokenizer.
        config: how.

    Attributes:
        reference: the policy as it was. iteration: rounds done.
        scales: mean and deviation of what the reference's answers get, to requests that are tagged and to the others.
    """

    def __init__(
        self,
        policy: Llama,
        critic: Critic,
        reward: Reward,
        requests_at: Callable[[int], Sequence[Request]],
        tok: Tokenizer,
        config: PPOConfig,
    ) -> None:
        self.policy, self.critic, self.reward, self.requests_at = policy, critic, reward, requests_at
        self.tok, self.config, self.iteration = tok, config, 0
        self.reference = deepcopy(policy).requires_grad_(False)
        self.scales: dict[bool, tuple[float, float]] = {}
        adamw = {"betas": (0.9, 0.95), "eps": 1e-5, "weight_decay": 0.0}
        self.optimizers = [
            torch.optim.AdamW(policy.parameters(), lr=config.lr, **adamw),
            torch.optim.AdamW(critic.value.parameters(), lr=config.critic_lr, **adamw),
        ]
        self.draws = torch.Generator().manual_seed(config.seed)

    def run(self) -> Iterator[PPOMetrics]:
        """Train to the end of the config, handing out each iteration's metrics."""
        while self.iteration < self.config.n_iterations:
            requests = self.requests_at(self.iteration)
            seed = self.config.seed * 100_000 + self.iteration
            answers = sample_answers(self.policy, self.tok, requests, self.config.max_new_tokens, 1.0, seed)
            rewards = self.reward(requests, answers)  # (B,)
            order = torch.randperm(len(answers), generator=self.draws)  # the same rows are always computed together
            parts = order.split(self.config.minibatch_size)
            rollout = self.look_back(answers, self.whitened(rewards, requests, answers), parts)
            first_ratio, clipped, value_loss = self.learn(rollout, parts)
            self.iteration += 1
            kl = float(rollout.log_ratios.sum(1).mean())
            yield PPOMetrics(
                self.iteration, float(rewards.mean()), kl, first_ratio, clipped, value_loss, requests, answers
            )

    def whitened(self, rewards: Tensor, requests: Sequence[Request], answers: Sequence[Answer]) -> Tensor:
        """Rewards as they are learned from, (B,): of mean 0 and deviation 1 for the reference, clipped.

        Tagged requests are judged by another score than the rest, so each of the two has a mean and deviation of its
        own. An answer that does not end gets the least there is.
        """
        tagged = torch.tensor([request.tagged for request in requests])
        for tag in {True, False} - self.scales.keys():
            some = rewards[tagged == tag]
            if len(some) > 1:
                self.scales[tag] = float(some.mean()), max(float(some.std()), self.config.min_deviation)
        mean, deviation = torch.tensor([self.scales[request.tagged] for request in requests]).unbind(1)
        most = self.config.max_score
        ended = torch.tensor([answer.ended for answer in answers])
        return torch.where(ended, ((rewards - mean) / deviation).clamp(-most, most), -most)

    @torch.no_grad()
    def look_back(self, answers: Sequence[Answer], scores: Tensor, parts: Sequence[Tensor]) -> Rollout:
        """What policy, reference and critic think of answers with these scores, (B,)."""
        batch = padded([(answer.prompt + answer.ids, len(answer.prompt)) for answer in answers])
        tokens, lengths, starts = (part.to(self.policy.embedding.weight.device) for part in batch)
        said = said_at(tokens, lengths, starts)  # (B, T-1)
        log_probs, theirs, values = (torch.zeros(said.shape, device=tokens.device) for _ in range(3))
        for rows in parts:
            log_probs[rows] = answer_log_probs(self.policy, tokens[rows], said[rows])
            theirs[rows] = answer_log_probs(self.reference, tokens[rows], said[rows])
            values[rows] = self.critic(tokens[rows]) * said[rows]
        log_ratios = log_probs - theirs
        rewards = token_rewards(scores.to(tokens.device), log_ratios, said, self.config.beta)
        advantages = advantages_of(rewards, values, said, self.config.gamma, self.config.lam)
        return Rollout(tokens, said, log_probs, log_ratios, whiten(advantages, said), advantages + values)

    def learn(self, rollout: Rollout, parts: Sequence[Tensor]) -> tuple[float, float, float]:
        """Take a step on every minibatch, `epochs` times.

        Args:
            rollout: the round's answers. parts: which rows, shape (B,) together, are a minibatch.

        Returns:
            The first minibatch's largest distance of a ratio from 1, the share clipped, and the critic's loss.
        """
        first_ratio, clipped, errors = math.nan, [], []
        for _ in range(self.config.epochs):
            clipped, errors = [], []
            for rows in parts:
                tokens, said, old = rollout.tokens[rows], rollout.said[rows], rollout.log_probs[rows]
                log_probs = answer_log_probs(self.policy, tokens, said)
                distance = ((log_probs.detach() - old).exp() - 1).abs()[said]
                first_ratio = float(distance.max()) if math.isnan(first_ratio) else first_ratio
                clipped.append(float((distance > self.config.clip).float().mean()))
                loss = clipped_loss(log_probs, old, rollout.advantages[rows], said, self.config.clip)
                error = (self.critic(tokens) - rollout.returns[rows])[said].pow(2).mean()
                errors.append(float(error.detach()))
                self._step(loss + error)
        return first_ratio, sum(clipped) / len(clipped), sum(errors) / len(errors)

    def _step(self, loss: Tensor) -> None:
        """Policy and critic share no weight: one backward pass serves both."""
        loss.backward()
        learners = self.optimizers if self.iteration >= self.config.critic_rounds else self.optimizers[1:]
        for optimizer in learners:
            nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1.0)
            optimizer.step()
        for optimizer in self.optimizers:
            optimizer.zero_grad()


def answer_log_probs(model: Llama, tokens: Tensor, said: Tensor) -> Tensor:
    """Log-probabilities of the tokens after the places that count: (B, T), (B, T-1) -> nats, (B, T-1)."""
    return log_probs_where(model, model.hidden(tokens), tokens, said)
