"""A ledger of predictions: type what you expect and how sure you are, judge it, see how well you know what you know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import traitlets

from llama_lessons.widgets.ledger_book import OUTCOMES, STEPS, Book, Entry, all_questions, bands, calibration
from llama_lessons.widgets.view import View, static, style

MAX_TEXT = 400  # characters of a prediction


class Ledger(View):
    """The predictions that the lessons ask for, one at a time, and how those that were judged came out.

    Args:
        path: the file that they are kept in; None keeps them for this session alone.
        asked: a lesson's name -> what it asks; None reads the course's lessons.
    """

    _esm = static("dom.js", "ledger.js")
    _css = style("ll-ledger", "view.css", "ledger.css")
    lessons = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    lesson = traitlets.Unicode().tag(sync=True)
    n = traitlets.Int(read_only=True).tag(sync=True)  # predictions of the lesson
    number = traitlets.Int(1, min=1).tag(sync=True)  # which of them, counted from 1
    question = traitlets.Unicode(read_only=True).tag(sync=True)
    answer = traitlets.Unicode().tag(sync=True)
    sure = traitlets.Int(70).tag(sync=True)  # percent
    outcome = traitlets.Enum(OUTCOMES, default_value="").tag(sync=True)
    limits = traitlets.Dict({"text": MAX_TEXT, "sure": list(STEPS)}, read_only=True).tag(sync=True)
    bands = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # sure, share, low, high, n
    note = traitlets.Unicode(read_only=True).tag(sync=True)

    def __init__(self, path: Path | None = None, asked: Mapping[str, Sequence[str]] | None = None) -> None:
        self._asked = dict(all_questions() if asked is None else asked)
        if not self._asked:
            raise ValueError(f"asked must name a lesson that asks something, got {asked!r}")
        self._book, self._turning = Book(path), False
        super().__init__(lesson=next(iter(self._asked)))
        self.set_trait("lessons", list(self._asked))
        self._turn()
        self.observe(self._begin, "lesson")
        self.observe(self._turn, "number")
        self.observe(self._note, ["answer", "sure", "outcome"])

    @traitlets.validate("lesson")
    def _known(self, proposal: dict) -> str:
        if proposal["value"] not in self._asked:
            raise traitlets.TraitError(f"lesson must be one of {list(self._asked)}, got {proposal['value']!r}")
        return proposal["value"]

    @traitlets.validate("sure")
    def _a_step(self, proposal: dict) -> int:
        return min(STEPS, key=lambda step: abs(step - proposal["value"]))

    @traitlets.validate("number")
    def _there(self, proposal: dict) -> int:
        return min(proposal["value"], len(self._asked[self.lesson]))

    def reset(self) -> None:
        """Go back to the first prediction; what was written is kept."""
        self.lesson, self.number = next(iter(self._asked)), 1

    def _begin(self, _change: dict) -> None:
        self.number = 1
        self._turn()

    def _turn(self, _change: dict | None = None) -> None:
        """Show what is kept of the prediction that was chosen."""
        asked = self._asked[self.lesson]
        question = asked[self.number - 1]
        entry = self._book.entry(self.lesson, question)
        self._turning = True
        with self.hold_sync():  # one message
            self.set_trait("n", len(asked))
            self.set_trait("question", question)
            self.answer, self.sure, self.outcome = entry.answer, entry.sure, entry.outcome
        self._turning = False
        self._count()

    def _note(self, _change: dict) -> None:
        if not self._turning:
            answer = self.first_of(self.answer, MAX_TEXT)
            self._book.note(self.lesson, self.question, Entry(answer, self.sure, self.outcome))
            self._count()

    def _count(self) -> None:
        judged = self._book.judged()
        rows = [
            {"sure": step, "share": score.accuracy, "low": score.low, "high": score.high, "n": score.n}
            for step, score in bands(judged)
        ]
        with self.hold_sync():
            self.set_trait("bands", rows)
            self.set_trait("note", self._book.trouble or calibration(judged))

    def describe(self) -> str:
        """Which prediction, what was said of it, and how well calibrated the reader is."""
        said = f"predicted {self.answer!r}, sure at {self.sure} %" if self.answer else "nothing predicted"
        came = f", came out {self.outcome}" if self.outcome else ""
        where = f"lesson {self.lesson}, prediction {self.number} of {self.n}"
        return f"{where}: {self.question} - {said}{came}. {self.note}"

    def twin(self) -> str:
        """The prediction, and the bands that were judged, as tables."""
        rows = "".join(
            f"<tr><td>{row['sure']} %</td><td>{100 * row['share']:.0f} % of {row['n']}</td></tr>" for row in self.bands
        )
        judged = f"<table><tr><th>how sure</th><th>right</th></tr>{rows}</table>" if rows else ""
        asked = f"<tr><th>asked</th><td>{escape(self.question)}</td></tr>"
        said = f"<tr><th>predicted</th><td>{escape(self.answer) or 'nothing yet'}</td></tr>"
        return f"<table>{asked}{said}</table><p>{escape(self.note)}</p>{judged}"
