"""The best of K answers by a judge of your choice: which one it takes, and what that does to the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import torch
import traitlets
from torch import Tensor

from llama_lessons.page import stable
from llama_lessons.rlhf.rejection import best_of_fewer, kl_of_best
from llama_lessons.rlhf.samples import Request
from llama_lessons.widgets.view import View, static, style

MAX_TEXT = 90  # characters of an answer that are shown
CURVES = ("this judge", "a judge that knows", "one at random")


class BestOfView(View):
    """K answers to one request, the best of them by a judge; and for all requests what K does to judge and truth.

    Args:
        requests: what was asked (N of them).
        texts: K answers to each; K a power of 2.
        truth: what they are worth, 0 to 1, shape (N, K).
        judges: name of a judge -> its scores, shape (N, K).
    """

    _esm = static("dom.js", "best_of.js")
    _css = style("ll-bestof", "view.css", "best_of.css")
    questions = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    question = traitlets.Unicode().tag(sync=True)
    judges = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    judge = traitlets.Unicode().tag(sync=True)
    ks = traitlets.List(traitlets.Int(), read_only=True).tag(sync=True)
    step = traitlets.Int(0, min=0).tag(sync=True)  # which of them is shown
    answers = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # text, score, right, counts, best
    panels = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # name, low, high, curves: name, points
    places = traitlets.List(traitlets.Float(), read_only=True).tag(sync=True)  # of the ks: roots of KL, 0 to 1
    note = traitlets.Unicode(read_only=True).tag(sync=True)

    def __init__(
        self,
        requests: Sequence[Request],
        texts: Sequence[Sequence[str]],
        truth: Tensor,
        judges: Mapping[str, Tensor],
    ) -> None:
        n_answers = truth.shape[1]
        shapes = {name: tuple(scores.shape) for name, scores in judges.items()}
        if not judges or n_answers & (n_answers - 1) or {len(row) for row in texts} != {n_answers}:
            raise ValueError(f"judges and texts must have as many answers as truth, a power of 2, got {n_answers}")
        if set(shapes.values()) != {tuple(truth.shape)}:
            raise ValueError(f"judges must have scores of shape {tuple(truth.shape)}, got {shapes}")
        names = [f"{request.prompt} ({request.kind})" for request in requests]
        super().__init__(question=names[0], judge=next(iter(judges)))
        self._texts, self._truth, self._judges = texts, truth.float(), dict(judges)
        self.set_trait("questions", names)
        self.set_trait("judges", list(judges))
        self.set_trait("ks", [2**step for step in range(n_answers.bit_length())])
        far = math.sqrt(kl_of_best(n_answers))
        self.set_trait("places", [math.sqrt(kl_of_best(k)) / far if far else 0.0 for k in self.ks])
        self._renew()
        self.observe(self._renew, ["question", "judge", "step"])

    @property
    def k(self) -> int:
        """How many answers there are to choose from."""
        return self.ks[min(self.step, len(self.ks) - 1)]

    def _renew(self, _change: dict | None = None) -> None:
        row = self.questions.index(self.question) if self.question in self.questions else 0
        scores, k = self._judges[self.judge], self.k
        best = int(scores[row, :k].argmax())
        answers = [
            {"text": _cut(text), "score": f"{score:.2f}", "right": worth == 1, "counts": n < k, "best": n == best}
            for n, (text, score, worth) in enumerate(
                zip(self._texts[row], scores[row].tolist(), self._truth[row].tolist(), strict=True)
            )
        ]
        with self.hold_sync():  # one message
            self.set_trait("answers", answers)
            self.set_trait("panels", self._curves())
            learned, worth = best_of_fewer(scores, self._truth, k)
            of = "a single answer" if k == 1 else f"the best of {k}"
            kl = f"at most {kl_of_best(k):.2f} nats from a single one"
            self.set_trait(
                "note", f"Over all {len(scores)} requests, {of}: judge {learned:.2f}, true {worth:.2f}, {kl}."
            )

    def _curves(self) -> list[dict]:
        """What the judge gives, and what its choices are worth, for each k."""
        scores = self._judges[self.judge]
        both = [best_of_fewer(scores, self._truth, k) for k in self.ks]
        learned, worth = [list(points) for points in zip(*both, strict=True)]
        knows = [expected_best(self._truth, k) for k in self.ks]
        random = [float(self._truth.mean())] * len(self.ks)
        span = max(learned) - min(learned) or 1.0
        low = min([*worth, *random]) - 0.05
        return [
            {
                "name": "what the judge gives",
                "low": min(learned) - 0.1 * span,
                "high": max(learned) + 0.1 * span,
                "curves": [learned],
            },
            {"name": "what is true", "low": max(0.0, low), "high": 1.0, "curves": [worth, knows, random]},
        ]

    def describe(self) -> str:
        """What there is to choose from; no score that was measured."""
        n, k = self._truth.shape
        return f"the best of up to {k} answers to {n} requests, by {', '.join(self.judges)}"

    def twin(self) -> str:
        """KL of the best of each k: what is known without a model. The rest is in the picture that the lesson draws."""
        rows = "".join(
            f"<tr><td>{k}</td><td>{stable(kl_of_best(k))}</td><td>{stable(math.sqrt(kl_of_best(k)))}</td></tr>"
            for k in self.ks
        )
        judges = "".join(f"<li>{escape(name)}</li>" for name in self.judges)
        head = "<tr><th>best of</th><th>KL at most, nats</th><th>its root</th></tr>"
        what = "Run this cell, choose a request and a judge, and move K: which answer is taken, and is it true?"
        return f"<p>{what}</p><ul>{judges}</ul><table>{head}{rows}</table>"


def expected_best(truth: Tensor, k: int) -> float:
    """What the truly best of k answers is worth on average, each k of the K answers being as likely as any other.

    Args:
        truth: what answers are worth, shape (N, K).
        k: how many there are to choose from.

    Source: Chen and others, arXiv:2107.03374, section 2.1 (pass@k), for any worth instead of right and wrong.
    """
    n_answers = truth.shape[1]
    ways = [math.comb(place, k - 1) for place in range(n_answers)]  # in which the one at this place is the best
    weights = torch.tensor(ways, dtype=torch.float64) / math.comb(n_answers, k)
    return float((truth.double().sort(1).values * weights).sum(1).mean())


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} ... (cut: {len(text)} characters)"
