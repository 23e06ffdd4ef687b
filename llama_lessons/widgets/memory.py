"""How much memory a model takes while it writes, and which machines have as much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from html import escape
from types import MappingProxyType

import traitlets

from llama_lessons.arithmetic import BYTES, kv_cache_bytes, weights_bytes
from llama_lessons.config import LlamaConfig
from llama_lessons.widgets.view import View, static, style

LLAMA_70B = LlamaConfig.preset("llama2-70b")
MODELS = {
    "the Valley's model": LlamaConfig.preset("valley"),
    "Llama 2 7B": LlamaConfig.preset("llama2-7b"),
    "Llama 2 13B": LlamaConfig.preset("llama2-13b"),
    "Llama 2 34B (shape inferred)": LlamaConfig.preset("llama2-34b"),
    "Llama 2 70B": LLAMA_70B,
    "Llama 2 70B without GQA": replace(LLAMA_70B, n_kv_heads=LLAMA_70B.n_heads),
}
MAX_TOKENS, MAX_BATCH = 4096, 64
TIGHT = 0.9  # share of the memory above which little is left for what else a program needs


class MemoryExplorer(View):
    """Menus for a model and its number type, sliders for context and batch; below, how full each machine gets.

    What else a program needs is left out: activations, a few per cent, and some hundred megabytes for a GPU's own
    programs. So a machine that would be filled by more than nine tenths is called tight.

    Args:
        machines: bytes of memory of each machine, by name.
        own: the same for the reader's own machine: shown by the browser, and left out of text and twin, which must
            be alike everywhere.
        model: a key of `MODELS`.
        dtype: a key of `arithmetic.BYTES`, for the weights. The cache has it too, but never less than 16 bits.
        n_tokens: tokens that each sequence holds, 1 to 4096; a model made for fewer gets as many as it is made for.
        batch_size: sequences at a time, 1 to 64.
    """

    _esm = static("dom.js", "memory.js")
    _css = style("ll-memory", "view.css", "memory.css")
    models = traitlets.List(traitlets.Unicode(), list(MODELS), read_only=True).tag(sync=True)
    dtypes = traitlets.List(traitlets.Unicode(), list(BYTES), read_only=True).tag(sync=True)
    model = traitlets.Enum(list(MODELS), "Llama 2 7B").tag(sync=True)
    dtype = traitlets.Enum(list(BYTES), "float16").tag(sync=True)
    n_tokens = traitlets.Int(MAX_TOKENS, min=1, max=MAX_TOKENS).tag(sync=True)
    batch_size = traitlets.Int(1, min=1, max=MAX_BATCH).tag(sync=True)
    max_tokens = traitlets.Int(MAX_TOKENS, read_only=True).tag(sync=True)
    max_batch = traitlets.Int(MAX_BATCH, read_only=True).tag(sync=True)
    gauges = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # name, capacity, verdict, text, widths
    note = traitlets.Unicode(read_only=True).tag(sync=True)

    def __init__(self, machines: Mapping[str, int], own: Mapping[str, int] = MappingProxyType({}), **chosen) -> None:
        super().__init__(**chosen)
        self._machines, self._own = dict(machines), dict(own)
        self._measure()
        self.observe(self._measure, ["model", "dtype", "n_tokens", "batch_size"])

    def _measure(self, _change: dict | None = None) -> None:
        weights, cache = self._need(self.model)
        with self.hold_sync():  # one message
            capacities = {**self._own, **self._machines}
            self.set_trait("gauges", [gauge(name, capacity, weights, cache) for name, capacity in capacities.items()])
            self.set_trait("note", self._sentence())

    def _need(self, model: str) -> tuple[int, int]:
        """Bytes of a model's weights and of its cache."""
        config = MODELS[model]
        n_tokens = min(self.n_tokens, config.max_seq_len)
        kept_as = self.dtype if BYTES[self.dtype] >= 2 else "float16"
        return weights_bytes(config, self.dtype), kv_cache_bytes(config, n_tokens, self.batch_size, kept_as)

    def _sentence(self) -> str:
        weights, cache = self._need(self.model)
        n_tokens = min(self.n_tokens, MODELS[self.model].max_seq_len)
        held = f"{self.batch_size} x {n_tokens} tokens" if self.batch_size > 1 else f"{n_tokens} tokens"
        limit = f" (it is made for {n_tokens})" if n_tokens < self.n_tokens else ""
        return (
            f"{self.model} in {self.dtype}: {size(weights)} of weights, {size(cache)} of cache for {held}{limit}; "
            f"together {size(weights + cache)}."
        )

    def describe(self) -> str:
        """What is chosen, what it takes, and for each machine whether it fits."""
        weights, cache = self._need(self.model)
        verdicts = [f"{name}: {verdict(weights + cache, capacity)}" for name, capacity in self._machines.items()]
        return f"{self._sentence()} {'; '.join(verdicts)}"

    def twin(self) -> str:
        """A table with a row for every model, at the chosen type, context and batch."""
        rows = []
        for model in MODELS:
            weights, cache = self._need(model)
            fits = [verdict(weights + cache, capacity) for capacity in self._machines.values()]
            rows.append([model, size(weights), size(cache), size(weights + cache), *fits])
        head = ["model", "weights", "cache", "together", *self._machines]
        table = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        held = f"{self.dtype}, {self.n_tokens} tokens (or as many as a model is made for), batch {self.batch_size}"
        top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        return f"<p>{held}</p><table><tr>{top}</tr>{table}</table>"


def verdict(need: int, capacity: int) -> str:
    """Whether something fits into a memory.

    Args:
        need: bytes that it takes.
        capacity: bytes that there are.

    Returns:
        "fits", "tight" if more than nine tenths would be full, or "does not fit".
    """
    if need > capacity:
        return "does not fit"
    return "tight" if need > TIGHT * capacity else "fits"


def gauge(name: str, capacity: int, weights: int, cache: int) -> dict:
    """What the browser draws for one machine.

    Args:
        name: the machine's.
        capacity: bytes of its memory.
        weights: bytes of weights.
        cache: bytes of cache.

    Returns:
        name; capacity, verdict and text in words; weights and cache as widths in % of it, together at most 100.
    """
    need = weights + cache
    for_weights = min(100.0, 100 * weights / capacity)
    for_cache = min(100.0 - for_weights, 100 * cache / capacity)
    if need > capacity:
        text = f"{need / capacity:.1f} times what there is, {size(need - capacity)} too much"
    else:
        text = f"{100 * need / capacity:.0f} % full" if need > capacity / 100 else "less than 1 % full"
    return {
        "name": name,
        "capacity": size(capacity),
        "verdict": verdict(need, capacity),
        "text": text,
        "weights": for_weights,
        "cache": for_cache,
    }


def size(n_bytes: int) -> str:
    """Bytes in words, in steps of 1000: "13.5 GB"."""
    for unit, step in (("GB", 10**9), ("MB", 10**6)):
        if n_bytes >= step:
            return f"{n_bytes / step:.1f} {unit}"
    return f"{n_bytes / 1000:.1f} kB"
