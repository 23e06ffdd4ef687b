"""What each layer would say: the residual stream of every token and layer, read by the model's own head."""

from __future__ import annotations

from html import escape

import torch
import traitlets
from torch import Tensor, nn

from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.streams import streams
from llama_lessons.widgets.view import View, static, style

MAX_TOKENS = 40  # of the text; a wider table would not be read
TOP = 5  # words that the browser is told for each cell
AS_TRAINED = "as trained"
AFTER_FEED_FORWARD, AFTER_ATTENTION = PLACES = ("after feed-forward", "after attention")
UNSURE = 0.05  # likeliest words below this are left out of the table that stands for the view


class LogitLensView(View):
    """A grid of tokens and layers; each cell holds the likeliest next word if the model ended there.

    The stream after each layer is put through the model's last norm and head. The switches change where it is read,
    leave the norm out, or take a model that was broken on purpose.

    Args:
        model: a Llama, or a model of the same parts under the same names.
        tokenizer: its tokenizer.
        text: what stands in the box at first; only its first 40 tokens are read.
        broken: other models of the same shape to choose from, by name.
        max_new_tokens: how many tokens to write after the text, always the likeliest; 0: none.

    Source: nostalgebraist, interpreting GPT: the logit lens, 2020.
    """

    _esm = static("dom.js", "logit_lens.js")
    _css = style("ll-logit-lens", "view.css", "logit_lens.css")
    text = traitlets.Unicode().tag(sync=True)
    versions = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)  # of the model
    version = traitlets.Unicode(AS_TRAINED).tag(sync=True)  # the one that reads
    places = traitlets.List(traitlets.Unicode(), list(PLACES), read_only=True).tag(sync=True)
    place = traitlets.Enum(PLACES, AFTER_FEED_FORWARD).tag(sync=True)  # where in each layer the stream is read
    with_norm = traitlets.Bool(True).tag(sync=True)  # whether the last norm comes before the head
    pieces = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)  # of the text
    rows = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # label, cells: top, shade, leads, first
    note = traitlets.Unicode(read_only=True).tag(sync=True)  # score and what is written, or what is wrong

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Tokenizer,
        text: str,
        broken: dict[str, nn.Module] | None = None,
        max_new_tokens: int = 12,
    ) -> None:
        super().__init__(text=text)
        self._models, self._tokenizer, self._max_new = {AS_TRAINED: model, **(broken or {})}, tokenizer, max_new_tokens
        self._first: list[str] = []  # for each token, the label of the row in which its last word leads first
        self.set_trait("versions", list(self._models))
        self._read()
        self.observe(self._read, ["text", "version", "place", "with_norm"])

    @torch.inference_mode()
    def _read(self, _change: dict | None = None) -> None:
        try:
            model, whole = self._models[self.version], self._tokenizer.encode(self.text)
            ids = whole[:MAX_TOKENS]
            middle, ends = streams(model, ids)
            points = [*middle, ends[-1]] if self.place == AFTER_ATTENTION else ends[1:]
            logits = [self._head(model, stream) for stream in (ends[0], *points)]  # (T, V) each
            labels = ["embedding", *(f"layer {k}" for k in range(len(middle)))]
            rows = self._rows(labels + ["the end"] * (len(logits) - len(labels)), logits)
            note = f"{self._who()}{_cut(len(whole))}{_score(logits[-1], ids)}"
            self._show(self._names(ids), rows, note)  # at once; to write takes a while
            self.set_trait("note", f"{note}{self._write(model, ids)}")
        except Exception as trouble:  # a broken model is the reader's to write; the view must say what is wrong
            self._show([], [], f"{type(trouble).__name__}: {trouble}")

    def _show(self, pieces: list[str], rows: list[dict], note: str) -> None:
        with self.hold_sync():  # one message: rows never meet pieces of another text
            self.set_trait("pieces", pieces)
            self.set_trait("rows", rows)
            self.set_trait("note", note)

    def _head(self, model: nn.Module, stream: Tensor) -> Tensor:
        return model.output(model.norm(stream) if self.with_norm else stream).float()

    def _who(self) -> str:
        return "" if self.version == AS_TRAINED else f"{self.version[:1].upper()}{self.version[1:]}. "

    def _write(self, model: nn.Module, ids: list[int]) -> str:
        """What the model writes after the text, one likeliest token after the other."""
        new: list[int] = []
        while len(new) < self._max_new:
            end = streams(model, ids + new)[1][-1]  # (T, C): all of it, for a broken norm may mix tokens
            token = int(self._head(model, end)[-1].argmax())
            if token == self._tokenizer.eos_id:
                break
            new.append(token)
        start, whole = self._tokenizer.decode(ids), self._tokenizer.decode(ids + new)
        written = f"It goes on: {whole[len(start) :]!r}" if new else "It writes nothing more"
        return f"{written}{'.' if len(new) < self._max_new else ' ...'}" if self._max_new else ""

    def _rows(self, labels: list[str], logits: list[Tensor]) -> list[dict]:
        last = logits[-1].argmax(-1).tolist()
        self._first = [""] * len(last)
        rows = []
        for label, scores in zip(labels, logits, strict=True):
            likely, words = scores.softmax(-1).nan_to_num(0).topk(min(TOP, scores.shape[-1]))  # (T, TOP) each
            cells = [self._cell(*pair) for pair in zip(likely.tolist(), words.tolist(), strict=True)]
            for token, cell in enumerate(cells):
                cell["leads"] = words[token, 0].item() == last[token]
                cell["first"] = cell["leads"] and not self._first[token]
                if cell["first"]:
                    self._first[token] = label
            rows.append({"label": label, "cells": cells})
        return rows

    def _cell(self, likely: list[float], words: list[int]) -> dict:
        top = [[piece, _percent(p), round(p, 3)] for piece, p in zip(self._names(words), likely, strict=True)]
        return {"top": top, "shade": round(likely[0], 3)}

    def _names(self, ids: list[int]) -> list[str]:
        return ["line break" if piece == "<0x0A>" else piece for piece in self._tokenizer.pieces(ids)]

    def describe(self) -> str:
        """How much is read, in which way, and where the word after the last token comes from."""
        if not self.rows:
            return self.note
        norm = "" if self.with_norm else ", without the last norm"
        head = (
            f"{len(self.pieces)} tokens, {len(self._models[self.version].blocks)} layers, {self.version}, {self.place}"
        )
        word = self.rows[-1]["cells"][-1]["top"][0][0]
        return (
            f"{head}{norm}. After {self.pieces[-1]} comes {word}, which leads for the first time in: {self._first[-1]}"
        )

    def twin(self) -> str:
        """A table of the likeliest words: bold where likelier than not, a dash where none has a twentieth."""
        head = "".join(f"<th>{escape(piece)}</th>" for piece in ["", *self.pieces])
        body = "".join(
            f"<tr><th>{row['label']}</th>{''.join(f'<td>{_twin_cell(cell)}</td>' for cell in row['cells'])}</tr>"
            for row in self.rows
        )
        legend = "◆: the last word leads here for the first time. Bold: at least 50 %. A dash: no word has 5 %."
        return f"<p>{escape(self.describe())}. {legend}</p><table><tr>{head}</tr>{body}</table>"


def _cut(n_tokens: int) -> str:
    return f"Only the first {MAX_TOKENS} of {n_tokens} tokens are read. " if n_tokens > MAX_TOKENS else ""


def _score(logits: Tensor, ids: list[int]) -> str:
    """How well a text was foreseen, given the logits (T, V) after its tokens."""
    if logits.isnan().any():
        return "Some numbers are no numbers (nan). "
    if len(ids) < 2:
        return ""
    loss = nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:], device=logits.device))
    return f"Loss of this text: {loss:.2f} nats per token. "


def _percent(p: float) -> str:
    return f"{100 * p:.0f} %" if p >= 0.005 else "< 1 %"


def _twin_cell(cell: dict) -> str:
    word, p = cell["top"][0][0], cell["shade"]
    text = "–" if p < UNSURE else f"<b>{escape(word)}</b>" if p >= 0.5 else escape(word)
    return f"◆ {text}" if cell["first"] else text
