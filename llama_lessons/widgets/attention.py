"""Which token looks at which: the attention maps of all layers and heads, and one of them as lines between words."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import traitlets
from torch import Tensor

from llama_lessons.widgets.attention_maps import Reading, picture
from llama_lessons.widgets.view import View, static, style


class AttentionView(View):
    """All maps small, one of them large, and the words of the text, joined to what they look at.

    The browser is sent a map when somebody wants to see it, never all of them, and nothing of them is saved with the
    notebook. Rows that were read one by one (decoding) have another colour than those read together (prefill);
    weights on the future a third.

    Args:
        maps: what `record_attention` gave, shape (B, H, T, T) per layer; of a batch, the first text is drawn.
        pieces: the T tokens, as text.
        n_kv_heads: how many groups of query heads share keys and values; None: each head has its own.
        n_prompt: how many tokens were read at once; None: all.
        layer: which map is large at first, counted from 0.
        head: likewise.
        token: which token's row is shown at first; None: the last one's.

    Raises:
        ValueError: the arguments do not fit together; the message names the one that is wrong.
    """

    _esm = static(
        "dom.js", "canvas.js", *(f"attention{part}.js" for part in ("_canvas", "_words", "_parts", "_store", ""))
    )
    _css = style("ll-attention", "view.css", "attention.css")
    prompts = traitlets.List(traitlets.Unicode()).tag(sync=True)  # texts that the reader may change; none: no boxes
    ways = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)  # names of the ways to attend
    way = traitlets.Unicode().tag(sync=True)  # the one chosen
    runs = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # pieces, n_prompt, text, usual
    shape = traitlets.Dict(read_only=True).tag(sync=True)  # layers, heads, groups
    version = traitlets.Int(0, read_only=True).tag(sync=True)  # of the maps: the browser forgets older ones
    layer = traitlets.Int(0, min=0).tag(sync=True)
    head = traitlets.Int(0, min=0).tag(sync=True)
    token = traitlets.Int(0, min=0).tag(sync=True)  # whose row, or column, is drawn as lines
    note = traitlets.Unicode(read_only=True).tag(sync=True)  # what is wrong, if anything is

    def __init__(
        self,
        maps: Sequence[Tensor],
        pieces: Sequence[str],
        n_kv_heads: int | None = None,
        n_prompt: int | None = None,
        layer: int = 0,
        head: int = 0,
        token: int | None = None,
    ) -> None:
        super().__init__()
        reading = Reading(maps, pieces, n_prompt)
        self._begin(reading.shape, n_kv_heads, layer, head)
        self._show([reading])
        self._choose(token)

    def _begin(self, shape: tuple[int, int], n_kv_heads: int | None, layer: int, head: int) -> None:
        n_layers, n_heads = shape
        groups = n_heads if n_kv_heads is None else n_kv_heads
        if groups < 1 or n_heads % groups:
            raise ValueError(f"n_kv_heads must divide the {n_heads} heads, got {n_kv_heads}")
        for name, value, n in (("layer", layer, n_layers), ("head", head, n_heads)):
            if not 0 <= value < n:
                raise ValueError(f"{name} must be 0 ... {n - 1}, got {value}")
        self.set_trait("shape", {"layers": n_layers, "heads": n_heads, "groups": groups})
        self.layer, self.head = layer, head
        self._readings: list[Reading] = []
        self.on_msg(self._answer)

    def _choose(self, token: int | None) -> None:
        n_tokens = len(self._readings[0].pieces)
        if token is not None and not 0 <= token < n_tokens:
            raise ValueError(f"token must be 0 ... {n_tokens - 1}, got {token}")
        self.token = n_tokens - 1 if token is None else token

    def _show(self, readings: list[Reading], texts: Sequence[dict] = (), note: str = "") -> None:
        """Replace what is drawn; `texts` may add to a run what was written, and what is usually written."""
        self._readings = readings
        texts = texts or [{}] * len(readings)
        runs = [
            {"pieces": reading.pieces, "n_prompt": reading.n_prompt, **text}
            for reading, text in zip(readings, texts, strict=True)
        ]
        with self.hold_sync():  # one message
            self.set_trait("runs", runs)
            self.set_trait("note", note)
            self.token = min(self.token, len(readings[0].pieces) - 1)
            self.set_trait("version", self.version + 1)

    def _answer(self, _widget: object, wish: object, _buffers: object) -> None:
        """Send the maps or the thumbnails that the browser asked for; a wish that makes no sense is passed over."""
        try:
            if "thumbs" in wish:
                run = int(wish["thumbs"])
                reading = self._reading(run)
                content, buffers = {"thumbs": run, "side": reading.thumb_side}, [reading.thumb_bytes()]
            else:
                places = [(int(run), int(layer), int(head)) for run, layer, head in wish["maps"]]
                content, buffers = {"maps": places}, [self._map(*place) for place in places]
        except (KeyError, TypeError, ValueError):
            return
        self.send({**content, "version": self.version}, buffers=buffers)

    def _reading(self, run: int) -> Reading:
        if not 0 <= run < len(self._readings):
            raise ValueError(f"run must be 0 ... {len(self._readings) - 1}, got {run}")
        return self._readings[run]

    def _map(self, run: int, layer: int, head: int) -> bytes:
        if not (0 <= layer < self.shape["layers"] and 0 <= head < self.shape["heads"]):
            raise ValueError(f"there is no layer {layer}, head {head}")
        return self._reading(run).map_bytes(layer, head)

    def describe(self) -> str:
        """How much there is, and what the chosen token looks at most in the map that is large."""
        n_layers, n_heads, groups = self.shape["layers"], self.shape["heads"], self.shape["groups"]
        share = f", {n_heads // groups} of them sharing keys and values" if groups < n_heads else ""
        there = f"{_count(n_layers, 'layer')} of {_count(n_heads, 'head')}{share}"
        sentences = "; ".join(self._sentence(reading) for reading in self._readings)
        return f"{there}. In layer {self.layer}, head {self.head}: {sentences}"

    def _sentence(self, reading: Reading) -> str:
        n_tokens = len(reading.pieces)
        new = n_tokens - reading.n_prompt
        token = min(self.token, n_tokens - 1)
        most = reading.favourite(self.layer, self.head, token)
        read = f"{_count(reading.n_prompt, 'token')} read at once" + (f" and {new} one by one" if new else "")
        return f"{read}, {reading.pieces[token]} looks most at {most}"

    def twin(self) -> str:
        """The description; the picture beside it shows the map."""
        return f"<p>{escape(self.describe())}</p>"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        del data["text/html"]  # pages without a kernel would prefer it to the picture
        png = picture(self._readings, self.layer, self.head)
        data["image/png"] = base64.b64encode(png).decode()
        return data, {**metadata, "image/png": {"alt": self.describe()}}


def _count(n: int, unit: str) -> str:
    return f"{n} {unit}{'' if n == 1 else 's'}"
