"""What may come next, before and after temperature, top-k and top-p; and dice that are rolled on it."""

from __future__ import annotations

from html import escape

import torch
import traitlets
from torch import Tensor

from llama_lessons.model import Llama
from llama_lessons.page import stable
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.distribution_dice import MAX_PROMPT, GrowingText, named, percent
from llama_lessons.widgets.view import View, static, style

SHOWN = 20  # tokens that have a bar of their own
MAX_K = 50  # of the slider for top-k
MANY, ROLLS = 20, 1000  # tokens that one button writes, and dice that another rolls


class DistributionView(View):
    """The likeliest next tokens as bars, the model's own and what the sliders make of them, and buttons that draw.

    Args:
        model: a Llama.
        tokenizer: its tokenizer.
        prompt: what stands in the box at first; its first 300 tokens are read.
        seed: of the dice; a new prompt and "Start over" begin with it again.
        chosen: temperature (0 to 2), top_k (0 to 50, 0 is off) and top_p (0 to 1) at first.
    """

    _esm = static("dom.js", "distribution.js")
    _css = style("ll-distribution", "view.css", "distribution.css")
    prompt = traitlets.Unicode().tag(sync=True)
    temperature = traitlets.Float(1.0, min=0.0, max=2.0).tag(sync=True)
    top_k = traitlets.Int(0, min=0, max=MAX_K).tag(sync=True)
    top_p = traitlets.Float(1.0, min=0.0, max=1.0).tag(sync=True)
    limits = traitlets.Dict({"top_k": MAX_K, "many": MANY, "rolls": ROLLS}, read_only=True).tag(sync=True)
    rows = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # piece, before, after, rolled, widths, cut
    written = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # text, title, rare
    ended = traitlets.Bool(read_only=True).tag(sync=True)  # nothing more can be written
    note = traitlets.Unicode(read_only=True).tag(sync=True)  # how much stays, or what is wrong
    drawn = traitlets.Unicode(read_only=True).tag(sync=True)  # what the last button did

    def __init__(self, model: Llama, tokenizer: Tokenizer, prompt: str, seed: int = 0, **chosen) -> None:
        super().__init__(prompt=prompt, **chosen)
        self._model, self._tokenizer, self._seed = model, tokenizer, seed
        self._pieces = [named(piece) for piece in tokenizer.pieces(range(tokenizer.vocab_size))]
        self._begin()
        self.observe(self._begin, "prompt")
        self.observe(lambda _change: self._show(), ["temperature", "top_k", "top_p"])
        self.on_msg(lambda _view, content, _buffers: self._press(content))

    def _begin(self, _change: dict | None = None) -> None:
        try:
            self._text = GrowingText(self._model, self._tokenizer, self.prompt, self._seed)
        except ValueError as trouble:  # half of a character, which a browser lets one type
            self.set_trait("note", str(trouble))
            return
        self._show()

    def _probs(self) -> Tensor:
        return self._text.probs(self.temperature, self.top_k, self.top_p)

    def _press(self, content: dict) -> None:
        """What a button of the browser asks for."""
        wish = content.get("do")  # the frame has messages of its own
        if wish in ("write", "write many"):
            self.write(1 if wish == "write" else MANY)
        elif wish == "roll":
            self.roll()
        elif wish == "start over":
            self._begin()

    def write(self, n_tokens: int) -> None:
        """Draw tokens and put each behind the text, until it ends.

        Args:
            n_tokens: how many.
        """
        drawn = ""
        for _ in range(n_tokens):
            if not self._text.ended:
                drawn = self._text.write(self._probs())
        self._show(drawn)

    def roll(self) -> None:
        """Draw the next token a thousand times, and put none of them behind the text."""
        self._show(f"Rolled the dice {ROLLS} times.", self._text.roll(self._probs(), ROLLS))

    def _show(self, drawn: str = "", counts: Tensor | None = None) -> None:
        """Send everything anew; counts (V,) are how often each token was rolled."""
        before, after = self._text.own, self._probs()
        with self.hold_sync():  # one message
            self.set_trait("rows", self._rows(before, after, counts))
            self.set_trait("written", list(self._text.words))
            self.set_trait("ended", self._text.ended)
            self.set_trait("note", self._sentence(before, after))
            self.set_trait("drawn", drawn)

    def _rows(self, before: Tensor, after: Tensor, counts: Tensor | None) -> list[dict]:
        """What the browser draws for the likeliest tokens, and for all others together."""
        by_k = self._text.probs(self.temperature, self.top_k, 1.0)
        order = before.argsort(descending=True, stable=True)
        top, others = order[:SHOWN], order[SHOWN:]
        most = max(before[top].max(), after[top].max()).item()
        rows = []
        for token in top.tolist():
            count = None if counts is None else counts[token]
            cut = self._reason(after[token], by_k[token])
            rows.append(_row(self._pieces[token], before[token], after[token], count, most) | {"cut": cut})
        n_kept = int((after[others] > 0).sum())
        cut = "" if n_kept == len(others) else f"{n_kept} of them stay" if n_kept else "all cut off"
        count = None if counts is None else counts[others].sum()
        rest = _row(f"{len(others)} others", before[others].sum(), after[others].sum(), count, most)
        return [*rows, rest | {"cut": cut, "rest": True}]

    def _reason(self, after: Tensor, by_k: Tensor) -> str:
        """Why a token cannot be drawn; empty if it can."""
        if after > 0:
            return ""
        if self.temperature == 0:
            return "not the likeliest"
        if self.top_k and by_k == 0:
            return "cut by top-k"
        return "cut by top-p" if self.top_p < 1 else "too small to count"

    def _sentence(self, before: Tensor, after: Tensor) -> str:
        kept = after > 0
        n_kept, held = int(kept.sum()), percent(before[kept].sum())
        choices = stable(torch.special.entr(after).sum().exp().item(), 1)  # e to the entropy
        cut = f"Only the first {MAX_PROMPT} tokens of the prompt are read. " if self._text.is_cut else ""
        tokens, them = ("token", "it") if n_kept == 1 else ("tokens", "them")
        what = f"{n_kept} {tokens} of {len(after)} can be drawn; the model gave {them} {held}."
        return f"{cut}{what} As open as {choices} equal choices."

    def describe(self) -> str:
        """The settings, how much stays, and the likeliest tokens before and after."""
        k = f"top-k {self.top_k}" if self.top_k else "top-k off"
        first = ", ".join(f"{row['piece']} {row['before']} -> {row['after']}" for row in self.rows[:3])
        wrote = "".join(word["text"] for word in self.written)
        return (
            f"{self.prompt!r}{f' + {wrote!r}' if wrote else ''} at temperature {self.temperature:g}, {k}, "
            f"top-p {self.top_p:g}. {self.note} {first} ..."
        )

    def twin(self) -> str:
        """A table of the shown tokens: before, after, and what cut them off."""
        head = "".join(f"<th>{name}</th>" for name in ("token", "before", "after", "cut"))
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(row[name])}</td>' for name in ('piece', 'before', 'after', 'cut'))}</tr>"
            for row in self.rows
        )
        return f"<p>{escape(self.describe())}</p><table><tr>{head}</tr>{body}</table>"


def _row(piece: str, before: Tensor, after: Tensor, count: Tensor | None, most: float) -> dict:
    """Texts of a row, and the widths of its bars in % of the widest; count is None where no dice were rolled."""
    shares = [before.item(), after.item(), 0.0 if count is None else count.item() / ROLLS]
    return {
        "piece": piece,
        "before": percent(before),
        "after": percent(after),
        "rolled": "" if count is None else str(int(count)),
        "widths": [round(min(100.0, 100 * share / most), 2) for share in shares],
    }
