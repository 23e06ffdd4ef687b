"""One text, read and written on with a cache, and a record of what every step computed and left in the cache."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from llama_lessons.attention import KVCache
from llama_lessons.model import Llama
from llama_lessons.widgets.cache_full import KEEPS, RULES

Way = Callable[[Llama, Tensor, KVCache], Tensor]  # model, new ids (1, T), cache -> logits (1, T, V)
EMPTY = -1  # in a place of the cache that holds no token


@dataclass(frozen=True)
class Step:
    """One call of the model.

    Args:
        first: the new tokens are those from this one on, counted in the whole text ...
        end: ... up to this one, itself not among them.
        prompt: whether they are the reader's (prefill) or the model's own (decoding).
        written: the places in the cache that were written to, as found by comparing its memory before and after.
        places: which token lies in each place of the cache, EMPTY where none does.
        filled: the cache's own `length` after the step.
        norms: lengths of keys and values in each place, shape (L, Hkv, 2, max_seq_len); 0 where nothing lies.
        again: tokens that would be computed in this step without a cache, less the new ones.
    """

    first: int
    end: int
    prompt: bool
    written: list[int]
    places: list[int]
    filled: int
    norms: Tensor
    again: int


@dataclass(frozen=True)
class Run:
    """A text and how it came about.

    Args:
        ids: prompt and what was written.
        n_prompt: how many of them are the prompt's.
        steps: one for every call of the model.
        end: why it ended.
    """

    ids: list[int]
    n_prompt: int
    steps: list[Step]
    end: str


def as_built(model: Llama, tokens: Tensor, cache: KVCache) -> Tensor:
    """The right way to read new tokens: ids (1, T) -> logits (1, T, V)."""
    return model(tokens, cache)


class Reader:
    """A model, a cache of limited capacity, and a record.

    Args:
        model: the model.
        ids: the prompt.
        capacity: tokens that the cache has room for.
        rule: a key of `RULES`.
        way: how new tokens are read.
    """

    def __init__(self, model: Llama, ids: list[int], capacity: int, rule: str, way: Way) -> None:
        self.model, self.ids, self.rule, self.way = model, list(ids), rule, way
        self.n_prompt = len(ids)
        self.cache = model.new_cache(1, capacity)
        self.places = [EMPTY] * capacity
        self.steps: list[Step] = []

    def fits(self, n_tokens: int) -> bool:
        """Whether n_tokens more go in, after making room if the rule is to."""
        missing = self.cache.length + n_tokens - self.cache.max_seq_len
        if missing <= 0:
            return True
        evict, keep = RULES[self.rule], self._keep
        if evict is None or self.cache.length - keep < missing:
            return False
        evict(self.cache, missing)
        self.places = self.places[:keep] + self.places[keep + missing :] + [EMPTY] * missing
        return True

    @property
    def _keep(self) -> int:
        return int(self.rule == KEEPS)

    def read(self, first: int, end: int) -> Tensor:
        """Read the tokens first ... end - 1 of the text; the logits after the last one, shape (V,)."""
        before, start = self._memory().clone(), self.cache.length
        tokens = torch.tensor([self.ids[first:end]], device=self.cache.keys[0].device)
        logits = self.way(self.model, tokens, self.cache)[0, -1]
        memory = self._memory()
        written = (memory != before).any(-1).any(2).any(1).any(0).nonzero().flatten().tolist()
        if len(written) != end - first:  # what was written equals what was there, or the way wrote as it liked
            written = [place for place in range(start, start + end - first) if place < len(self.places)]
        for place, token in zip(written, range(first, end), strict=False):
            self.places[place] = token
        norms = memory.float().norm(dim=-1).nan_to_num()  # (L, Hkv, 2, max_seq_len)
        prompt = first < self.n_prompt
        again = 0 if prompt else min(end, self.cache.max_seq_len) - 1
        places, filled = self.places.copy(), self.cache.length
        self.steps.append(Step(first, end, prompt, written, places, filled, norms.cpu(), again))
        return logits

    def _memory(self) -> Tensor:
        """Keys and values of the one text: (L, Hkv, 2, max_seq_len, D)."""
        return torch.stack(
            [torch.stack((k[0], v[0]), 1) for k, v in zip(self.cache.keys, self.cache.values, strict=True)]
        )

    def run(self, max_new_tokens: int, stop_ids: Collection[int], at_once: int) -> Run:
        """Read the prompt, at most at_once tokens in a step, then write on, each time the likeliest token."""
        at_once = max(1, min(at_once, self.cache.max_seq_len - self._keep))
        for first in range(0, self.n_prompt, at_once):
            end = min(first + at_once, self.n_prompt)
            if not self.fits(end - first):
                return self._end("the cache is full before the prompt is read")
            logits = self.read(first, end)
        for n_written in range(1, max_new_tokens + 1):
            if logits.isnan().any():
                return self._end("some numbers are no numbers (nan): nothing can be chosen")
            if (token := int(logits.argmax())) in stop_ids:
                return self._end("the model ended its text")
            self.ids.append(token)
            if n_written == max_new_tokens:
                break  # nothing comes after it, so it need not be read
            if not self.fits(1):
                return self._end("the cache is full")
            logits = self.read(len(self.ids) - 1, len(self.ids))
        return self._end(f"{max_new_tokens} tokens were asked for")

    def _end(self, why: str) -> Run:
        return Run(self.ids, self.n_prompt, self.steps, why)


@torch.inference_mode()
def run(
    model: Llama,
    ids: list[int],
    max_new_tokens: int,
    stop_ids: Collection[int] = (),
    capacity: int = 96,
    rule: str = "stop",
    at_once: int = 2**30,
    way: Way = as_built,
) -> Run:
    """Read a prompt and write on greedily, with a record of each step.

    Args:
        model: the model.
        ids: the prompt, not empty.
        max_new_tokens: the most tokens to write.
        stop_ids: ids that end the text; they are not added.
        capacity: tokens that the cache has room for.
        rule: a key of `RULES`: what to do when it is full.
        at_once: the most tokens of the prompt to read in one step.
        way: what reads new tokens, (1, T) -> (1, T, V).
    """
    return Reader(model, ids, capacity, rule, way).run(max_new_tokens, stop_ids, at_once)
