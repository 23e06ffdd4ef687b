"""What the browser is told of a run: names of the rows, numbers and sizes of every step, shades of the cells."""

from __future__ import annotations

import torch

from llama_lessons.arithmetic import kv_cache_bytes
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.widgets.cache_run import EMPTY, Run, Step
from llama_lessons.widgets.cache_what_if import KIB

MAX_ROWS = 48  # above it, one row a layer is drawn, the mean of its heads
FAINTEST = 60  # of 255: the least that a place which holds something is drawn with


def rows_of(config: LlamaConfig) -> list[dict]:
    """Layer, group and name of every row: each layer's key-value heads, or the layers alone where those are many."""
    n_groups, shared_by = config.n_kv_heads, config.n_heads // config.n_kv_heads
    if config.n_layers * n_groups > MAX_ROWS:
        return [
            {"layer": layer, "name": f"layer {layer}, mean of {n_groups} heads"} for layer in range(config.n_layers)
        ]
    readers = [range(group * shared_by, (group + 1) * shared_by) for group in range(n_groups)]
    said = [" and ".join(map(str, heads)) if shared_by < 3 else f"{heads[0]} to {heads[-1]}" for heads in readers]
    return [
        {
            "layer": layer,
            "group": group,
            "name": f"layer {layer}, KV head {group}, for query head{'s' * (shared_by > 1)} {said[group]}",
        }
        for layer in range(config.n_layers)
        for group in range(n_groups)
    ]


def frames_of(record: Run, model: Llama) -> list[dict]:
    """What the browser says and draws at each step: numbers, sentence, and widths and heights in %.

    Args:
        record: the run.
        model: whose cache it was.
    """
    dtype = str(model.embedding.weight.dtype).removeprefix("torch.")
    per_token = kv_cache_bytes(model.config, dtype=dtype) / KIB
    frames: list[dict] = []
    computed = without = 0
    most = max((step.end - step.first + step.again for step in record.steps), default=1)
    for step in record.steps:
        n_new = step.end - step.first
        computed, without = computed + n_new, without + n_new + step.again
        frames.append(_frame(step, n_new, per_token, computed, without, most))
    return frames


def _frame(step: Step, n_new: int, per_token: float, computed: int, without: int, most: int) -> dict:
    capacity = len(step.places)
    again = round(100 * (1 - computed / without))
    work = f"Computed so far: {computed} tokens. Without a cache: {without}, {again} % of them once more."
    kib, all_kib = (f"{n_tokens * per_token:.1f}" for n_tokens in (step.filled, capacity))
    gone = step.end - sum(place != EMPTY for place in step.places)
    lost = f" {gone} that were read are no longer in it." if gone else ""
    return {
        "kind": "prefill" if step.prompt else "decode",
        "first": step.first,
        "n_new": n_new,
        "written": step.written,
        "spans": spans(step.written),
        "places": step.places,
        "filled": step.filled,
        "kib": kib,
        "computed": computed,
        "without": without,
        "memory": f"{step.filled} of {capacity} places, {kib} of {all_kib} KiB",
        "full": 100 * step.filled / capacity,
        "share": 100 * computed / without,
        "heights": [100 * n_new / most, 100 * step.again / most],
        "says": f"The cache holds {step.filled} of {capacity} tokens, {kib} of {all_kib} KiB.{lost} {work}",
    }


def spans(places: list[int]) -> list[list[int]]:
    """Places in order as [first, how many] of those that lie side by side."""
    found: list[list[int]] = []
    for place in places:
        if found and place == sum(found[-1]):
            found[-1][1] += 1
        else:
            found.append([place, 1])
    return found


def cells_of(record: Run, config: LlamaConfig) -> bytes:
    """How long the keys and values in the cache are, after each step: one byte each, 0 where nothing lies.

    Args:
        record: the run.
        config: the model's shape.

    Returns:
        The bytes of a uint8 tensor of shape (steps, rows, 2, capacity): each row's longest is 255.
    """
    if not record.steps:
        return b""
    norms = torch.stack([step.norms for step in record.steps])  # (steps, L, Hkv, 2, max_seq_len)
    if config.n_layers * config.n_kv_heads > MAX_ROWS:
        norms = norms.mean(2, keepdim=True)
    norms = norms.flatten(1, 2)  # (steps, rows, 2, max_seq_len)
    largest = norms.amax((0, 3), keepdim=True).clamp(min=1e-12)
    shades = FAINTEST + (255 - FAINTEST) * norms / largest
    return torch.where(norms > 0, shades, 0).to(torch.uint8).numpy().tobytes()
