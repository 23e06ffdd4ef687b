"""What all live views share: their files, and what stands in their place where no kernel runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anywidget
import traitlets
from IPython.display import display

STATIC = Path(__file__).parent / "static"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"  # names a model of this kernel, at random

# Three outputs lie below a cell: this sentence, the still picture, the live view. JupyterLab saves all three, and says
# "model not found" in place of the third once the kernel is gone. So the first two hide when there is a live view, and
# the third as long as it holds nothing but text. The rules travel with the page: before a cell is run, no script is.
STILL = """<p class="ll-still">A still picture. Run this cell, and the live view takes its place.</p>
<style>
.jp-OutputArea-child:has(.ll-still):has(+ * + * .ll-view),
.jp-OutputArea-child:has(.ll-still) + :has(+ * .ll-view),
.jp-OutputArea-child:has(.ll-still) + * + * > .jp-OutputArea-output:not(:has(*)) { display: none; }
</style>"""


def static(*names: str) -> str:
    """The text of files in `static/`, one after the other: browsers get one script and one style sheet per view."""
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


def style(root: str, *names: str) -> str:
    """The sheets in `static/` as one, nested below a view's root: it reaches nothing else in a window of many views.

    Args:
        root: the class that the view's script gives to its root, `makeRoot(view, root)`; no other view has it.
        names: of the files.
    """
    return f".{root} {{\n{static(*names)}}}\n"


class View(anywidget.AnyWidget):
    """A picture that the browser draws from this object's traits.

    A subclass sets `_esm = static("dom.js", "its_own.js")` and `_css = style("its-root", "view.css", "its_own.css")`,
    and writes `describe` and `twin`. Both state what the view shows, in a form that is the same on every machine: the
    page is compared with what it says, and a reader without a kernel, on GitHub say, sees nothing else.

    Every view stands in one frame, `makeRoot` of dom.js: it fills the screen, says what was cut, and has a button that
    calls `reset`. It is as wide as its cell, at most 650 pixels high on a projector, and grows with JupyterLab's text:
    its sheet counts in em, and asks its container how wide it is. `beside` puts controls and a picture side by side.
    """

    shortened = traitlets.Unicode(read_only=True).tag(sync=True)  # which text was cut, and after how much of it
    _at_first: dict | None = None  # what the reader can change, as it was when the view was first shown

    def __init__(self, **traits) -> None:
        super().__init__(**traits)
        self.on_msg(self._frame)

    def _frame(self, _view: object, content: dict, _buffers: object) -> None:
        if content == {"frame": "reset"}:  # subclasses have messages of their own
            self.reset()

    def _chosen(self) -> dict:
        own = {name: trait for name, trait in self.traits(sync=True).items() if name not in View.class_traits()}
        return {name: getattr(self, name) for name, trait in own.items() if name[0] != "_" and not trait.read_only}

    def reset(self) -> None:
        """Set all that the reader can change back to what it was when the view was first shown."""
        first = self._at_first or {}
        with self.hold_sync():  # one message
            for _ in range(2):  # a trait that was set may have changed another, such as a text its first step
                with self.hold_trait_notifications():  # nothing is drawn of old and new values mixed
                    for name, value in first.items():
                        setattr(self, name, value)
        self.send_state([*first])  # the browser may have changes of which it has not told yet

    def first_of(self, whole: Sequence, most: int, unit: str = "characters") -> Sequence:
        """The beginning of what may be too long to show; where something is cut, the frame says so.

        Args:
            whole: a text, or its tokens.
            most: how much is shown.
            unit: what is counted.
        """
        cut = f"Cut: of {len(whole)} {unit} the first {most} are used." if len(whole) > most else ""
        self.set_trait("shortened", cut)
        return whole[:most]

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
        if self._at_first is None:
            self._at_first = self._chosen()
        return {**data, "text/plain": repr(self), "text/html": self.twin()}, metadata

    def _ipython_display_(self) -> None:
        data, metadata = self._repr_mimebundle_()
        live = {WIDGET_VIEW: data.pop(WIDGET_VIEW)}
        display({"text/plain": "A still picture:", "text/html": STILL}, raw=True)
        display(data, metadata=metadata, raw=True)
        display(live, raw=True)
