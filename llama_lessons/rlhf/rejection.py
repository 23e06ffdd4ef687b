"""The best of several answers: what a reward model is good for without any training."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from llama_lessons.model import Llama
from llama_lessons.rlhf.samples import Answer, Request, Reward, sample_answers
from llama_lessons.tokenizer import Tokenizer


def best_of(
    model: Llama,
    tok: Tokenizer,
    requests: Sequence[Request],
    reward: Reward,
    k: int,
    max_new_tokens: int = 32,
    temperature: float = 1.0,
    seed: int = 0,
) -> tuple[list[list[Answer]], Tensor]:
    """Sample K answers to every request and have them judged; `rewards.argmax(1)` are the best ones.

    Args:
        model: the model.
        tok: its tokenizer.
        requests: what is asked (N of them).
        reward: judges answers.
        k: answers for each request (K).
        max_new_tokens, temperature, seed: see `sample_answers`.

    Returns:
        For each request its answers, and their rewards, shape (N, K).

    Raises:
        ValueError: k is below 1, or there are no requests.

    Source: Llama 2, arXiv:2307.09288, section 3.2.3 (rejection sampling).
    """
    if k < 1 or not requests:
        raise ValueError(f"k must be at least 1 and requests not empty, got k = {k} and {len(requests)} requests")
    repeated = [request for request in requests for _ in range(k)]
    answers = sample_answers(model, tok, repeated, max_new_tokens, temperature, seed)
    rewards = reward(repeated, answers).view(-1, k)  # (N, K)
    return [answers[row * k : row * k + k] for row in range(len(requests))], rewards


def best_of_fewer(rewards: Tensor, others: Tensor, k: int) -> tuple[float, float]:
    """Mean reward of the best of k, and what those answers get from another judge, from more than k samples.

    The samples are shared out into groups of k; so each counts, whatever k is.

    Args:
        rewards: by which the best is chosen, shape (N, K); K a multiple of k.
        others: of the same answers by the other judge, shape (N, K).
        k: how many to choose from.

    Raises:
        ValueError: K is no multiple of k.
    """
    if k < 1 or rewards.shape[1] % k:
        raise ValueError(f"k must divide the {rewards.shape[1]} samples of each request, got {k}")
    best, place = rewards.unflatten(1, (-1, k)).max(2)  # (N, K//k) twice
    chosen = others.unflatten(1, (-1, k)).gather(2, place[:, :, None])
    return float(best.mean()), float(chosen.float().mean())


def kl_of_best(k: int) -> float:
    """KL divergence of the best of k from a single sample, in nats: log k - (k - 1) / k, at most.

    Source: Stiennon and others, arXiv:2009.01325, appendix G.3.
    """
    return math.log(k) - (k - 1) / k
