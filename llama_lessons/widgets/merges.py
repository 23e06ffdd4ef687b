"""Byte-pair encoding played back on a sentence of the reader's: one merge after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from itertools import pairwise

import traitlets

from llama_lessons.widgets.view import View, static, style

MAX_CHARACTERS = 300  # of the sentence; every step is sent to the browser
SHOWN_PAIRS = 8


class MergePlayer(View):
    """A sentence, its most frequent pairs, and a slider over the merges; the merging itself is the lesson's own.

    Args:
        text: what stands in the box at first; only the first 300 characters of it are used.
        play: gives the course of training on a text: `(words, counts, pair)` before each merge and once after the
            last. `words` are lists of symbols, `counts` maps each pair to its count, `pair` is merged next, or None.
    """

    _esm = static("dom.js", "merges.js")
    _css = style("ll-merges", "view.css", "merges.css")
    text = traitlets.Unicode().tag(sync=True)
    frames = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # words, pairs, pair
    step = traitlets.Int(0, min=0).tag(sync=True)  # which frame is shown
    note = traitlets.Unicode(read_only=True).tag(sync=True)  # what is wrong, if anything is

    def __init__(self, text: str, play: Callable[[str], Iterator[tuple]]) -> None:
        super().__init__(text=text)
        self._play = play
        self._replay()
        self.observe(self._replay, "text")

    def _replay(self, _change: dict | None = None) -> None:
        frames, note, text = [], "", self.first_of(self.text, MAX_CHARACTERS)
        try:
            frames = [_frame(*moment) for moment in self._play(text)]
        except Exception as trouble:  # `play` is the reader's to change; the view must say what is wrong with it
            note = f"{type(trouble).__name__}: {trouble}"
        with self.hold_sync():  # one message: the browser never draws a step that its frames do not have
            self.step = 0
            self.set_trait("frames", frames)
            self.set_trait("note", note)

    def describe(self) -> str:
        """The sentence, and what becomes of it."""
        if not self.frames:
            return self.note or "nothing to merge"
        first, last = (sum(map(len, self.frames[k]["words"])) for k in (0, -1))
        pieces = " ".join(symbol for word in self.frames[-1]["words"] for symbol in word)
        return f"{first} symbols become {last} after {len(self.frames) - 1} merges: {pieces}"

    def twin(self) -> str:
        """A table with a row per merge: the pair, its count, and the sentence after it."""
        rows = [
            f"<tr><td>{k + 1}</td><td>{escape(frame['pair'][0])} + {escape(frame['pair'][1])}</td>"
            f"<td>{frame['pair'][2]}</td><td>{escape(_sentence(after))}</td></tr>"
            for k, (frame, after) in enumerate(pairwise(self.frames))
        ]
        head = "<tr><th>merge</th><th>pair</th><th>seen</th><th>the sentence after it</th></tr>"
        return f"<table>{head}{''.join(rows)}</table>"


def _frame(words: list, counts: dict, pair: tuple | None) -> dict:
    most = sorted(counts, key=lambda key: (key != pair, -counts[key]))[:SHOWN_PAIRS]
    return {
        "words": [list(word) for word in words],
        "pairs": [[*key, counts[key]] for key in most],
        "pair": [*pair, counts[pair]] if pair else None,
    }


def _sentence(frame: dict) -> str:
    return "  ".join(" ".join(word) for word in frame["words"])
