"""How much rank it takes: what a model says before and after its change, at every rank, and what each rank costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import torch
import traitlets

from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.memory import MODELS, size
from llama_lessons.widgets.view import View, static, style
from llama_lessons.world.voices import HUM, count_hums

TARGETS = {"wq, wv": ("wq", "wv"), "all seven": ("wq", "wk", "wv", "wo", "w_gate", "w_up", "w_down")}
MAX_OPENING = 200  # characters
MAX_DRAW = 9
N_NEW = 70  # tokens written after the opening
FROZEN, TRAINED = 2, 4  # bytes of a number: frozen ones in 16 bits, trained ones in float32
PARTS = ("weights", "gradients", "AdamW's means")


class AdapterExplorer(View):
    """One opening told by the base model and by an adapted one; a slider sets the rank.

    Args:
        base: the model as it was.
        tokenizer: its tokenizer.
        ways: name of a way to adapt the model -> the adapted model of each rank.
        spectrum: share of full fine-tuning's change that each direction holds, the strongest first; drawn by the
            browser, and left out of text and twin: after training it is not the same on every machine.
        opening: how the story begins.
    """

    _esm = static("dom.js", "adapters.js")
    _css = style("ll-adapters", "view.css", "memory.css", "adapters.css")
    opening = traitlets.Unicode().tag(sync=True)
    draw = traitlets.Int(0, min=0, max=MAX_DRAW).tag(sync=True)  # seed of the dice
    ways = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    way = traitlets.Unicode().tag(sync=True)
    ranks = traitlets.List(traitlets.Int(), read_only=True).tag(sync=True)  # that this way has
    step = traitlets.Int(0, min=0).tag(sync=True)  # which of them is shown
    llamas = traitlets.List(traitlets.Unicode(), list(MODELS), read_only=True).tag(sync=True)
    llama = traitlets.Enum(list(MODELS), "Llama 2 7B").tag(sync=True)  # whose costs are shown
    places = traitlets.List(traitlets.Unicode(), list(TARGETS), read_only=True).tag(sync=True)
    place = traitlets.Enum(list(TARGETS), "wq, wv").tag(sync=True)  # where that one has adapters
    max_draw = traitlets.Int(MAX_DRAW, read_only=True).tag(sync=True)
    texts = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # name, parts: [kind, text], count
    bars = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # height in %, kept
    held = traitlets.Unicode(read_only=True).tag(sync=True)  # what the bars say, in words
    costs = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # name, parts: [name, width in %], text
    note = traitlets.Unicode(read_only=True).tag(sync=True)  # counts, or what is wrong with the opening

    def __init__(
        self,
        base: Llama,
        tokenizer: Tokenizer,
        ways: Mapping[str, Mapping[int, Llama]],
        spectrum: Sequence[float],
        opening: str,
    ) -> None:
        if not ways or not all(ways.values()):
            raise ValueError(f"ways must name at least one way, each with a model for some rank, got {dict(ways)}")
        super().__init__(opening=opening, way=next(iter(ways)))
        self._base, self._tokenizer, self._ways = base, tokenizer, {name: dict(by) for name, by in ways.items()}
        self._spectrum, self._told = list(spectrum), {}
        self.set_trait("ways", list(self._ways))
        self._renew()
        self.observe(self._renew, ["opening", "draw", "way", "step", "llama", "place"])

    @property
    def rank(self) -> int:
        """The rank that is shown."""
        return self.ranks[self.step]

    def _renew(self, _change: dict | None = None) -> None:
        with self.hold_sync():  # one message
            self.set_trait("ranks", sorted(self._ways[self.way]))
            self.step = min(self.step, len(self.ranks) - 1)
            self.first_of(self.opening, MAX_OPENING)
            try:
                adapted = self._ways[self.way][self.rank]
                texts = [self._text("the base model", self._base), self._text(f"rank {self.rank}", adapted)]
                self.set_trait("texts", texts)
                self.set_trait("note", self._sentence())
            except ValueError as trouble:  # an opening that has half a character in it
                self.set_trait("note", str(trouble))
            self._draw_spectrum()
            self.set_trait("costs", self._costs())

    def _text(self, name: str, model: Llama) -> dict:
        given, whole = self._tell(model)
        pieces = whole[len(given) :].split(HUM)
        parts = [["given", given], ["", pieces[0]]]
        for piece in pieces[1:]:
            parts += [["hum", HUM], ["", piece]]
        hummed, ends = count_hums(whole)
        count = f"{hummed} of {ends} sentences end{'s' if ends == 1 else ''} in a hum"
        return {"name": name, "parts": [part for part in parts if part[1]], "count": count}

    def _tell(self, model: Llama) -> tuple[str, str]:
        """The opening, and the opening with what a model writes after it."""
        key = id(model), self.opening, self.draw
        if key not in self._told:
            ids = self._tokenizer.encode(self.opening[:MAX_OPENING].strip())
            dice = torch.Generator().manual_seed(self.draw)
            new = generate(model, [ids], N_NEW, stop_ids=[self._tokenizer.eos_id], generator=dice)[0]
            self._told[key] = self._tokenizer.decode(ids), self._tokenizer.decode(ids + new)
        return self._told[key]

    def _draw_spectrum(self) -> None:
        largest = max(self._spectrum)
        bars = [
            {"height": round(100 * share / largest, 1), "kept": k < self.rank} for k, share in enumerate(self._spectrum)
        ]
        self.set_trait("bars", bars)
        held = 100 * sum(self._spectrum[: self.rank])
        kept = "the strongest direction holds" if self.rank == 1 else f"the {self.rank} strongest directions hold"
        self.set_trait("held", f"Of the change in a weight matrix, {kept} {held:.0f} %, on average.")

    def _costs(self) -> list[dict]:
        n_params, n_trained = MODELS[self.llama].n_params, self._trained(self.rank)
        rows = {"all weights": training_bytes(0, n_params), f"rank {self.rank}": training_bytes(n_params, n_trained)}
        most = max(sum(parts.values()) for parts in rows.values())
        return [
            {
                "name": name,
                "parts": [[part, round(100 * n / most, 2)] for part, n in parts.items()],
                "text": f"{', '.join(f'{size(n)} {part}' for part, n in parts.items())}",
                "total": size(sum(parts.values())),
            }
            for name, parts in rows.items()
        ]

    def _trained(self, rank: int) -> int:
        return lora_params(MODELS[self.llama], rank, TARGETS[self.place])

    def _sentence(self) -> str:
        n, n_params = self._trained(self.rank), MODELS[self.llama].n_params
        return (
            f"{self.llama}, rank {self.rank} on {self.place}: {n:,} trained numbers, {100 * n / n_params:.3f} % of "
            f"its {n_params:,}."
        )

    def describe(self) -> str:
        """The opening, what the base model makes of it, and the costs; nothing that was trained on this machine."""
        count = f"in the base model's text {self.texts[0]['count']}. " if self.texts else ""
        return f"{self.opening!r}, {self.way}: {count}{self.note}"

    def twin(self) -> str:
        """The base model's text, and a table of ranks: numbers trained, their share, bytes that training keeps."""
        told = "".join(text for _, text in self.texts[0]["parts"]) if self.texts else self.note
        n_params = MODELS[self.llama].n_params
        rows = [["all weights", n_params, sum(training_bytes(0, n_params).values())]]
        for rank in self.ranks:
            n = self._trained(rank)
            rows.append([f"rank {rank}", n, sum(training_bytes(n_params, n).values())])
        body = "".join(
            f"<tr><td>{name}</td><td>{n:,}</td><td>{100 * n / n_params:.3f} %</td><td>{size(kept)}</td></tr>"
            for name, n, kept in rows
        )
        head = (
            f"<tr><th>{escape(self.llama)}, {self.place}</th><th>trained</th><th>share</th><th>training keeps</th></tr>"
        )
        return f"<p>The base model: {escape(told)}</p><table>{head}{body}</table>"


def lora_params(config: LlamaConfig, rank: int, targets: Sequence[str]) -> int:
    """Numbers in the adapters of a model: for each target and layer, A has rank rows and B has rank columns."""
    c, kv, f = config.dim, config.n_kv_heads * config.head_dim, config.hidden_dim
    ends = {"wq": c + c, "wk": c + kv, "wv": c + kv, "wo": c + c, "w_gate": c + f, "w_up": c + f, "w_down": f + c}
    return config.n_layers * rank * sum(ends[target] for target in targets)


def training_bytes(n_frozen: int, n_trained: int) -> dict[str, int]:
    """Bytes that training keeps from step to step: frozen numbers in 16 bits, the others in float32 with all they need.

    Activations are left out: they depend on the batch.
    """
    kept = FROZEN * n_frozen + TRAINED * n_trained, TRAINED * n_trained, 2 * TRAINED * n_trained
    return dict(zip(PARTS, kept, strict=True))
