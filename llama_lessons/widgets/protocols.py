"""One exam, twelve protocols: how several models stand beside each other depends on how one asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import combinations

import traitlets

from llama_lessons.mmlu import Item
from llama_lessons.score import Score, sign_test
from llama_lessons.widgets.exam_sheets import (
    MMLUS_OWN,
    NORMALISERS,
    POSITIONS,
    PROTOCOLS,
    SHOTS,
    TOKENS,
    WAYS,
    Sheet,
    letter_protocol,
    ranks,
    right,
    score,
    text_protocol,
)
from llama_lessons.widgets.view import View, static, style

START = {
    "way": WAYS[0],
    "position": POSITIONS[0],
    "token": TOKENS[0],
    "shots": str(SHOTS[-1]),
    "normaliser": NORMALISERS[1],
}
PARTS = {"position": POSITIONS, "token": TOKENS, "shots": tuple(map(str, SHOTS))}  # of a way by letter


class ProtocolsView(View):
    """Menus choose how an answer is read; bars show what each model scores so, a table what it scores in all twelve.

    Args:
        items: the exam's questions.
        sheets: name of a model -> what `answer_sheet` made of the exam.
    """

    _esm = static("dom.js", "protocols.js")
    _css = style("ll-protocols", "view.css", "protocols.css")
    way = traitlets.Enum(list(WAYS), START["way"]).tag(sync=True)
    position = traitlets.Enum(list(POSITIONS), START["position"]).tag(sync=True)
    token = traitlets.Enum(list(TOKENS), START["token"]).tag(sync=True)
    shots = traitlets.Enum(list(PARTS["shots"]), START["shots"]).tag(sync=True)
    normaliser = traitlets.Enum(list(NORMALISERS), START["normaliser"]).tag(sync=True)
    options = traitlets.Dict(read_only=True).tag(sync=True)  # menu -> what there is to choose from
    by_letter = traitlets.Bool(read_only=True).tag(sync=True)  # which of the menus count
    bars = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # name, rank, text; share, low, high in %
    chance = traitlets.Float(read_only=True).tag(sync=True)  # in %
    models = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    table = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # name, cells, chosen; set: menu -> choice
    note = traitlets.Unicode(read_only=True).tag(sync=True)  # the models compared in pairs

    def __init__(self, items: Sequence[Item], sheets: Mapping[str, Sheet]) -> None:
        if not sheets:
            raise ValueError("sheets must hold at least one model's, got none")
        super().__init__()
        self._items, self._sheets = list(items), dict(sheets)
        self.set_trait("options", {"way": list(WAYS), "normaliser": list(NORMALISERS)} | PARTS)
        self.set_trait("models", list(sheets))
        self.set_trait("chance", 100 * sum(1 / len(item.choices) for item in self._items) / len(self._items))
        self._renew()
        self.observe(self._renew, list(START))

    @property
    def protocol(self) -> str:
        """The name of the chosen one."""
        if self.way == WAYS[1]:
            return text_protocol(self.normaliser)
        return letter_protocol(self.position, self.token, int(self.shots))

    def scores(self, protocol: str) -> dict[str, Score]:
        """Every model's score in a protocol."""
        return {name: score(self._items, sheet[protocol]) for name, sheet in self._sheets.items()}

    def _renew(self, _change: dict | None = None) -> None:
        with self.hold_sync():  # one message
            scores = self.scores(self.protocol)
            self.set_trait("by_letter", self.way == WAYS[0])
            self.set_trait("bars", [_bar(*pair) for pair in zip(scores.items(), _places(scores), strict=True)])
            self.set_trait("table", [self._row(protocol) for protocol in PROTOCOLS])
            self.set_trait("note", self._compared())

    def _row(self, protocol: str) -> dict:
        scores = self.scores(protocol)
        cells = [
            {"text": f"{s.accuracy:.2f}", "rank": rank}
            for s, rank in zip(scores.values(), _places(scores), strict=True)
        ]
        return {"name": protocol, "cells": cells, "chosen": protocol == self.protocol, "own": protocol == MMLUS_OWN}

    def _compared(self) -> str:
        """For each pair of models the questions that only one of them got right, and what chance does as often."""
        said = []
        for (one, sheet), (other, their_sheet) in combinations(self._sheets.items(), 2):
            ours, theirs = right(self._items, sheet[self.protocol]), right(self._items, their_sheet[self.protocol])
            a = sum(x and not y for x, y in zip(ours, theirs, strict=True))
            b = sum(y and not x for x, y in zip(ours, theirs, strict=True))
            said.append(f"{one} against {other}: right alone {a} to {b} times, p = {sign_test(a, b):.2f}")
        return "; ".join(said) + "." if said else ""

    def describe(self) -> str:
        """The chosen protocol, every model's score in it, and the pairs."""
        scores = "; ".join(f"{name} {score}" for name, score in self.scores(self.protocol).items())
        return f"{self.protocol}: {scores}. {self.note}"

    def twin(self) -> str:
        """The table of all twelve, with intervals."""
        head = "".join(f"<th>{escape(name)}</th>" for name in self._sheets)
        rows = []
        for protocol in PROTOCOLS:
            cells = "".join(
                f"<td>{s.accuracy:.2f} ({s.low:.2f} to {s.high:.2f})</td>" for s in self.scores(protocol).values()
            )
            rows.append(f"<tr><td>{escape(protocol)}</td>{cells}</tr>")
        return f"<table><tr><th>{len(self._items)} questions</th>{head}</tr>{''.join(rows)}</table>"


def _places(scores: Mapping[str, Score]) -> list[int]:
    return ranks([score.accuracy for score in scores.values()])


def _bar(named: tuple[str, Score], rank: int) -> dict:
    name, score = named
    ends = {end: round(100 * getattr(score, end), 2) for end in ("low", "high")}
    text = f"{score.accuracy:.2f} ({score.low:.2f} to {score.high:.2f})"
    return {"name": name, "rank": rank, "text": text, "share": round(100 * score.accuracy, 2)} | ends
