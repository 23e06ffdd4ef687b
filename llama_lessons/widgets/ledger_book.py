"""What a reader predicted, and what came of it: kept in a file beside the learner's pages."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from llama_lessons.files import COURSE, atomic
from llama_lessons.score import Score

STEPS = (50, 60, 70, 80, 90, 100)  # how sure one can be, in percent
OUTCOMES = ("", "right", "wrong")  # "": not judged yet
COMMENT = re.compile(r"^# ?", re.MULTILINE)
ASKED = re.compile(r"\*\*Predict:\*\*\s*(.+?)(?=\n\s*\n|\Z)", re.DOTALL)
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
MARKS = re.compile(r"\*+(?=\S)|(?<=\S)\*+|`|\$")


@dataclass(frozen=True)
class Entry:
    """One prediction.

    Args:
        answer: what was predicted. sure: in percent, one of `STEPS`. outcome: one of `OUTCOMES`, as the reader judges.
    """

    answer: str = ""
    sure: int = 70
    outcome: str = ""


def questions(source: Path) -> list[str]:
    """What a lesson asks its reader to predict, in order, as plain text.

    Args:
        source: the lesson in percent format.
    """
    cells = re.split(r"^# %%", source.read_text(encoding="utf-8"), flags=re.MULTILINE)
    texts = [COMMENT.sub("", cell) for cell in cells if cell.startswith(" [markdown]")]
    found = [asked for text in texts for asked in ASKED.findall(text)]
    plain = [" ".join(MARKS.sub("", LINK.sub(r"\1", asked)).split()) for asked in found]
    return [asked[0].upper() + asked[1:] for asked in plain]


def all_questions(folder: Path = COURSE / "notebooks") -> dict[str, list[str]]:
    """A lesson's name -> what it asks, for all that ask anything."""
    found = {source.stem: questions(source) for source in sorted(folder.glob("[0-9]*.py"))}
    return {name: asked for name, asked in found.items() if asked}


class Book:
    """Predictions by lesson and question, in a file, or in memory alone.

    Args:
        path: the file; None keeps nothing beyond this session.

    Attributes:
        trouble: why nothing is kept in the file; empty if all is well.
    """

    def __init__(self, path: Path | None) -> None:
        self.path, self.trouble = path, ""
        self._entries: dict[str, Entry] = {}
        if path is None or not path.exists():
            return
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
            self._entries = {key: _entry(row) for key, row in rows.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            self.trouble = f"{path.name} cannot be read ({error}), so nothing is kept: move it away, and run this again"

    def entry(self, lesson: str, question: str) -> Entry:
        """What was predicted, or an empty entry."""
        return self._entries.get(_key(lesson, question), Entry())

    def note(self, lesson: str, question: str, entry: Entry) -> None:
        """Keep a prediction; one that says nothing is forgotten. A file that could not be read is left as it is."""
        self._entries[_key(lesson, question)] = entry
        if not entry.answer and not entry.outcome:
            del self._entries[_key(lesson, question)]
        if self.path is None or self.trouble:
            return
        rows = {key: asdict(one) for key, one in self._entries.items()}
        try:
            with atomic(self.path) as draft:
                draft.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            self.trouble = f"{self.path.name} cannot be written ({error.strerror}), so nothing is kept"

    def judged(self) -> list[Entry]:
        """The predictions that were judged."""
        return [entry for entry in self._entries.values() if entry.outcome]


def bands(entries: Iterable[Entry]) -> list[tuple[int, Score]]:
    """How sure -> the share that came out right, for every step at which something was judged."""
    by_step = {step: [entry.outcome == "right" for entry in entries if entry.sure == step] for step in STEPS}
    return [(step, Score.of(sum(right), len(right))) for step, right in by_step.items() if right]


def calibration(entries: list[Entry]) -> str:
    """Whether a reader knows how much they know, in a sentence."""
    if not entries:
        return "Nothing judged yet."
    sure = sum(entry.sure for entry in entries) / len(entries)
    share = Score.of(sum(entry.outcome == "right" for entry in entries), len(entries))
    low, high = (round(100 * end) for end in (share.low, share.high))
    counted = f"{100 * share.accuracy:.0f} % ({low} to {high}, n={share.n})"
    verdict = "you are too sure" if sure > high else "trust yourself" if sure < low else "chance allows that"
    return f"On average you were sure at {sure:.0f} %, and right in {counted}: {verdict}."


def _key(lesson: str, question: str) -> str:
    return f"{lesson} {hashlib.sha1(question.encode()).hexdigest()[:10]}"


def _entry(row: dict) -> Entry:
    entry = Entry(**row)
    if not isinstance(entry.answer, str) or entry.sure not in STEPS or entry.outcome not in OUTCOMES:
        raise ValueError(f"no prediction: {row}")
    return entry
