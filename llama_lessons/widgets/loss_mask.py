"""What a dialog is trained on: its tokens, coloured by whether the model is asked to predict them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

import traitlets

from llama_lessons.dialog import encode_answers
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.view import View, static, style

MAX_TEXT = 160  # characters of each box
Mask = Callable[[list[int], list[bool]], list[bool]]


class LossMaskView(View):
    """The tokens of a dialog of two turns, in the order in which a model reads them; those that count are marked.

    Args:
        tokenizer: whose tokens are shown.
        masks: name of a mask -> what makes it: a function of the ids and the right mask.
        system: the system line; empty for none.
        question: what the user asks first.
        answer: what the assistant says to it.
        second: question and answer of the second turn.
    """

    _esm = static("dom.js", "loss_mask.js")
    _css = style("ll-loss-mask", "view.css", "loss_mask.css")
    system = traitlets.Unicode().tag(sync=True)
    question = traitlets.Unicode().tag(sync=True)
    answer = traitlets.Unicode().tag(sync=True)
    masks = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)  # to choose from
    mask = traitlets.Unicode().tag(sync=True)  # the one that is shown
    max_text = traitlets.Int(MAX_TEXT, read_only=True).tag(sync=True)
    tokens = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # piece, id, counts, differs, begins
    note = traitlets.Unicode(read_only=True).tag(sync=True)  # counts, or what is wrong with the dialog

    def __init__(
        self,
        tokenizer: Tokenizer,
        masks: Mapping[str, Mask],
        system: str,
        question: str,
        answer: str,
        second: tuple[str, str],
    ) -> None:
        if not masks:
            raise ValueError(f"masks must name at least one mask, got {dict(masks)}")
        super().__init__(system=system, question=question, answer=answer, mask=next(iter(masks)))
        self._tokenizer, self._masks, self._second = tokenizer, dict(masks), second
        self.set_trait("masks", list(masks))
        self._renew()
        self.observe(self._renew, ["system", "question", "answer", "mask"])

    def _renew(self, _change: dict | None = None) -> None:
        try:
            ids, right = encode_answers(self._tokenizer, self._dialog())
            loss_mask = [bool(counts) for counts in self._masks[self.mask](ids, right)]
            pieces = self._tokenizer.pieces(ids)
            rows = list(zip(ids, pieces, loss_mask, right, strict=True))
            tokens, note = [self._token(*row) for row in rows], self._cut() + _sentence(rows)
        except Exception as trouble:  # a mask may be the reader's own; tags in a text are refused
            tokens, note = [], f"{type(trouble).__name__}: {trouble}"
        with self.hold_sync():  # one message
            self.set_trait("tokens", tokens)
            self.set_trait("note", note)

    def _dialog(self) -> list[dict[str, str]]:
        system, *said = (text[:MAX_TEXT] for text in (self.system, self.question, self.answer, *self._second))
        start = [{"role": "system", "content": system}] if system else []
        roles = ("user", "assistant")
        return start + [{"role": roles[place % 2], "content": text} for place, text in enumerate(said)]

    def _cut(self) -> str:
        names = [name for name in ("system", "question", "answer") if len(getattr(self, name)) > MAX_TEXT]
        return f"Cut after {MAX_TEXT} characters: {', '.join(names)}. " if names else ""

    def _token(self, token_id: int, piece: str, counts: bool, right: bool) -> dict:
        return {
            "piece": "line break" if piece == "<0x0A>" else piece,
            "id": token_id,
            "counts": counts,
            "differs": counts != right,
            "begins": token_id == self._tokenizer.bos_id,
        }

    def describe(self) -> str:
        """Which mask, how many tokens count, and the first of them."""
        return f"{self.mask}. {self.note}"

    def twin(self) -> str:
        """The tokens, a line a turn; those that count are bold and underlined."""
        lines: list[list[str]] = []
        for token in self.tokens:
            if token["begins"] or not lines:
                lines.append([])
            piece = escape(token["piece"])
            lines[-1].append(f"<b><u>{piece}</u></b>" if token["counts"] else piece)
        rows = "".join(f"<tr><td>turn {k}</td><td>{' '.join(line)}</td></tr>" for k, line in enumerate(lines, start=1))
        return f"<p>{escape(self.describe())} Bold and underlined: what counts.</p><table>{rows}</table>"


def _sentence(rows: list[tuple[int, str, bool, bool]]) -> str:
    counted = [piece for _, piece, counts, _ in rows if counts]
    wrong = sum(counts != right for _, _, counts, right in rows)
    off = (
        f" {wrong} of them are not as they should be." if wrong > 1 else " One is not as it should be." if wrong else ""
    )
    what = f"; the first is {counted[0]}, the last {counted[-1]}" if counted else ": nothing is asked, a row to refuse"
    return f"{len(counted)} of {len(rows)} tokens count{what}.{off}"
