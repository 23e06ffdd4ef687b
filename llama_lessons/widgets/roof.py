"""What a model's numbers cost a machine: the memory that they fill, and how fast they can be read at best."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from html import escape
from types import MappingProxyType
from typing import NamedTuple

import traitlets

from llama_lessons.arithmetic import flops_per_token, kv_cache_bytes, weights_bytes
from llama_lessons.checkpoints.assembly import skeleton
from llama_lessons.config import LlamaConfig
from llama_lessons.quantization import quantize
from llama_lessons.widgets.memory import MAX_BATCH, MAX_TOKENS, gauge, size
from llama_lessons.widgets.view import View, static, style

MODELS = {f"Llama 2 {name}": LlamaConfig.preset(f"llama2-{name.lower()}") for name in ("7B", "13B", "70B")}
NUMBERS = {  # how the matrices are kept -> kind and group; embedding table and norms stay in 16 bits
    "bfloat16": None,
    "int8, a scale for each row": ("int8", None),
    "int4, groups of 128": ("int4", 128),
    "int4, groups of 32": ("int4", 32),
}


class Machine(NamedTuple):
    """What counts of a machine.

    Args:
        n_bytes: of memory.
        bandwidth: bytes that memory delivers in a second.
        flops: operations with 16-bit numbers that it does in a second.
    """

    n_bytes: float
    bandwidth: float
    flops: float


class RoofView(View):
    """Menus for a model and a machine, sliders for context and batch; a row for each kind of number.

    Each row says how full the memory is, and how many tokens a second can be written at best: a step reads all weights
    but the embedding table once, and every text's cache; and it computes, in 16 bits whatever the weights are kept in.
    The slower of the two sets the roof.

    Args:
        machines: by name.
        own: the reader's own, measured: shown by the browser, and left out of text and twin, which must be alike
            everywhere.
        model: a key of `MODELS`.
        machine: a key of machines.
        n_tokens: tokens that each text holds, 1 to 4096.
        batch_size: texts at a time, 1 to 64.
    """

    _esm = static("dom.js", "roof.js")
    _css = style("ll-roof", "view.css", "memory.css", "roof.css")
    models = traitlets.List(traitlets.Unicode(), list(MODELS), read_only=True).tag(sync=True)
    model = traitlets.Enum(list(MODELS), "Llama 2 7B").tag(sync=True)
    machines = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    machine = traitlets.Unicode().tag(sync=True)
    n_tokens = traitlets.Int(MAX_TOKENS, min=1, max=MAX_TOKENS).tag(sync=True)
    batch_size = traitlets.Int(1, min=1, max=MAX_BATCH).tag(sync=True)
    max_tokens = traitlets.Int(MAX_TOKENS, read_only=True).tag(sync=True)
    max_batch = traitlets.Int(MAX_BATCH, read_only=True).tag(sync=True)
    rows = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)
    note = traitlets.Unicode(read_only=True).tag(sync=True)

    def __init__(
        self, machines: Mapping[str, Machine], own: Mapping[str, Machine] = MappingProxyType({}), **chosen
    ) -> None:
        self._machines, self._own = dict(machines), dict(own)
        super().__init__(**{"machine": next(iter(machines)), **chosen})
        self.set_trait("machines", [*self._machines, *self._own])
        self._renew()
        self.observe(self._renew, ["model", "machine", "n_tokens", "batch_size"])

    @traitlets.validate("machine")
    def _known(self, proposal: dict) -> str:
        if proposal["value"] not in {**self._machines, **self._own}:
            raise traitlets.TraitError(f"machine must be one of {', '.join(self._machines)}, got {proposal['value']!r}")
        return proposal["value"]

    def _renew(self, _change: dict | None = None) -> None:
        with self.hold_sync():  # one message
            found = self._rows({**self._machines, **self._own}[self.machine])
            fastest = max(row["rate"] for row in found)
            self.set_trait("rows", [row | {"width": round(100 * row["rate"] / fastest, 1)} for row in found])
            self.set_trait("note", self._sentence())

    def _rows(self, machine: Machine) -> list[dict]:
        config = MODELS[self.model]
        cached = kv_cache_bytes(config, self.n_tokens, self.batch_size)
        work = self.batch_size * flops_per_token(config, self.n_tokens)
        table = 2 * config.vocab_size * config.dim
        rows = []
        for name, way in NUMBERS.items():
            weights = model_bytes(self.model, way)
            reading = (weights - table + cached) / machine.bandwidth
            step = max(reading, work / machine.flops)
            limit = "memory" if reading == step else "arithmetic"
            rows.append(
                gauge(name, int(machine.n_bytes), weights, cached)
                | {"held": size(weights + cached), "rate": self.batch_size / step, "limit": limit}
                | {"speed": f"{self.batch_size / step:,.0f} tokens/s, {limit} is the limit"}
            )
        return rows

    def _sentence(self) -> str:
        texts = f"{self.batch_size} texts" if self.batch_size > 1 else "one text"
        cached = size(kv_cache_bytes(MODELS[self.model], self.n_tokens, self.batch_size))
        return f"{self.model} on {self.machine}, {texts} of {self.n_tokens} tokens: {cached} of cache in 16 bits."

    def describe(self) -> str:
        """What is chosen, and for each kind of number the memory, whether it fits, and the roof."""
        if self.machine in self._own:
            return f"{self.model}, on the reader's own machine"
        told = [f"{row['name']}: {row['held']}, {row['verdict']}, {row['speed']}" for row in self.rows]
        return f"{self._sentence()} {'; '.join(told)}"

    def twin(self) -> str:
        """A table with a row for every kind of number and a column for every machine."""
        per_machine = [self._rows(machine) for machine in self._machines.values()]
        lines = []
        for k, name in enumerate(NUMBERS):
            cells = [f"{rows[k]['verdict']}, {rows[k]['speed']}" for rows in per_machine]
            lines.append([name, per_machine[0][k]["held"], *cells])
        head = ["numbers", "weights and cache", *self._machines]
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines)
        top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        texts = f"{self.batch_size} x {self.n_tokens} tokens"
        return f"<p>{escape(self.model)}, {texts}, at best</p><table><tr>{top}</tr>{body}</table>"


@cache
def model_bytes(model: str, way: tuple[str, int | None] | None) -> int:
    """Bytes of a model with its matrices quantized, counted on one that has shapes and no memory.

    Args:
        model: a key of `MODELS`.
        way: kind and group; None keeps all in 16 bits.
    """
    if way is None:
        return weights_bytes(MODELS[model], "bfloat16")
    kept = quantize(skeleton(MODELS[model]).bfloat16(), *way).state_dict()
    return sum(tensor.nbytes for tensor in kept.values())
