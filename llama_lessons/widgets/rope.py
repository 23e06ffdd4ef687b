"""Clock hands of a query and a key, their score at every distance, and what the model makes of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

import traitlets
from torch import Tensor

from llama_lessons.model import Llama
from llama_lessons.page import stable
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.rope_pair import Pair
from llama_lessons.widgets.rope_picture import picture
from llama_lessons.widgets.rope_ways import Run, Way, compared, read_turning
from llama_lessons.widgets.view import View, static, style

AS_TRAINED = "as trained"
MAX_PROMPT, MAX_SHIFT = 64, 100  # tokens of a text; tokens that may stand before it


class RopeView(View):
    """Two tokens of a text, a clock for every pair of channels, the score against distance, the map and the text.

    The model reads the text and writes on, turning as it was trained or in one of the other ways. The hands are the
    real query and key of the head that is chosen; a slider puts more tokens before the text.

    Args:
        model: the model, of at most 256 channels a head.
        tokenizer: its tokenizer.
        prompt: the text; only its first 64 tokens are used.
        ways: wrong ways to turn, by name.
        layer: whose queries and keys are shown at first.
        head: likewise.
        query: the token that looks; None takes the text's last.
        key: the token that it looks at, `query` or one before it; None takes the one before it.
        max_new_tokens: the most tokens to write.

    Raises:
        ValueError: an argument is out of range.
    """

    _esm = static("dom.js", "canvas.js", "attention_canvas.js", "rope_draw.js", "rope.js")
    _css = style("ll-rope", "view.css", "attention.css", "rope.css")
    prompt = traitlets.Unicode().tag(sync=True)
    ways = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    way = traitlets.Unicode(AS_TRAINED).tag(sync=True)
    shape = traitlets.Dict(read_only=True).tag(sync=True)  # layers, heads, pairs, and the largest shift
    layer = traitlets.Int(0, min=0).tag(sync=True)
    head = traitlets.Int(0, min=0).tag(sync=True)
    query = traitlets.Int(0, min=0).tag(sync=True)
    key = traitlets.Int(0, min=0).tag(sync=True)
    shift = traitlets.Int(MAX_SHIFT // 2, min=0, max=MAX_SHIFT).tag(sync=True)  # tokens before the text
    run = traitlets.Dict(read_only=True).tag(sync=True)  # pieces, n_prompt, same, rest, usual, verdict
    weights = traitlets.Bytes(read_only=True).tag(sync=True)  # the map, a byte per weight, rows of T
    scene = traitlets.Dict(read_only=True).tag(sync=True)  # hands, curves, and the sentence that says what they show
    note = traitlets.Unicode(read_only=True).tag(sync=True)  # what is wrong, if anything is

    def __init__(
        self,
        model: Llama,
        tokenizer: Tokenizer,
        prompt: str,
        ways: Mapping[str, Way] | None = None,
        layer: int = 0,
        head: int = 0,
        query: int | None = None,
        key: int | None = None,
        max_new_tokens: int = 20,
    ) -> None:
        super().__init__(prompt=prompt)
        config = model.config
        self._model, self._tokenizer, self._max_new = model, tokenizer, max_new_tokens
        self._ways = {AS_TRAINED: Way(), **(ways or {})}
        self.set_trait("ways", list(self._ways))
        sizes = {"layers": config.n_layers, "heads": config.n_heads, "pairs": config.head_dim // 2}
        self.set_trait("shape", {**sizes, "shift": MAX_SHIFT})
        self.layer, self.head = _within("layer", layer, config.n_layers), _within("head", head, config.n_heads)
        self._runs: dict[str, Run] = {}
        self._read()
        n_prompt = self._run.n_prompt
        self.query = _within("query", n_prompt - 1 if query is None else query, n_prompt)
        self.key = _within("key", max(self.query - 1, 0) if key is None else key, self.query + 1)
        self._look()
        self.observe(self._read, ["prompt", "way"])
        self.observe(self._map, ["layer", "head"])
        self.observe(self._look, ["layer", "head", "query", "key", "shift"])

    def _read(self, change: dict | None = None) -> None:
        """Let the model read and write anew, as trained and in the way chosen."""
        note = ""
        if not change or change["name"] == "prompt":
            self._runs = {AS_TRAINED: self._turned(AS_TRAINED)}
        try:
            if self.way not in self._runs:
                self._runs[self.way] = self._turned(self.way)
        except Exception as trouble:  # a way is the reader's to write; the view must say what is wrong with it
            note = f"{type(trouble).__name__}: {trouble}"
        self._shown = self.way if self.way in self._runs else AS_TRAINED
        with self.hold_sync():  # one message
            self.set_trait("run", compared(self._run, self._runs[AS_TRAINED], self._tokenizer))
            self.set_trait("note", note)
            self._map()
            self._look()

    def _turned(self, way: str) -> Run:
        ids = self.first_of(self._tokenizer.encode(self.prompt), MAX_PROMPT, "tokens")
        return read_turning(self._model, ids, self._max_new, [self._tokenizer.eos_id], self._ways[way])

    @property
    def _run(self) -> Run:
        return self._runs[self._shown]

    def _map(self, _change: dict | None = None) -> None:
        weights = self._run.maps[self.layer][0, self.head]  # (S, S)
        self.set_trait("weights", (255 * weights.nan_to_num(0)).round().byte().cpu().numpy().tobytes())

    def _pair(self) -> Pair:
        """The query and the key that are chosen, in the run that is shown."""
        query = min(self.query, len(self._run.ids) - 1)
        key = min(self.key, query)
        return Pair.of(self._model, self._run, self.layer, self.head, query, key, self.shift)

    def _look(self, _change: dict | None = None) -> None:
        """Compute the hands and the curves."""
        pair, way, theta = self._pair(), self._ways[self._shown], self._model.config.rope_theta
        now = pair.scores(way, theta)
        farthest = MAX_SHIFT + self._run.n_prompt + self._max_new
        usual = Pair(pair.query, pair.key, farthest, pair.distance).scores(Way(), theta)
        self.set_trait(
            "scene",
            {
                "hands": pair.hands(way, theta).tolist(),
                "now": now.tolist(),
                "usual": usual.tolist(),
                "distance": pair.distance,
                "low": min(0.0, now.min().item(), usual.min().item()),
                "high": max(0.0, now.max().item(), usual.max().item()),
                "sentence": self._sentence(pair, now, usual),
            },
        )

    def _sentence(self, pair: Pair, now: Tensor, usual: Tensor) -> str:
        pieces, query = self.run["pieces"], pair.position - self.shift
        d = pair.distance
        far = f"{pieces[query - d]}, {_tokens(d)} before it" if d else "itself"
        scores = f"Their score is {now[d]:.1f}; turned as trained it would be {usual[d]:.1f}."
        return f"{pieces[query]} at place {pair.position} looks at {far}. {scores}"

    def describe(self) -> str:
        """Which two tokens are compared, what they score, and what the model wrote."""
        pair, pieces = self._pair(), self.run["pieces"]
        query = pair.position - self.shift
        now, usual = (self.scene[curve][pair.distance] for curve in ("now", "usual"))
        return (
            f"{self.shape['pairs']} clocks of layer {self.layer}, head {self.head}: {pieces[query]} at place "
            f"{pair.position} looks {_tokens(pair.distance)} back at {pieces[query - pair.distance]}, with the score "
            f"{stable(now, 1)} (turned as trained {stable(usual, 1)}). Turning {self._shown}, the model writes "
            f"{(self.run['same'] + self.run['rest']).strip()!r}: {self.run['verdict']}"
        )

    def twin(self) -> str:
        """The description; the picture beside it shows clocks and curve."""
        return f"<p>{escape(self.describe())}</p>"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        del data["text/html"]  # pages without a kernel would prefer it to the picture
        data["image/png"] = base64.b64encode(picture(self.scene)).decode()
        return data, {**metadata, "image/png": {"alt": self.describe()}}


def _within(name: str, value: int, n: int) -> int:
    """The value, if it is one of 0 ... n - 1."""
    if not 0 <= value < n:
        raise ValueError(f"{name} must be 0 ... {n - 1}, got {value}")
    return value


def _tokens(n: int) -> str:
    return f"{n} token{'' if n == 1 else 's'}"
