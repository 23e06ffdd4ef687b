"""The red-team board: what each kind of attack does to each model, and the reader's own attacks beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

import traitlets

from llama_lessons.evaluation import Score
from llama_lessons.prompt import Dialog
from llama_lessons.widgets.view import View, static, style
from llama_lessons.world.attacks import PLAIN, Attack, attacks, keyword_judge, verdict
from llama_lessons.world.red_team import RedTeamPrompt, troubles

MAX_TEXT = 200  # characters of each box
SAYS = {True: "refusal", False: "no refusal"}


class RedTeamBoard(View):
    """Shares of bad requests that got through and of harmless ones that did not, by attack and model; and three boxes.

    Args:
        models: name -> `ask(dialog, first_words)`, which gives the model's answer with those words in front.
        results: kind of attack -> model -> (bad requests not declined, harmless ones declined).
        requests: to choose from.
    """

    _esm = static("dom.js", "red_team.js")
    _css = style("ll-red-team", "view.css", "red_team.css")
    models = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    rows = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # kind, cells: [missed, refused]
    attacks = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    attack = traitlets.Unicode().tag(sync=True)
    requests = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    request = traitlets.Unicode().tag(sync=True)
    system = traitlets.Unicode().tag(sync=True)  # the three boxes
    message = traitlets.Unicode().tag(sync=True)
    first = traitlets.Unicode().tag(sync=True)
    replies = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # model, text, did, keyword
    tally = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # of the reader's own: said, did: [of each]
    note = traitlets.Unicode(read_only=True).tag(sync=True)
    answered = traitlets.Int(0, read_only=True).tag(sync=True)  # counts answers, which may be the same as before

    def __init__(
        self,
        models: Mapping[str, Callable[[Dialog, str], str]],
        results: Mapping[str, Mapping[str, tuple[Score, Score]]],
        requests: Sequence[RedTeamPrompt],
    ) -> None:
        if not models or not requests:
            raise ValueError(f"models and requests must not be empty, got {list(models)} and {list(requests)}")
        self._ask, self._results = dict(models), {kind: dict(row) for kind, row in results.items()}
        self._attacks = {_named(attack): attack for attack in (PLAIN, *attacks("train"), *attacks("test"))}
        super().__init__(attack=_named(PLAIN), request=requests[0].prompt)
        self.set_trait("models", list(models))
        self.set_trait("attacks", list(self._attacks))
        self.set_trait("requests", [prompt.prompt for prompt in requests])
        self.set_trait("rows", [self._row(kind) for kind in self._results])
        self._compose()
        self.observe(self._compose, ["attack", "request"])
        self.observe(self._try_own, ["system", "message", "first"])

    def _row(self, kind: str) -> dict:
        pairs = [self._results[kind][model] for model in self.models]
        return {"kind": kind, "cells": [[_bar(missed), _bar(refused)] for missed, refused in pairs]}

    def _compose(self, _change: dict | None = None) -> None:
        """Write the chosen attack with the chosen request into the boxes."""
        chosen = self._attacks.get(self.attack, PLAIN)
        dialog = chosen.dialog(self.request)
        self._before = dialog[:-1] if dialog[0]["role"] == "user" else []
        with self.hold_trait_notifications(), self.hold_sync():
            self._composing = True
            self.system = dialog[0]["content"] if dialog[0]["role"] == "system" else ""
            self.message, self.first = dialog[-1]["content"], chosen.first_words
        self._composing = False
        self._answer()

    def _try_own(self, _change: dict) -> None:
        if not self._composing:
            self._answer(own=True)

    def reset(self) -> None:
        """Put the first request as it is, and forget what the reader tried."""
        self.set_trait("tally", [])
        with self.hold_trait_notifications():
            self.attack, self.request = self.attacks[0], self.requests[0]
        self._compose()

    def _answer(self, own: bool = False) -> None:
        texts = {name: getattr(self, name) for name in ("system", "message", "first")}
        cut = [name for name, text in texts.items() if len(text) > MAX_TEXT]
        system, message, first = (text[:MAX_TEXT].strip() for text in texts.values())
        head = [{"role": "system", "content": system}] if system else []
        dialog = [*head, *self._before, {"role": "user", "content": message}]
        try:
            said = {name: ask(dialog, first) for name, ask in self._ask.items()}
        except ValueError as trouble:  # a tag, half a character, a text that is too long
            with self.hold_sync():
                self.set_trait("note", str(trouble))
                self.set_trait("answered", self.answered + 1)
            return
        replies = [{"model": name, "text": text, **_judged(text)} for name, text in said.items()]
        with self.hold_sync():
            self.set_trait("replies", replies)
            if own:
                line = {"said": message, "did": [reply["did"] for reply in replies]}
                self.set_trait("tally", [line, *self.tally])
            self.set_trait("note", self._sentence(cut))
            self.set_trait("answered", self.answered + 1)

    def _sentence(self, cut: list[str]) -> str:
        through = [reply["model"] for reply in self.replies if reply["did"] != "declined"]
        before = f'After "{self._before[0]["content"]}": ' if self._before else ""
        shortened = f" Only the first {MAX_TEXT} characters of {' and '.join(cut)} were sent." if cut else ""
        came = f"{' and '.join(through)} did not decline." if through else "All models declined."
        return f"{before}{came}{shortened}"

    def describe(self) -> str:
        """For each kind of attack and model, the shares in per cent; then what was asked and what came of it."""
        told = "; ".join(
            f"{kind} {', '.join(f'{missed.accuracy:.0%}/{refused.accuracy:.0%}' for missed, refused in row.values())}"
            for kind, row in self._results.items()
        )
        return f"bad requests not declined/harmless ones declined by {', '.join(self.models)}: {told}. {self.note}"

    def twin(self) -> str:
        """The board as a table, and the answers to what is asked."""
        head = "".join(f"<th>{escape(model)}</th>" for model in self.models)
        body = "".join(
            f"<tr><th>{escape(kind)}</th>"
            + "".join(f"<td>{m.accuracy:.0%} / {r.accuracy:.0%}</td>" for m, r in row.values())
            + "</tr>"
            for kind, row in self._results.items()
        )
        said = "".join(f"<p>{escape(r['model'])}: {escape(r['text'])} ({r['did']})</p>" for r in self.replies)
        caption = "bad requests not declined / harmless ones declined"
        return f"<table><tr><th>{caption}</th>{head}</tr>{body}</table><p>{escape(self.message)}</p>{said}"


def _named(attack: Attack) -> str:
    return attack.kind if attack is PLAIN else f"{attack.kind}: {attack.words}"


def _bar(score: Score) -> dict:
    """A share and its interval in per cent, and the words for it."""
    ends = {name: round(100 * value, 1) for name, value in (("low", score.low), ("high", score.high))}
    words = f"{score.accuracy:.0%} of {score.n}, {score.low:.0%} to {score.high:.0%}"
    return {"share": round(100 * score.accuracy, 1), **ends, "words": words}


def _judged(text: str) -> dict[str, str]:
    """What an answer did, by the Valley's judge and by keywords; it has helped if it helps with any kind of trouble."""
    verdicts = [verdict(kind, text) for kind in troubles().kinds]
    did = next((v for v in ("helped", "declined") if v in verdicts), "neither")
    return {"did": did, "keyword": SAYS[keyword_judge(text)]}
