"""Writing: read the prompts at once, then one token at a time, each computed from the last one and the cache."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import lru_cache, partial

import torch
from torch import Tensor

from llama_lessons.attention import KVCache
from llama_lessons.model import Llama
from llama_lessons.packed import PackedLlama, worth_packing
from llama_lessons.sampling import check_sampling, sample
from llama_lessons.static_cache import StaticCache

BACKEND = "inductor"  # of torch.compile


def generate(
    model: Llama,
    prompts: list[list[int]],
    max_new_tokens: int,
    temperature: float = 0.6,
    top_p: float = 0.9,
    top_k: int | None = None,
    stop_ids: Collection[int] = (),
    generator: torch.Generator | None = None,
    compile: bool = False,
) -> list[list[int]]:
    """Continue every prompt.

    Prompts of different lengths are read as Meta's code reads them: as much as the shortest has is read together,
    then one token at a time, a longer prompt's own next token taking the place of the model's. So nothing is padded.

    Args:
        model: the model.
        prompts: token ids, a list per sequence; none empty.
        max_new_tokens: the most tokens to write after each prompt.
        temperature: see `sampling.next_token_probs`; 0 is greedy.
        top_p: see `sampling.next_token_probs`.
        top_k: see `sampling.next_token_probs`.
        stop_ids: ids that end a sequence, usually `[tok.eos_id]`; the model itself knows of none.
        generator: source of randomness.
        compile: compile the decoding step into one graph of fixed shapes. The first call takes a minute or so, and
            so does another number of prompts or room; on a CPU it needs a C++ compiler. Worth it on a GPU, where
            starting small operations one by one takes longer than they do.

    Returns:
        Only the new ids, a list per prompt, without the stop id.

    A float32 model on a CPU is copied for the call when at least 64 tokens are asked for and its weights take at most
    1 GiB (see `packed`): the copy takes as much again.

    Raises:
        ValueError: an argument is out of range, or a prompt and its new tokens exceed the model's max_seq_len.

    Source: defaults and the reading of ragged prompts are those of generation.py in Meta's repository llama.
    """
    new: list[list[int]] = [[] for _ in prompts]
    done = [False] * len(prompts)
    for position, ids in _steps(model, prompts, max_new_tokens, temperature, top_p, top_k, generator, compile):
        for row, token in enumerate(ids):
            if done[row] or position < len(prompts[row]):
                continue
            if token not in stop_ids:
                new[row].append(token)
            done[row] = token in stop_ids or len(new[row]) == max_new_tokens
        if all(done):
            break
    return new


def stream(
    model: Llama,
    prompt: list[int],
    max_new_tokens: int,
    temperature: float = 0.6,
    top_p: float = 0.9,
    top_k: int | None = None,
    stop_ids: Collection[int] = (),
    generator: torch.Generator | None = None,
) -> Iterator[int]:
    """Continue one prompt, handing out each id as soon as it is chosen; arguments and errors as for `generate`."""
    for _, (token,) in _steps(model, [prompt], max_new_tokens, temperature, top_p, top_k, generator):
        if token in stop_ids:
            return
        yield token


@torch.inference_mode()
def _steps(
    model: Llama,
    prompts: list[list[int]],
    max_new_tokens: int,
    temperature: float,
    top_p: float,
    top_k: int | None,
    generator: torch.Generator | None,
    compile: bool = False,
) -> Iterator[tuple[int, list[int]]]:
    """Yield (position, one id per row) for every position after the shortest prompt."""
    _check(model, prompts, max_new_tokens)
    check_sampling(temperature, top_k, top_p)
    shortest, longest = min(map(len, prompts)), max(map(len, prompts))
    given = torch.full((len(prompts), longest), -1)  # (B, longest prompt), -1 where a prompt has ended
    for row, prompt in enumerate(prompts):
        given[row, : len(prompt)] = torch.tensor(prompt)
    given = given.to(model.embedding.weight.device)
    end = longest + max_new_tokens
    cache = model.new_cache(len(prompts), end)
    logits = model.output(model.hidden(given[:, :shortest], cache)[:, -1])  # (B, V): only the last place is asked
    for position in range(shortest, end):
        ids = sample(logits[:, : model.n_ids], temperature, top_k, top_p, generator)  # (B,)
        if position < longest:
            ids = torch.where(given[:, position] < 0, ids, given[:, position])
        yield position, ids.tolist()
        if position == shortest:  # only now: the first token need not wait for the copy or the compiler
            step, cache = _step(model, cache, end - shortest, compile)
        if position + 1 < end:
            logits = step(ids, cache)


def _step(model: Llama, cache: KVCache, n_tokens: int, compile: bool) -> tuple[Callable, KVCache]:
    """What takes one new token per row, (B,), and a cache to the logits after it, (B, V); and the cache to give it."""
    if compile:
        if any(block.attention.observer for block in model.blocks):
            raise ValueError("compile=True cannot be watched by record_attention: a graph hands out no weights")
        return partial(_compiled(BACKEND, model.embedding.weight.device.type), model), StaticCache(cache)
    if worth_packing(model, n_tokens):
        return PackedLlama(model, cache.keys.shape[1]).step, cache
    return partial(_decode, model), cache


def _decode(model: Llama, ids: Tensor, cache: KVCache) -> Tensor:
    return model(ids[:, None], cache)[:, 0]


@lru_cache
def _compiled(backend: str, device: str) -> Callable:
    """`_decode` as one graph; compiled when it is first called, and again for other shapes."""
    options = {"mode": "reduce-overhead"} if device == "cuda" else {}
    return torch.compile(_decode, backend=backend, fullgraph=True, dynamic=False, **options)


def _check(model: Llama, prompts: list[list[int]], max_new_tokens: int) -> None:
    if not prompts or not all(isinstance(prompt, list) and prompt for prompt in prompts):
        raise ValueError("prompts must be lists of at least one token id each; begin a text with tok.bos_id")
    odd = [token for prompt in prompts for token in prompt if not isinstance(token, int)]
    if odd:
        raise ValueError(f"prompts must hold whole numbers, got {odd[0]!r}")
    if not isinstance(max_new_tokens, int) or max_new_tokens < 1:
        raise ValueError(f"max_new_tokens must be a whole number of at least 1, got {max_new_tokens!r}")
    low, high = min(map(min, prompts)), max(map(max, prompts))
    if low < 0 or high >= model.config.vocab_size:
        raise ValueError(f"prompts' ids must be in 0 ... {model.config.vocab_size - 1}, got {low} ... {high}")
    longest, room = max(map(len, prompts)), model.config.max_seq_len
    if longest + max_new_tokens > room:
        raise ValueError(
            f"a prompt of {longest} tokens and max_new_tokens={max_new_tokens} make {longest + max_new_tokens}, "
            f"more than the model's max_seq_len of {room}"
        )
