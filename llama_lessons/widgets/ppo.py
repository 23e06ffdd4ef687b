"""A policy while PPO trains it: what the reward model thinks, what is true, and how far the policy has gone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import traitlets

from llama_lessons.rlhf.ppo import PPO, PPOMetrics
from llama_lessons.rlhf.samples import Request, sample_answers
from llama_lessons.widgets.training import STYLES
from llama_lessons.widgets.view import View, static, style
from llama_lessons.world import is_refusal
from llama_lessons.world.verdicts import true_reward

PANELS = {  # measure -> its name, and the range that is drawn at least
    "learned": ("learned reward", 0.0, 1.0),
    "true": ("true reward", 0.0, 1.0),
    "kl": ("KL to the start, nats an answer", 0.0, 2.0),
    "length": ("tokens an answer", 0.0, 20.0),
    "refused": ("harmful requests refused", 0.0, 1.0),
    "falsely": ("harmless requests refused", 0.0, 1.0),
}
MAX_TEXT = 110  # characters of an answer that are shown


class PPOView(View):
    """Six measures of each iteration's answers, and what the policy answers to a few fixed requests; both grow.

    An iteration's measures are of the answers that it learns from: those of the first are the untrained policy's.

    Args:
        n_iterations: of the longest run.
        watched: requests whose greedy answers are shown for every iteration.
    """

    _esm = static("dom.js", "ppo.js")
    _css = style("ll-ppo", "view.css", "ppo.css")
    n_iterations = traitlets.Int(1, min=1).tag(sync=True)
    panels = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # key, name, low, high
    runs = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # name, values by key, said
    note = traitlets.Unicode("Nothing trained yet.", read_only=True).tag(sync=True)

    def __init__(self, n_iterations: int, watched: Sequence[Request] = ()) -> None:
        super().__init__(n_iterations=n_iterations)
        self.watched = list(watched)
        self._show([], "Nothing trained yet.")

    def follow(self, ppo: PPO, name: str) -> None:
        """Train to the end of its config, and draw. An interrupt ends it early; call it again to go on.

        Args:
            ppo: the training.
            name: of the curves; those of that name are replaced, unless the training goes on.
        """
        run = next((run for run in self.runs if run["name"] == name and ppo.iteration), None)
        run = run or {"name": name, "values": {key: [] for key in PANELS}, "said": []}
        n_iterations = ppo.config.n_iterations
        try:
            said = self._ask(ppo)  # before the next step is taken
            for metrics in ppo.run():
                values = {key: [*run["values"][key], value] for key, value in measured(metrics).items()}
                run = {"name": name, "values": values, "said": [*run["said"], said]}
                self._draw(run, f"{name}: iteration {ppo.iteration} of {n_iterations}.")
                said = self._ask(ppo) if ppo.iteration < n_iterations else []
        except KeyboardInterrupt:
            where = f"iteration {ppo.iteration} of {n_iterations}"
            self._draw(run, f"{name}: stopped after {where}. Nothing is lost: run the cell again to go on.")
        else:
            self._draw(run, f"{name}: done, {ppo.iteration} iterations.")

    def _ask(self, ppo: PPO) -> list[dict]:
        """What the policy answers now."""
        if not self.watched:
            return []
        answers = sample_answers(ppo.policy, ppo.tok, self.watched, ppo.config.max_new_tokens, temperature=0)
        return [
            {"request": request.prompt, "answer": _cut(answer.text), "right": true_reward(request, answer.text) == 1}
            for request, answer in zip(self.watched, answers, strict=True)
        ]

    def _draw(self, run: dict, note: str) -> None:
        runs = {old["name"]: old for old in self.runs} | {run["name"]: run}
        self._show(list(runs.values()), note)

    def _show(self, runs: list[dict], note: str) -> None:
        panels = []
        for key, (name, low, high) in PANELS.items():
            seen = [value for run in runs for value in run["values"][key] if value is not None]
            panels.append({"key": key, "name": name, "low": min([low, *seen]), "high": max([high, *seen])})
        with self.hold_sync():  # one message
            self.set_trait("panels", panels)
            self.set_trait("runs", runs)
            self.set_trait("note", note)

    def describe(self) -> str:
        """Which measures there are, and how many runs; nothing that was measured."""
        names = ", ".join(name for name, _, _ in PANELS.values())
        runs = f"{len(self.runs)} run{'' if len(self.runs) == 1 else 's'}"
        return f"{names}; up to {self.n_iterations} iterations; {runs}, {len(self.watched)} requests watched"

    def twin(self) -> str:
        """What stands here while the cell runs. What was measured is in `picture`: it differs between machines."""
        names = "".join(f"<li>{name}</li>" for name, _, _ in PANELS.values())
        asked = "".join(f"<li>{escape(request.prompt)}</li>" for request in self.watched)
        asked = f"<p>and what the policy answers to</p><ul>{asked}</ul>" if asked else ""
        where = "While this cell runs, these are drawn here, iteration by iteration. The picture below was made when "
        return f"<p>{where}this page was.</p><ul>{names}</ul>{asked}"

    def picture(self):
        """The six measures as a matplotlib figure for `page.show`."""
        from matplotlib import pyplot

        figure, panels = pyplot.subplots(2, 3, figsize=(7, 3.8))
        for axes, panel in zip(panels.flat, self.panels, strict=True):
            for (colour, line), run in zip(STYLES * len(self.runs), self.runs, strict=False):
                values = [float("nan") if value is None else value for value in run["values"][panel["key"]]]
                axes.plot(range(1, len(values) + 1), values, line, color=colour, label=run["name"])
            axes.set_title(panel["name"], fontsize=9)
            axes.set(ylim=(panel["low"], panel["high"]), xlim=(1, self.n_iterations))
            axes.tick_params(labelsize=9)
        if len(self.runs) > 1:
            panels[0, 0].legend(frameon=False, fontsize=9)
        figure.supxlabel("iteration", fontsize=9)
        return figure


def measured(metrics: PPOMetrics) -> dict[str, float | None]:
    """The measures of an iteration's answers; None where no request of that kind was asked."""
    asked = list(zip(metrics.requests, (answer.text for answer in metrics.answers), strict=True))
    refused = {kind: [is_refusal(text) for request, text in asked if request.kind == kind] for kind in KINDS}
    return {
        "learned": metrics.reward,
        "true": sum(true_reward(request, text) for request, text in asked) / len(asked),
        "kl": metrics.kl,
        "length": sum(len(answer.ids) for answer in metrics.answers) / len(asked),
        "refused": _share(refused["harmful"]),
        "falsely": _share(refused["harmless"]),
    }


KINDS = ("harmful", "harmless")  # of requests


def _share(verdicts: list[bool]) -> float | None:
    return sum(verdicts) / len(verdicts) if verdicts else None


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} ... (cut: {len(text)} characters)"
