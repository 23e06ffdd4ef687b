"""One text, read and written on with a cache, and a record of what every step computed and left in the cache."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from llama_lessons.attention import KVCache
from llama_lessons.model import Llama
from llama_lessons.rope import rope_angles, rotate

Way = Callable[[Llama, Tensor, KVCache], Tensor]  # model, new ids (1, T), cache -> logits (1, T, V)
EMPTY = -1  # in a place of the cache that holds no token


@dataclass(frozen=True)
class Step:
    """One call of the model.

    Args:
        first: the new tokens are those from this one on, counted in the whole text ...
        end: ... up to this one, itself not among them.
        prompt: whether they are the reader's (prefill) or the model's own (decoding).
        start: the place in the cache where the first of them was written.
        places: which token lies in each place of the cache, EMPTY where none does.
        filled: the cache's own `length` after the step.
        norms: lengths of keys and values in each place, shape (L, Hkv, 2, max_seq_len); 0 where nothing lies.
        again: tokens that would be computed in this step without a cache, less the new ones.
    """

    first: int
    end: int
    prompt: bool
    start: int
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


def forget(cache: KVCache, n_tokens: int, keep: int = 0, turn: bool = True) -> None:
    """Drop the oldest tokens of a cache and move the others up, as if they had been read in their new places.

    What they once took from the dropped tokens stays in them.

    Args:
        cache: changed in place.
        n_tokens: how many to drop.
        keep: how many at the very start to keep.
        turn: turn the keys back by n_tokens positions (for Llama 2's theta); without it they stay where they were read.

    Source: Efficient Streaming Language Models with Attention Sinks, arXiv:2309.17453, section 3.2.
    """
    old, new = slice(keep + n_tokens, cache.length), slice(keep, cache.length - n_tokens)
    keys = cache.keys[:, :, :, old].clone()  # (L, B, Hkv, S, D)
    if turn:
        angles = rope_angles(torch.tensor([n_tokens], device=keys.device), keys.shape[-1])  # (1, D//2)
        rows = keys.flatten(0, 2)[:, :, None]  # each head's keys as the text of one head
        keys = rotate(rows, angles.cos(), -angles.sin())[:, :, 0].view_as(keys)
    cache.keys[:, :, :, new] = keys
    cache.values[:, :, :, new] = cache.values[:, :, :, old].clone()
    cache.length -= n_tokens
    cache.keys[:, :, :, cache.length :] = 0
    cache.values[:, :, :, cache.length :] = 0


RULES: dict[str, Callable[[KVCache, int], None] | None] = {  # what to do when the cache is full
    "stop": None,
    "forget the oldest": forget,
    "forget the oldest, keep <s>": partial(forget, keep=1),
    "forget the oldest, leave the keys unturned": partial(forget, turn=False),
}
KEEPS = "forget the oldest, keep <s>"


class Reader:
    """A model, a cache of limited room, and a record.

    Args:
        model: the model.
        ids: the prompt.
        room: tokens that the cache has room for.
        rule: a key of `RULES`.
        way: how new tokens are read.
    """

    def __init__(self, model: Llama, ids: list[int], room: int, rule: str, way: Way) -> None:
        self.model, self.ids, self.rule, self.way = model, list(ids), rule, way
        self.n_prompt = len(ids)
        self.cache = model.new_cache(1, room)
        self.places = [EMPTY] * room
        self.steps: list[Step] = []

    def has_room(self, n_tokens: int) -> bool:
        """Whether n_tokens more go in, after making room if the rule is to."""
        missing = self.cache.length + n_tokens - self.cache.max_seq_len
        if missing <= 0:
            return True
        make_room = RULES[self.rule]
        if make_room is None:
            return False
        make_room(self.cache, missing)
        keep = int(self.rule == KEEPS)
        self.places = self.places[:keep] + self.places[keep + missing :] + [EMPTY] * missing
        return True

    def read(self, first: int, end: int) -> Tensor:
        """Read the tokens first ... end - 1 of the text; the logits after the last one, shape (V,)."""
        start, prompt = self.cache.length, first < self.n_prompt
        self.places[start : start + end - first] = range(first, end)
        tokens = torch.tensor([self.ids[first:end]], device=self.cache.keys.device)
        logits = self.way(self.model, tokens, self.cache)[0, -1]
        memory = torch.stack((self.cache.keys, self.cache.values), dim=3)[:, 0]  # (L, Hkv, 2, max_seq_len, D)
        norms = memory.float().norm(dim=-1).nan_to_num()  # (L, Hkv, 2, max_seq_len)
        again = 0 if prompt else min(end, self.cache.max_seq_len) - 1
        places = self.places.copy()
        self.steps.append(Step(first, end, prompt, start, places, self.cache.length, norms.cpu(), again))
        return logits

    def run(self, max_new_tokens: int, stop_ids: Collection[int], at_once: int) -> Run:
        """Read the prompt, at most at_once tokens in a step, then write on, each time the likeliest token."""
        at_once = min(at_once, self.cache.max_seq_len)
        for first in range(0, self.n_prompt, at_once):
            end = min(first + at_once, self.n_prompt)
            if not self.has_room(end - first):
                return self._end("the cache is full before the prompt is read")
            logits = self.read(first, end)
        for _ in range(max_new_tokens):
            if logits.isnan().any():
                return self._end("some numbers are no numbers (nan): nothing can be chosen")
            if (token := int(logits.argmax())) in stop_ids:
                return self._end("the model ended its text")
            self.ids.append(token)
            if not self.has_room(1):
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
    room: int = 96,
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
        room: tokens that the cache has room for.
        rule: a key of `RULES`: what to do when it is full.
        at_once: the most tokens of the prompt to read in one step.
        way: what reads new tokens, (1, T) -> (1, T, V).
    """
    return Reader(model, ids, room, rule, way).run(max_new_tokens, stop_ids, at_once)
