"""Rejection-sampling fine-tuning: the chat model writes, the reward model picks, and the chat model learns the best."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch

from llama_lessons.align.chat import ROWS, SEQ_LEN, encoded
from llama_lessons.batches import Batch, pack_whole
from llama_lessons.checkpoints import load, save
from llama_lessons.device import multiplies_bfloat16
from llama_lessons.files import data_path
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.pretrain import WATTS_PER_CORE, last_loss
from llama_lessons.rlhf.rejection import best_of
from llama_lessons.rlhf.reward_files import load_reward_model
from llama_lessons.rlhf.samples import Reward, learned_reward
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer
from llama_lessons.world.chats import chats
from llama_lessons.world.draw import Draw, Weighted
from llama_lessons.world.instructions import Instruction, turns
from llama_lessons.world.requests import Request, all_requests

K = 8  # answers to each request
N_REQUESTS = {"harmful": 150, "harmless": 900, "fact": 250}
STEPS = 90
QUICK_REQUESTS, QUICK_STEPS, QUICK_LOSS = {"harmful": 12, "harmless": 12, "fact": 24}, 12, 0.4
OLD_MIX = {"wish": 0.5, "story": 0.2, "talk": 0.2, "hello": 0.05, "choice": 0.05}  # what must not be forgotten
SHARES = {"old": 0.25, "harmful": 0.25, "harmless": 0.3, "fact": 0.2}  # of the conversations; "old" are of OLD_MIX
KEEP_ABOVE = 1.0  # reward in logits: what is judged worse is not learned, though it be the best of K


def drawn(counts: dict[str, int], seed: int) -> list[Request]:
    """So many different requests of each kind, all of the training."""
    draw, found = Draw(seed), all_requests("train")
    return [request for kind, count in counts.items() for request in draw.picks(found[kind], count)]


def best_answers(
    model: Llama, tok: Tokenizer, reward: Reward, requests: list[Request], seed: int
) -> list[tuple[Request, str, float]]:
    """The best of K sampled answers to each request, with its reward; those that the judge finds bad are left out."""
    answers, rewards = best_of(model, tok, requests, reward, K, seed=seed)
    best, places = rewards.max(1)  # (N,) twice
    found = [
        (request, some[place].text, float(value))
        for request, some, place, value in zip(requests, answers, places.tolist(), best, strict=True)
        if value > KEEP_ABOVE and some[place].ended
    ]
    return found


def mixed(best: list[tuple[Request, str, float]], seed: int) -> Iterator[Instruction]:
    """Conversations without end: the best answers, and some of all else that the chat model can do."""
    draw, old, kinds = Draw(seed), chats("train", seed, OLD_MIX), Weighted(SHARES)
    while True:
        kind = kinds.pick(draw)
        if kind == "old":
            yield next(old)
        else:
            request, answer, _ = draw.pick([found for found in best if found[0].kind == kind])
            yield Instruction(kind, turns(request.prompt, answer))


def batch_at(step: int, tok: Tokenizer, best: list[tuple[Request, str, float]], seed: int) -> Batch:
    """The batch of a step, drawn from a seed of its own."""
    return pack_whole(encoded(mixed(best, (seed + 1) * 1_000_000 + step), tok), ROWS, SEQ_LEN, tok.eos_id)
