"""A chat with one model or several: the dialog, the answer as it is written, and the tokens behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from html import escape

import traitlets

from llama_lessons.chat import ChatSession
from llama_lessons.widgets.view import View, static, style

MAX_TEXT = 1000  # characters of a message or a system line that the browser lets one type
MAX_TEMPERATURE = 2.0


class ChatBox(View):
    """A dialog to read and a line to write in; with several sessions, a menu of whom to talk to.

    An answer is written a token at a time, and in between the kernel takes what the browser asks for, such as "stop".
    Each session keeps its own dialog.

    Args:
        sessions: name of a model -> a dialog with it; the first is shown. System line and temperature at first are
            those of the first, and go to every session that answers.
    """

    _esm = static("dom.js", "chat_box.js")
    _css = style("ll-chat-box", "view.css", "chat_box.css")
    names = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    name = traitlets.Unicode().tag(sync=True)  # of the session that is shown
    system = traitlets.Unicode().tag(sync=True)
    temperature = traitlets.Float(min=0.0, max=MAX_TEMPERATURE).tag(sync=True)
    limits = traitlets.Dict({"text": MAX_TEXT, "temperature": MAX_TEMPERATURE}, read_only=True).tag(sync=True)
    turns = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # role, text, forgotten
    answer = traitlets.Unicode(read_only=True).tag(sync=True)  # what there is of the one that is being written
    busy = traitlets.Bool(read_only=True).tag(sync=True)  # an answer is being written
    note = traitlets.Unicode(read_only=True).tag(sync=True)  # how the last answer ended, or why there is none
    raw = traitlets.Bool().tag(sync=True)  # whether the tokens are asked for
    tokens = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # piece, id, written

    def __init__(self, sessions: Mapping[str, ChatSession]) -> None:
        if not sessions:
            raise ValueError(f"sessions must name at least one, got {sessions!r}")
        self._sessions = dict(sessions)
        first = next(iter(self._sessions))
        session = self._sessions[first]
        super().__init__(name=first, system=session.system, temperature=session.temperature)
        self.set_trait("names", list(self._sessions))
        self._show("")
        self.observe(self._change, "name")
        self.observe(lambda _change: self._show_tokens(), "raw")
        self.on_msg(lambda _view, content, _buffers: self._press(content))

    @traitlets.validate("name")
    def _known(self, proposal: dict) -> str:
        if proposal["value"] not in self._sessions:
            raise traitlets.TraitError(f"name must be one of {list(self._sessions)}, got {proposal['value']!r}")
        return proposal["value"]

    @property
    def session(self) -> ChatSession:
        """The one that is shown."""
        return self._sessions[self.name]

    def ask(self, text: str) -> None:
        """Send a message, as the browser does, and wait for the whole answer.

        Args:
            text: the message. What is wrong with it stands in `note`.
        """
        for _ in self._answering(text):
            pass

    def _press(self, content: dict) -> None:
        """What a button of the browser asks for."""
        wish = content.get("do")  # the frame has messages of its own
        if wish == "send" and not self.busy:
            self._task = asyncio.ensure_future(self._reply(content["text"]))  # kept, or it could be collected
        elif wish == "stop":
            self.session.stop()
        elif wish == "reset":
            self.session.reset()
            self._show("A new dialog.")

    def reset(self) -> None:
        """A new dialog with everybody, and the settings of the first moment."""
        for session in self._sessions.values():
            session.stop()
            session.reset()
        super().reset()
        self._show("")

    async def _reply(self, text: str) -> None:
        for _ in self._answering(text):
            await asyncio.sleep(0)  # the kernel takes the messages that have come

    def _answering(self, text: str) -> Iterator[None]:
        """Send a message and show the answer as it grows; yields after each piece of it."""
        session = self.session
        session.system, session.temperature = self.system, self.temperature
        try:
            pieces = session.stream(text)
        except ValueError as trouble:
            self.set_trait("note", f"Not sent: {trouble}.")
            return
        with self.hold_sync():  # one message
            self.set_trait("turns", [*self._turns(), {"role": "user", "text": text, "forgotten": False}])
            self.set_trait("busy", True)
            self.set_trait("note", "")
        note = ""
        try:
            for piece in pieces:
                self.set_trait("answer", self.answer + piece)
                yield
            note = _ending(session)
        except Exception as trouble:  # whatever it is, the visitor shall know, and the next message shall work
            note = f"The model failed, and the message was not kept: {trouble}"
        finally:
            self._show(note)

    def _change(self, change: dict) -> None:
        self._sessions[change["old"]].stop()
        self._show("")

    def _show(self, note: str) -> None:
        """Send what the session holds now."""
        with self.hold_sync():
            self.set_trait("turns", self._turns())
            self.set_trait("answer", "")
            self.set_trait("busy", False)
            self.set_trait("note", note)
            self._show_tokens()

    def _turns(self) -> list[dict]:
        said = [message for message in self.session.dialog if message["role"] != "system"]
        return [
            {"role": message["role"], "text": message["content"], "forgotten": number < 2 * self.session.n_forgotten}
            for number, message in enumerate(said)
        ]

    def _show_tokens(self) -> None:
        session = self.session
        ids = session.ids if self.raw else []
        rows = zip(session.tok.pieces(ids), ids, strict=True)
        tokens = [{"piece": piece, "id": k, "written": n >= session.n_read} for n, (piece, k) in enumerate(rows)]
        self.set_trait("tokens", tokens)

    def describe(self) -> str:
        """Whom one talks to, the settings, and the dialog."""
        system = f"system line {self.system!r}" if self.system else "no system line"
        said = " ".join(f"{self._speaker(turn)}: {turn['text']!r}." for turn in self.turns) or "Nothing said yet."
        return f"a chat with {self.name} at temperature {self.temperature:g}, {system}. {said}"

    def _speaker(self, turn: dict) -> str:
        return "You" if turn["role"] == "user" else self.name

    def twin(self) -> str:
        """The dialog as a table."""
        rows = "".join(
            f"<tr><th>{escape(self._speaker(turn))}</th><td>{escape(turn['text'])}</td></tr>" for turn in self.turns
        )
        said = f"<table>{rows}</table>" if rows else "<p>Nothing said yet.</p>"
        return f"<p>A chat with {escape(self.name)}, at temperature {self.temperature:g}.</p>{said}"


def _ending(session: ChatSession) -> str:
    """How an answer has ended, and what the model no longer reads."""
    n_written, n_all = len(session.ids) - session.n_read, session.model.config.max_seq_len
    if not n_written or session.ids[-1] == session.tok.eos_id:
        end = "Done"
    else:
        end = "Cut off, for the model can hold no more" if len(session.ids) == n_all else "Stopped"
    forgotten = f" The model no longer reads what is faint: it can hold {n_all} tokens." if session.n_forgotten else ""
    return f"{end}: {session.n_read} tokens read, {n_written} written.{forgotten}"
