"""An exam's questions one by one: what each model gave, and how likely it found every choice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import traitlets

from llama_lessons.mmlu import LETTERS, Item
from llama_lessons.widgets.exam_sheets import PROTOCOLS, Sheet, chosen, right, score, text_protocol
from llama_lessons.widgets.view import View, static, style

ALL, APART = "all questions", "questions on which the models differ"
NOTHING = "No question is of that kind."


class ErrorBrowser(View):
    """Menus choose a protocol and which questions are shown, a slider goes through them.

    Args:
        items: the exam's questions.
        sheets: name of a model -> what `exam_sheets.answer_sheet` made of the exam.
        protocol: how it was asked.
    """

    _esm = static("dom.js", "exam_errors.js")
    _css = style("ll-exam-errors", "view.css", "exam_errors.css")
    protocols = traitlets.List(traitlets.Unicode(), PROTOCOLS, read_only=True).tag(sync=True)
    protocol = traitlets.Enum(PROTOCOLS, text_protocol("per token")).tag(sync=True)
    kinds = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)  # of questions
    kind = traitlets.Unicode(ALL).tag(sync=True)
    place = traitlets.Int(0, min=0).tag(sync=True)  # among the questions of that kind
    count = traitlets.Int(read_only=True).tag(sync=True)  # of them
    results = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)  # a line for each model
    models = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    question = traitlets.Unicode(read_only=True).tag(sync=True)
    choices = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # text, right, cells: width, text, chosen
    note = traitlets.Unicode(read_only=True).tag(sync=True)

    def __init__(self, items: Sequence[Item], sheets: Mapping[str, Sheet], protocol: str | None = None) -> None:
        if not sheets:
            raise ValueError("sheets must hold at least one model's, got none")
        super().__init__(**({"protocol": protocol} if protocol else {}))
        self._items, self._sheets = list(items), dict(sheets)
        self.set_trait("models", list(sheets))
        self.set_trait("kinds", [ALL, *(f"wrong by {name}" for name in sheets), APART])
        self._renew()
        self.observe(self._renew, ["protocol", "kind", "place"])

    def shown(self) -> list[int]:
        """The numbers of the questions that the menus choose."""
        marks = {name: right(self._items, sheet[self.protocol]) for name, sheet in self._sheets.items()}
        wanted = {ALL: lambda k: True, APART: lambda k: len({mark[k] for mark in marks.values()}) > 1}
        wanted |= {f"wrong by {name}": lambda k, mark=mark: not mark[k] for name, mark in marks.items()}
        return list(filter(wanted.get(self.kind, wanted[ALL]), range(len(self._items))))

    def _renew(self, _change: dict | None = None) -> None:
        with self.hold_sync():  # one message
            numbers = self.shown()
            self.place = max(0, min(self.place, len(numbers) - 1))
            self.set_trait("count", len(numbers))
            scores = {name: score(self._items, sheet[self.protocol]) for name, sheet in self._sheets.items()}
            self.set_trait("results", [f"{name}: {found}" for name, found in scores.items()])
            self._show(numbers[self.place] if numbers else None)

    def _show(self, number: int | None) -> None:
        if number is None:
            self.set_trait("question", NOTHING)
            self.set_trait("choices", [])
            self.set_trait("note", f"{self.kind}, {self.protocol}: none of {len(self._items)}.")
            return
        item = self._items[number]
        rows = {name: sheet[self.protocol][number] for name, sheet in self._sheets.items()}
        self.set_trait("question", f"{item.subject}: {item.question}")
        self.set_trait("choices", [self._choice(item, k, rows) for k in range(len(item.choices))])
        gave = "; ".join(f"{name} gave {_named(item, chosen(row))}" for name, row in rows.items())
        place = f"Question {self.place + 1} of {self.count}" if self.count else ""
        self.set_trait("note", f"{place}. Right is {_named(item, item.answer)}; {gave}.")

    def _choice(self, item: Item, k: int, rows: Mapping[str, Sequence[float]]) -> dict:
        cells = []
        for row in rows.values():
            share = math.exp(row[k] - max(row)) / sum(math.exp(value - max(row)) for value in row)
            cells.append({"width": round(100 * share, 1), "text": f"{row[k]:.2f}", "chosen": chosen(row) == k})
        return {"text": f"{LETTERS[k]}. {item.choices[k]}", "right": k == item.answer, "cells": cells}

    def describe(self) -> str:
        """The protocol, every model's score, and the question that is shown."""
        return f"{self.protocol}: {'; '.join(self.results)}. {self.note}"

    def twin(self) -> str:
        """The question that is shown, with a number for each choice and model."""
        head = "".join(f"<th>{escape(name)}</th>" for name in self.models)
        rows = []
        for choice in self.choices:
            cells = "".join(f"<td>{cell['text']}{' chosen' * cell['chosen']}</td>" for cell in choice["cells"])
            rows.append(f"<tr><td>{escape(choice['text'])}{' (right)' * choice['right']}</td>{cells}</tr>")
        table = f"<table><tr><th>{escape(self.protocol)}</th>{head}</tr>{''.join(rows)}</table>"
        return f"<p>{escape(self.question)}</p>{table}"


def _named(item: Item, k: int) -> str:
    return f"{LETTERS[k]}, {item.choices[k]}"
