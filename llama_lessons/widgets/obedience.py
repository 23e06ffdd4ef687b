"""How long a wish is kept: answers of several models turn by turn, and whether they look at the wish or themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

import torch
import traitlets
from torch import Tensor

from llama_lessons.dialog import encode_answers, encode_dialog
from llama_lessons.generate import generate
from llama_lessons.model import Llama, record_attention
from llama_lessons.prompt import B_INST, B_SYS, Dialog
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.view import View, static, style

MAX_TEXT = 120  # characters of the wish, and of each question
LONGEST = 48  # tokens of an answer
ALL_LAYERS = "all layers"


class ObedienceView(View):
    """A table of turns and models; each cell holds an answer, whether it keeps the wish, and two bars.

    The bars are the attention that the answer's first two tokens pay to the tokens of the wish, and to the model's own
    earlier answers, at the places at which they are chosen: of each, in the head in which it is largest.

    Args:
        models: name -> model; all of one shape.
        tokenizer: their tokenizer.
        wish: the system line.
        questions: what the user asks, turn by turn.
        keeps: whether an answer keeps the wish.
        shipped: models whose answers are the same on every machine, and may stand in text and twin.

    Source: Llama 2, arXiv:2307.09288, figure 10: the largest activation in the whole network.
    """

    _esm = static("dom.js", "obedience.js")
    _css = style("ll-obedience", "view.css", "obedience.css")
    wish = traitlets.Unicode().tag(sync=True)
    questions = traitlets.List(traitlets.Unicode()).tag(sync=True)
    layers = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    layer = traitlets.Unicode(ALL_LAYERS).tag(sync=True)  # in which the head is looked for
    max_text = traitlets.Int(MAX_TEXT, read_only=True).tag(sync=True)
    names = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)  # of the models
    turns = traitlets.List(traitlets.List(traitlets.Dict()), read_only=True).tag(sync=True)  # a cell for each model
    note = traitlets.Unicode(read_only=True).tag(sync=True)  # what was counted, or what is wrong

    def __init__(
        self,
        models: Mapping[str, Llama],
        tokenizer: Tokenizer,
        wish: str,
        questions: Sequence[str],
        keeps: Callable[[str], bool],
        shipped: Sequence[str] = (),
    ) -> None:
        if not models or not questions:
            raise ValueError(f"models and questions must not be empty, got {list(models)} and {list(questions)}")
        super().__init__(wish=wish, questions=list(questions))
        self._models, self._tokenizer, self._keeps, self._shipped = dict(models), tokenizer, keeps, tuple(shipped)
        self._told: dict[tuple, tuple[list[str], Tensor]] = {}
        n_layers = len(next(iter(self._models.values())).blocks)
        self.set_trait("layers", [ALL_LAYERS, *(f"layer {k}" for k in range(n_layers))])
        self.set_trait("names", list(self._models))
        self._renew()
        self.observe(self._renew, ["wish", "questions", "layer"])

    @traitlets.validate("layer")
    def _known(self, proposal: dict) -> str:
        if proposal["value"] not in (ALL_LAYERS, *self.layers):
            raise traitlets.TraitError(f"layer must be one of {self.layers}, got {proposal['value']!r}")
        return proposal["value"]

    def _renew(self, _change: dict | None = None) -> None:
        try:
            columns = [self._column(name) for name in self._models]
            turns = [list(row) for row in zip(*columns, strict=True)]
            note = self._cut() + self._sentence(columns)
        except ValueError as trouble:  # tags in a text, or half of a character
            turns, note = [], str(trouble)
        with self.hold_sync():  # one message
            self.set_trait("turns", turns)
            self.set_trait("note", note)

    def _column(self, name: str) -> list[dict]:
        """What a model answers, turn by turn."""
        key = name, self.wish, tuple(self.questions)
        if key not in self._told:
            self._told[key] = self._ask(self._models[name])
        answers, shares = self._told[key]
        shares = shares if self.layer == ALL_LAYERS else shares[:, :, [self.layers.index(self.layer) - 1]]
        largest = (100 * shares.flatten(2).amax(2)).tolist()  # (turns, 2)
        return [
            {"answer": answer, "kept": self._keeps(answer), "wish": round(wish, 1), "own": round(own, 1)}
            for answer, (wish, own) in zip(answers, largest, strict=True)
        ]

    @torch.inference_mode()
    def _ask(self, model: Llama) -> tuple[list[str], Tensor]:
        """Answers to all questions, and the attention of each to wish and earlier answers: (turns, 2, layers, H)."""
        dialog: Dialog = [{"role": "system", "content": self.wish[:MAX_TEXT]}]
        tok = self._tokenizer
        for question in self.questions:
            dialog.append({"role": "user", "content": question[:MAX_TEXT]})
            [new] = generate(model, [encode_dialog(tok, dialog)], LONGEST, temperature=0, stop_ids=[tok.eos_id])
            cut = "…" * (len(new) == LONGEST)
            dialog.append({"role": "assistant", "content": tok.decode(new).strip() + cut})
        ids, of_answers = encode_answers(tok, dialog)
        with record_attention(model) as maps:
            model(torch.tensor([ids], device=model.embedding.weight.device))
        weights = torch.stack([maps[k][0] for k in range(len(model.blocks))]).cpu()  # (layers, H, T, T)
        shares = attention_to(weights, self._of_wish(len(ids)), torch.tensor(of_answers))
        return [message["content"] for message in dialog[2::2]], shares

    def _of_wish(self, n_tokens: int) -> Tensor:
        """Which of a dialog's tokens are the wish's, (T,)."""
        before = f"{B_INST} {B_SYS}"
        start, end = (len(self._tokenizer.encode(text)) for text in (before, before + self.wish[:MAX_TEXT].rstrip()))
        place = torch.arange(n_tokens)
        return (place >= start) & (place < end)

    def _cut(self) -> str:
        long = max(map(len, (self.wish, *self.questions))) > MAX_TEXT
        return f"Texts are cut after {MAX_TEXT} characters. " if long else ""

    def _sentence(self, columns: list[list[dict]]) -> str:
        n = len(self.questions)
        kept = [f"{name} {sum(c['kept'] for c in column)}" for name, column in zip(self.names, columns, strict=True)]
        return f"Of {n} answers keep the wish: {', '.join(kept)}."

    def describe(self) -> str:
        """The wish, the questions, and what shipped models answer; nothing that was trained on this machine."""
        return f"{self.wish!r}, {len(self.questions)} questions, asked of: {', '.join(self.names)}"

    def twin(self) -> str:
        """The questions, with the answers of shipped models."""
        shown = [k for k, name in enumerate(self.names) if name in self._shipped] if self.turns else []
        head = "".join(f"<th>{escape(self.names[k])}</th>" for k in shown)
        rows = ""
        for n, question in enumerate(self.questions, start=1):
            cells = "".join(_twin_cell(self.turns[n - 1][k]) for k in shown)
            rows += f"<tr><td>{n}</td><td>{escape(question)}</td>{cells}</tr>"
        table = f"<table><tr><th>turn</th><th>asked</th>{head}</tr>{rows}</table>"
        return f"<p>{escape(self.describe())}. Models trained on this page answer when it runs.</p>{table}"


def attention_to(weights: Tensor, of_wish: Tensor, of_answers: Tensor) -> Tensor:
    """How much of its attention each answer's beginning pays to the wish, and to the answers before it.

    Args:
        weights: of a finished dialog, shape (layers, H, T, T).
        of_wish: which tokens are the wish's, bool, shape (T,).
        of_answers: which are answers', bool, shape (T,).

    Returns:
        Shape (answers, 2, layers, H): shares of 0 to 1, the mean over the places where an answer's first two tokens are
        chosen, each one before the token's own.
    """
    starts = (of_answers & ~of_answers.roll(1)).nonzero()[:, 0].tolist()
    found = []
    for start in starts:
        row = weights[:, :, start - 1 : start + 1].mean(2)  # (layers, H, T)
        earlier = of_answers & (torch.arange(len(of_answers)) < start)
        found.append(torch.stack([row[..., of_wish].sum(-1), row[..., earlier].sum(-1)]))
    return torch.stack(found)


def _twin_cell(cell: dict) -> str:
    return f"<td>{'kept' if cell['kept'] else 'not kept'}: {escape(cell['answer'])}</td>"
