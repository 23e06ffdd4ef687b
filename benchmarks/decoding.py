"""Writing one text, by everyone in turns: each is timed from its first new token to its last."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from benchmarks.llama2c import Program
from benchmarks.machine import best_rates, rate_of, reading
from llama_lessons.arithmetic import kv_cache_bytes
from llama_lessons.checkpoints import save
from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate, stream
from llama_lessons.model import Llama

NEW_TOKENS = 128  # after <s>
MANY_TOKENS = 32  # of each of many texts


def bytes_per_step(config: LlamaConfig) -> float:
    """What decoding one token reads, at the mean length of the text: all weights but the embedding table, the cache."""
    weights = 4 * (config.n_params - config.vocab_size * config.dim)
    return weights + kv_cache_bytes(config, NEW_TOKENS // 2, dtype="float32")


def as_transformers(model: Llama) -> nn.Module:
    """The same weights in transformers' own model."""
    with tempfile.TemporaryDirectory() as folder:
        save(model, f"{folder}/model", format="hf")
        theirs = AutoModelForCausalLM.from_pretrained(f"{folder}/model", dtype=torch.float32)
    theirs.generation_config.eos_token_id = None  # both write every token they are asked for
    return theirs


class Clock:
    """Notes when each token comes; transformers calls it a streamer, and hands the prompt over first."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: object) -> None:
        """A token has come."""
        self.times.append(time.perf_counter())

    def end(self) -> None:
        """The text is finished."""

    def rate(self, first: int) -> float:
        """Tokens a second from the one numbered `first` to the last."""
        return (len(self.times) - 1 - first) / (self.times[-1] - self.times[first])


def ours(model: Llama, compile: bool) -> Callable[[], float]:
    """A job for `best_rates`."""

    def job() -> float:
        clock = Clock()
        for token in stream(model, [1], NEW_TOKENS, temperature=0, compile=compile):
            clock.put(token)
        return clock.rate(0)

    return job


def transformers(theirs: nn.Module, n_rows: int, n_tokens: int, streamer: Clock | None = None) -> list[list[int]]:
    """What transformers writes after <s> in every row, greedily."""
    ids = torch.ones(n_rows, 1, dtype=torch.int64)
    settings = {"max_new_tokens": n_tokens, "do_sample": False, "pad_token_id": 0, "streamer": streamer}
    return theirs.generate(ids, attention_mask=torch.ones_like(ids), **settings)[:, 1:].tolist()


def one_row(model: Llama, theirs: nn.Module, program: Path | None) -> tuple[dict[str, float], float]:
    """Tokens a second of all who write one text, by name, and the roof: how often a second as many bytes are read."""
    expected = generate(model, [[1]], NEW_TOKENS, temperature=0)
    assert transformers(theirs, 1, NEW_TOKENS) == expected, "transformers wrote another text"
    assert generate(model, [[1]], NEW_TOKENS, temperature=0, compile=True) == expected, "the program wrote another text"

    def hugging_face() -> float:
        clock = Clock()
        transformers(theirs, 1, NEW_TOKENS, clock)
        return clock.rate(1)

    jobs = {"plain": ours(model, False), "compiled": ours(model, True), "transformers": hugging_face}
    readers = reading(bytes_per_step(model.config), model.config.dim)
    with ExitStack() as stack:
        if program:
            run = stack.enter_context(Program(program, model, NEW_TOKENS, torch.get_num_threads()))
            jobs["llama2.c"] = run.tokens_per_second
        turns: dict[str, Callable[[], float]] = {}
        for who, job in jobs.items():  # reading comes after everyone's turn: no good moment of the machine is missed
            turns |= {who: job, **{f"{how} after {who}": reader for how, reader in readers.items()}}
        best = best_rates(turns)
    return {who: best[who] for who in jobs}, max(rate for name, rate in best.items() if name not in jobs)


def many_rows(model: Llama, theirs: nn.Module, n_rows: int) -> dict[str, float]:
    """Tokens a second of many texts at a time, prompt included."""
    prompts, amount = [[1]] * n_rows, n_rows * MANY_TOKENS
    jobs = {
        "plain": lambda: generate(model, prompts, MANY_TOKENS, temperature=0),
        "compiled": lambda: generate(model, prompts, MANY_TOKENS, temperature=0, compile=True),
        "transformers": lambda: transformers(theirs, n_rows, MANY_TOKENS),
    }
    return best_rates({name: rate_of(job, amount) for name, job in jobs.items()})
