"""Writing: read the prompts at once, then one token at a time, each computed from the last one and the cache."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator, Sequence

import torch
from torch import Tensor

from llama_lessons.attention import KVCache
from llama_lessons.compiled import CompiledDecoder, capacity
from llama_lessons.model import Llama
from llama_lessons.sampling import check_sampling, sample
from llama_lessons.static_cache import StaticCache


def generate(
    model: Llama,
    prompts: list[list[int]],
    max_new_tokens: int,
    temperature: float = 0.6,
    top_p: float = 0.9,
    top_k: int | None = None,
    stop_ids: int | Collection[int] = (),
    generator: torch.Generator | None = None,
    compile: bool = False,
) -> list[list[int]]:
    """Continue every prompt.

    Prompts of different lengths are read as Meta's code reads them: as much as the shortest has is read together,
    then one token at a time, a longer prompt's own next token taking the place of the model's. So nothing is padded.

    Args:
        model: the model.
        prompts: a list with the token ids of each sequence (a list, a tensor or an array); none empty.
        max_new_tokens: the most tokens to write after each prompt.
        temperature: see `sampling.next_token_probs`; 0 is greedy.
        top_p: see `sampling.next_token_probs`.
        top_k: see `sampling.next_token_probs`.
        stop_ids: an id that ends a sequence, or several; usually `tok.eos_id`: the model itself knows of none.
        generator: source of randomness.
        compile: let the same modules decode through `torch.compile`: the same text, faster (see `compiled`). The first
            text takes up to a minute longer, and so does the first with another number of prompts, or one that leaves
            the cache's 256, 512, 1024 ... tokens; on a CPU it needs a C++ compiler.

    Returns:
        Only the new ids, a list per prompt, without the stop id.

    Raises:
        ValueError: an argument is out of range, a prompt and its new tokens exceed the model's max_seq_len, or the
            model's scores are not finite.
        RuntimeError: compile=True, and no C++ compiler was found; the message says how to get one.

    Source: defaults and the reading of ragged prompts are those of generation.py in Meta's repository llama.
    """
    prompts, stop_ids = _check_prompts(prompts), _check_stop_ids(stop_ids)
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
    stop_ids: int | Collection[int] = (),
    generator: torch.Generator | None = None,
    compile: bool = False,
) -> Iterator[int]:
    """Continue one prompt, handing out each id as soon as it is chosen; arguments and errors as for `generate`."""
    prompts, stop_ids = _check_prompts([prompt]), _check_stop_ids(stop_ids)
    for _, (token,) in _steps(model, prompts, max_new_tokens, temperature, top_p, top_k, generator, compile):
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
    compile: bool,
) -> Iterator[tuple[int, list[int]]]:
    """Yield (position, one id per row) for every position after the shortest prompt."""
    shortest, longest = min(map(len, prompts)), max(map(len, prompts))
    _check_fits(model, prompts, longest, max_new_tokens)
    check_sampling(temperature, top_k, top_p)
    given = torch.full((len(prompts), longest), -1)  # (B, longest prompt), -1 where a prompt has ended
    for row, prompt in enumerate(prompts):
        given[row, : len(prompt)] = torch.tensor(prompt)
    given = given.to(model.embedding.weight.device)
    end = longest + max_new_tokens
    cache = model.new_cache(len(prompts), capacity(end, model.config.max_seq_len) if compile else end)
    logits = model.output(model.hidden(given[:, :shortest], cache)[:, -1])  # (B, V): only the last position is asked
    decode = _decoder(model, cache, compile)
    for position in range(shortest, end):
        ids = sample(logits[:, : model.n_ids], temperature, top_k, top_p, generator)  # (B,)
        if position < longest:
            ids = torch.where(given[:, position] < 0, ids, given[:, position])
        yield position, ids.tolist()
        if position + 1 < end:
            logits = decode(ids)


def _decoder(model: Llama, cache: KVCache, compile: bool) -> Callable[[Tensor], Tensor]:
    """What takes one new token per row, (B,), to the logits after it, (B, V)."""
    if not compile:
        return lambda ids: model(ids[:, None], cache)[:, 0]
    if any(block.attention.observer for block in model.blocks):
        raise ValueError("compile=True cannot be watched by record_attention: a graph hands out no weights")
    return CompiledDecoder(model, StaticCache(cache))


def _check_prompts(prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    """The prompts as lists of whole numbers, whatever kinds of rows they came in."""
    if not isinstance(prompts, (list, tuple)):
        what = f"a {type(prompts).__name__}; `list(prompts)` makes a list of its rows"
        raise ValueError(f"prompts must be a list with the token ids of each sequence, got {what}")
    rows = [prompt.tolist() if hasattr(prompt, "tolist") else prompt for prompt in prompts]
    if not rows or not all(isinstance(row, (list, tuple)) and row for row in rows):
        raise ValueError("prompts must be lists of at least one token id each; begin a text with tok.bos_id")
    return [[_whole(token, "prompts must hold whole numbers") for token in row] for row in rows]


def _check_stop_ids(stop_ids: int | Collection[int]) -> frozenset[int]:
    is_one = hasattr(stop_ids, "__index__") and not getattr(stop_ids, "shape", ())
    several = stop_ids if hasattr(stop_ids, "__iter__") and not is_one else [stop_ids]
    return frozenset(_whole(token, "stop_ids must be a token id or several") for token in several)


def _whole(value: object, rule: str) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{rule}, got {value!r}") from None


def _check_fits(model: Llama, prompts: list[list[int]], longest: int, max_new_tokens: int) -> None:
    if _whole(max_new_tokens, "max_new_tokens must be a whole number of at least 1") < 1:
        raise ValueError(f"max_new_tokens must be a whole number of at least 1, got {max_new_tokens!r}")
    low, high = min(map(min, prompts)), max(map(max, prompts))
    if low < 0 or high >= model.config.vocab_size:
        raise ValueError(f"prompts' ids must be in 0 ... {model.config.vocab_size - 1}, got {low} ... {high}")
    if longest + max_new_tokens > model.config.max_seq_len:
        raise ValueError(
            f"a prompt of {longest} tokens and max_new_tokens={max_new_tokens} make {longest + max_new_tokens}, "
            f"more than the model's max_seq_len of {model.config.max_seq_len}"
        )
