"""What all live views share: their files, and what stands in their place where no kernel runs."""

from __future__ import annotations

from pathlib import Path

import anywidget

STATIC = Path(__file__).parent / "static"


def static(*names: str) -> str:
    """The text of files in `static/`, one after the other: browsers get one script and one style sheet per view."""
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


class View(anywidget.AnyWidget):
    """A picture that the browser draws from this object's traits.

    A subclass sets `_esm = static("dom.js", "its_own.js")` and `_css = static("view.css")`, and writes `describe`
    and `twin`. Both state what the view shows, in a form that is the same on every machine: the page is compared
    with what it says, and a reader without a kernel, on GitHub say, sees nothing else.
    """

    def describe(self) -> str:
        """What the view shows now, in a sentence of plain text."""
        raise NotImplementedError

    def twin(self) -> str:
        """What the view shows now, as HTML without script or style; text of users and models is escaped."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.describe()}"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return {**data, "text/plain": repr(self), "text/html": self.twin()}, metadata
