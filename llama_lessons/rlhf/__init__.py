"""RLHF: a reward model from pairs of answers, the best of several answers, and PPO."""

from llama_lessons.rlhf.pairs import pair_batch
from llama_lessons.rlhf.ppo import PPO
from llama_lessons.rlhf.ppo_config import PPOConfig
from llama_lessons.rlhf.rejection import best_of, kl_of_best
from llama_lessons.rlhf.reward import RewardModel, combined, pair_loss, reward_loss, score
from llama_lessons.rlhf.reward_files import load_reward_model, save_reward_model
from llama_lessons.rlhf.samples import Answer, sample_answers

__all__ = [
    "PPO",
    "Answer",
    "PPOConfig",
    "RewardModel",
    "best_of",
    "combined",
    "kl_of_best",
    "load_reward_model",
    "pair_batch",
    "pair_loss",
    "reward_loss",
    "sample_answers",
    "save_reward_model",
    "score",
]
