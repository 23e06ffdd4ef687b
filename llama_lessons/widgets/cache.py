"""The KV cache of the reader's own model, filling as it reads and writes; and what it would take at full size."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType

import traitlets

from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.cache_frames import cells_of, frames_of, rows_of
from llama_lessons.widgets.cache_full import RULES
from llama_lessons.widgets.cache_run import Run, Way, as_built, run
from llama_lessons.widgets.cache_what_if import WhatIf
from llama_lessons.widgets.view import static, style

MAX_CAPACITY = 96  # places that are drawn
AS_BUILT = "as it should be"
AT_ONCE = {"the whole prompt at once": 2**30, "the prompt in chunks of 4": 4, "the prompt one by one": 1}


class CacheView(WhatIf):
    """The places of a cache, a row for every layer and key-value head; a slider and buttons go through the steps.

    The model is run anew whenever the reader changes something; each step is a record of what really happened.

    Args:
        model: the model.
        tokenizer: its tokenizer.
        prompt: what stands in the box at first.
        ways: name -> a wrong way to read new tokens, `(model, ids (1, T), cache) -> logits (1, T, V)`, to see what it
            breaks.
        cards: bytes of memory of each card, by name.
        max_new_tokens: the most tokens to write.
        capacity: places in the cache, 1 to 96.

    Raises:
        ValueError: max_new_tokens is less than 1.
    """

    _esm = static("dom.js", "canvas.js", "cache_canvas.js", "cache_parts.js", "cache.js")
    _css = style("ll-kv", "view.css", "memory.css", "cache.css")
    prompt = traitlets.Unicode().tag(sync=True)
    ways = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    way = traitlets.Unicode(AS_BUILT).tag(sync=True)
    readings = traitlets.List(traitlets.Unicode(), list(AT_ONCE), read_only=True).tag(sync=True)
    reading = traitlets.Enum(list(AT_ONCE), next(iter(AT_ONCE))).tag(sync=True)
    rules = traitlets.List(traitlets.Unicode(), list(RULES), read_only=True).tag(sync=True)
    rule = traitlets.Enum(list(RULES), "stop").tag(sync=True)
    capacity = traitlets.Int(64, min=1, max=MAX_CAPACITY).tag(sync=True)
    max_capacity = traitlets.Int(MAX_CAPACITY, read_only=True).tag(sync=True)
    step = traitlets.Int(0, min=0).tag(sync=True)  # which of the frames is shown
    rows = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # layer, group, name of each row of cells
    pieces = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)  # of the whole text
    frames = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # see `frames_of`
    cells = traitlets.Bytes(read_only=True).tag(sync=True)  # (frames, rows, 2, capacity): keys, then values; 0 is empty
    written = traitlets.Dict(read_only=True).tag(sync=True)  # text, usual, end
    note = traitlets.Unicode(read_only=True).tag(sync=True)  # what is wrong, if anything is

    def __init__(
        self,
        model: Llama,
        tokenizer: Tokenizer,
        prompt: str,
        ways: Mapping[str, Way] = MappingProxyType({}),
        cards: Mapping[str, int] = MappingProxyType({}),
        max_new_tokens: int = 32,
        **chosen,
    ) -> None:
        if max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1, got {max_new_tokens}")
        super().__init__(cards, prompt=prompt, **chosen)
        self._model, self._tokenizer, self._max_new = model, tokenizer, max_new_tokens
        self._ways = {AS_BUILT: as_built, **ways}
        self.set_trait("ways", list(self._ways))
        self.set_trait("rows", rows_of(model.config))
        self._run()
        self.observe(self._run, ["prompt", "way", "reading", "rule", "capacity"])

    def _run(self, _change: dict | None = None) -> None:
        """Read and write anew; the view keeps what it had if that fails."""
        try:
            now = self._read(self._ways.get(self.way, as_built), self.capacity, self.rule)
            usual = self._read(as_built, MAX_CAPACITY, "stop")
        except Exception as trouble:  # a way is the reader's to write; the view must say what is wrong with it
            if not self.frames:
                raise
            self.set_trait("note", f"{type(trouble).__name__}: {trouble}")
            return
        with self.hold_sync():  # one message
            self.step = 0
            self.set_trait("pieces", self._tokenizer.pieces(now.ids))
            self.set_trait("frames", frames_of(now, self._model))
            self.set_trait("cells", cells_of(now, self._model.config))
            self.set_trait("written", {"text": self._text(now), "usual": self._text(usual), "end": now.end})
            self.set_trait("note", "")

    def _read(self, way: Way, capacity: int, rule: str) -> Run:
        ids = self.first_of(self._tokenizer.encode(self.prompt), MAX_CAPACITY, "tokens")
        stops, at_once = [self._tokenizer.eos_id], AT_ONCE[self.reading]
        n_new = min(self._max_new, MAX_CAPACITY + 1 - len(ids))  # the last one is written and not read
        return run(self._model, ids, n_new, stops, capacity, rule, at_once, way)

    def _text(self, of: Run) -> str:
        start, whole = (self._tokenizer.decode(of.ids[:end]) for end in (of.n_prompt, None))
        return whole[len(start) :].strip()

    def describe(self) -> str:
        """What the cache holds at the end, what it saved, what was written, and the estimate."""
        same = "" if self.written["text"] == self.written["usual"] else f" in place of {self.written['usual']!r}"
        how = f"{self.reading}, {self.way}, when full {self.rule}"
        last = self.frames[-1]["says"] if self.frames else "Nothing was read."
        estimate = f" {self.estimate}" if self.gauges else ""
        return f"{how}. {last} It wrote {self.written['text']!r}{same}; {self.written['end']}.{estimate}"

    def twin(self) -> str:
        """A table with a row for the first steps and the last, the text, and how full each card gets."""
        shown = [*range(len(self.frames))[:6], *range(len(self.frames))[6:][-1:]]
        rows = "".join(
            f"<tr><td>{k + 1}</td>{''.join(f'<td>{escape(str(self.frames[k][part]))}</td>' for part in COLUMNS)}</tr>"
            for k in shown
        )
        head = "".join(f"<th>{name}</th>" for name in ("step", *COLUMNS.values()))
        text = f"<p>It wrote: {escape(self.written['text'])}</p>"
        cards = self.cards_table() if self.gauges else ""
        return f"<table><tr>{head}</tr>{rows}</table>{text}{cards}"


COLUMNS = {
    "kind": "kind",
    "n_new": "new tokens",
    "filled": "tokens in the cache",
    "kib": "KiB",
    "computed": "computed so far",
    "without": "without a cache",
}
