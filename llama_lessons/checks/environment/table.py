"""The table itself: a line for each thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

HEAD = ("", "what", "here", "asked for", "what to do")


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    Args:
        what: what was looked at.
        here: what was found.
        asked: what the course asks for, if it asks for anything.
        state: "ok"; "note" if lessons are slower or go without it; "missing" if they cannot run.
        advice: what to do about it.
    """

    what: str
    here: str
    asked: str = ""
    state: str = "ok"
    advice: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The line's texts, in the order of `HEAD`."""
        return self.state, self.what, self.here, self.asked, self.advice


@dataclass(frozen=True)
class Environment:
    """The table; it shows itself in a notebook and in a terminal.

    Args:
        findings: its lines.
    """

    findings: tuple[Finding, ...]

    @property
    def ready(self) -> bool:
        """Whether the lessons can run; notes do not count."""
        return all(finding.state != "missing" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """The whole table in a sentence, which is the same on every machine that has what the lessons need."""
        lacking = [finding.what for finding in self.findings if finding.state == "missing"]
        if lacking:
            return f"not ready for the lessons: look at {', '.join(lacking)}"
        return "ready for the lessons"

    def __repr__(self) -> str:
        rows = [HEAD, *(finding.cells for finding in self.findings)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(HEAD))]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([*lines, self.verdict])

    def _repr_html_(self) -> str:
        left = ' style="text-align: left"'  # JupyterLab would put it to the right, as numbers
        rows = ["".join(f"<td{left}>{escape(cell)}</td>" for cell in finding.cells) for finding in self.findings]
        head = "".join(f"<th{left}>{cell}</th>" for cell in HEAD)
        table = "".join(f"<tr>{row}</tr>" for row in [head, *rows])
        return f"<table>{table}</table><p>{escape(self.verdict)}</p>"
