"""What a cache would take at full size: a model, a context, a batch, on real cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from html import escape

import traitlets

from llama_lessons.arithmetic import BYTES, kv_cache_bytes, weights_bytes
from llama_lessons.config import LlamaConfig
from llama_lessons.widgets.memory import MODELS, gauge, size
from llama_lessons.widgets.view import View

KIB, GIB = 2**10, 2**30
MAX_TOKENS, MAX_BATCH = 4096, 64
PUBLISHED = [name for name in MODELS if "without" not in name]  # how many heads share is chosen here


class WhatIf(View):
    """Menus and sliders for model, number type, key-value heads, context and batch, and how full cards get.

    Args:
        cards: bytes of memory of each card, by name.
    """

    models = traitlets.List(traitlets.Unicode(), PUBLISHED, read_only=True).tag(sync=True)
    dtypes = traitlets.List(traitlets.Unicode(), list(BYTES), read_only=True).tag(sync=True)
    model_name = traitlets.Enum(PUBLISHED, "Llama 2 70B").tag(sync=True)
    dtype = traitlets.Enum(list(BYTES), "float16").tag(sync=True)
    kv_choices = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)  # what each stop of the slider says
    kv_choice = traitlets.Int(0, min=0).tag(sync=True)
    n_tokens = traitlets.Int(MAX_TOKENS, min=1, max=MAX_TOKENS).tag(sync=True)
    batch_size = traitlets.Int(1, min=1, max=MAX_BATCH).tag(sync=True)
    max_tokens = traitlets.Int(MAX_TOKENS, read_only=True).tag(sync=True)
    max_batch = traitlets.Int(MAX_BATCH, read_only=True).tag(sync=True)
    gauges = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # see `memory.gauge`
    estimate = traitlets.Unicode(read_only=True).tag(sync=True)

    def __init__(self, cards: Mapping[str, int], **chosen) -> None:
        super().__init__(**chosen)
        self._cards = dict(cards)
        self._choose_model()
        self.observe(self._choose_model, "model_name")
        self.observe(self._estimate, ["dtype", "kv_choice", "n_tokens", "batch_size"])

    def _choose_model(self, _change: dict | None = None) -> None:
        """Take the heads that the model was published with."""
        config = MODELS[self.model_name]
        with self.hold_sync():  # one message
            self.set_trait("kv_choices", [said(n, config) for n in kv_heads(config)])
            self.kv_choice = kv_heads(config).index(config.n_kv_heads)
            self._estimate()

    def _estimate(self, _change: dict | None = None) -> None:
        config = self._config()
        weights = weights_bytes(config, self.dtype)
        cache = kv_cache_bytes(config, self._tokens(), self.batch_size, self._kept_as())
        with self.hold_sync():
            self.set_trait("gauges", [gauge(name, capacity, weights, cache) for name, capacity in self._cards.items()])
            self.set_trait("estimate", self._sentence(weights, cache))

    def _config(self) -> LlamaConfig:
        config = MODELS[self.model_name]
        choices = kv_heads(config)
        return replace(config, n_kv_heads=choices[min(self.kv_choice, len(choices) - 1)])

    def _tokens(self) -> int:
        return min(self.n_tokens, MODELS[self.model_name].max_seq_len)

    def _kept_as(self) -> str:
        return self.dtype if BYTES[self.dtype] >= 2 else "float16"  # a cache of less than 16 bits is another art

    def _sentence(self, weights: int, cache: int) -> str:
        config, n_tokens = self._config(), self._tokens()
        per_token = kv_cache_bytes(config, dtype=self._kept_as()) / KIB
        held = f"{self.batch_size} x {n_tokens} tokens" if self.batch_size > 1 else f"{n_tokens} tokens"
        limit = f" (it is made for {n_tokens})" if n_tokens < self.n_tokens else ""
        return (
            f"{self.model_name} in {self.dtype} with {said(config.n_kv_heads, config)}: {per_token:,.4g} KiB a token; "
            f"{held}{limit} take {cache / GIB:.4g} GiB ({size(cache)}), beside {size(weights)} of weights."
        )

    def cards_table(self) -> str:
        """The estimate and how full each card gets, as HTML."""
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(row[part])}</td>' for part in ('name', 'verdict', 'text'))}</tr>"
            for row in self.gauges
        )
        return f"<p>{escape(self.estimate)}</p><table>{rows}</table>"


def kv_heads(config: LlamaConfig) -> list[int]:
    """How many key-value heads a model can have: the divisors of its query heads, from one up."""
    return [n for n in range(1, config.n_heads + 1) if config.n_heads % n == 0]


def said(n_kv_heads: int, config: LlamaConfig) -> str:
    """A number of key-value heads in words: "8 KV heads (GQA)"."""
    kind = "MHA" if n_kv_heads == config.n_heads else "MQA" if n_kv_heads == 1 else "GQA"
    return f"{n_kv_heads} KV head{'' if n_kv_heads == 1 else 's'} ({kind})"
