"""The loss of models in training, drawn while they train, and what they write on the way."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Collection, Mapping
from html import escape
from types import MappingProxyType

import traitlets

from llama_lessons.page import stable
from llama_lessons.training import StepMetrics, Trainer
from llama_lessons.widgets.view import View, static, style

TOP = 8.5  # nats; what lies above is drawn at the edge
PAUSE = 0.25  # seconds between two messages to the browser
LATEST = 8  # steps over which loss and speed are averaged in words
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito's
STYLES = tuple(zip(COLOURS, ("-", "--", "-.", ":", "--", "-."), strict=True))
WIDTH = 96  # characters of a line of text in a picture


class TrainingView(View):
    """Curves of loss against tokens, and texts that were written at milestones; both grow while `follow` trains.

    Args:
        n_tokens: tokens that the longest run reads.
        levels: losses to compare with, in nats, by name.

    Attributes:
        stopped: whether an interrupt has ended the run that was followed last.
    """

    _esm = static("dom.js", "training.js")
    _css = style("ll-training", "view.css", "training.css")
    n_tokens = traitlets.Int(1, min=1).tag(sync=True)
    top = traitlets.Float(TOP, read_only=True).tag(sync=True)
    levels = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # name, loss
    runs = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # name, tokens, losses
    samples = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # run, step, tokens, text
    note = traitlets.Unicode("Nothing trained yet.", read_only=True).tag(sync=True)

    def __init__(self, n_tokens: int, levels: Mapping[str, float] = MappingProxyType({})) -> None:
        super().__init__(n_tokens=n_tokens)
        self.stopped = False
        self.set_trait("levels", [{"name": name, "loss": loss} for name, loss in levels.items()])

    def follow(
        self,
        trainer: Trainer,
        name: str = "loss",
        write: Callable[[], str] | None = None,
        at: Collection[int] = (),
    ) -> None:
        """Train to the end of its config, and draw. An interrupt ends it early; call it again to go on.

        Args:
            trainer: what it has done already is drawn too.
            name: of the curve; one of that name is replaced.
            write: gives a text by the model as it is now.
            at: steps after which it is asked for one; 0 is before the first.
        """
        sent, self.stopped = time.monotonic(), False
        self._forget(trainer, name)
        try:
            self._sample(trainer, name, write, at)
            for _ in trainer.run(bar=False):
                self._sample(trainer, name, write, at)
                if time.monotonic() - sent > PAUSE:
                    self._draw(trainer, name, _progress(trainer))
                    sent = time.monotonic()
        except KeyboardInterrupt:
            self.stopped = True
            steps = f"step {trainer.step} of {trainer.config.n_steps}"
            self._draw(trainer, name, f"Stopped after {steps}. Nothing is lost: run the cell again to go on.")
        except FloatingPointError as error:
            self._draw(trainer, name, f"Stopped: {error}.")
            raise
        else:
            self._draw(trainer, name, _summary(trainer))

    def _forget(self, trainer: Trainer, name: str) -> None:
        """Drop the texts of an earlier run of this name, and keep those of a run that goes on."""
        texts = [text for text in self.samples if text["run"] != name or 0 < trainer.step >= text["step"]]
        self.set_trait("samples", texts)

    def _sample(self, trainer: Trainer, name: str, write: Callable[[], str] | None, at: Collection[int]) -> None:
        """Ask for a text, if one is due and was not written before an interrupt."""
        step = trainer.step
        written = any((sample["run"], sample["step"]) == (name, step) for sample in self.samples)
        if write is None or step not in at or written:
            return
        sample = {"run": name, "step": step, "tokens": trainer.n_tokens, "text": _plain(write())}
        self.set_trait("samples", [*self.samples, sample])
        self._draw(trainer, name, _progress(trainer))

    def _draw(self, trainer: Trainer, name: str, note: str) -> None:
        run = {"name": name, **_curve(trainer.history)}
        with self.hold_sync():  # one message
            runs = {old["name"]: old for old in self.runs} | {name: run}
            self.set_trait("runs", list(runs.values()))
            self.set_trait("note", note)

    def describe(self) -> str:
        """How much is to be read, what the curves are compared with, how many there are; no loss that was measured."""
        lines = ", ".join(f"{level['name']} {stable(level['loss'])}" for level in self.levels)
        lines = f"; lines at {lines}" if lines else ""
        return f"loss in nats over {self.n_tokens:,} tokens{lines}; {len(self.runs)} curves, {len(self.samples)} texts"

    def twin(self) -> str:
        """What stands here while the cell runs. What was measured is in `picture`: it differs between machines."""
        rows = "".join(f"<tr><td>{escape(x['name'])}</td><td>{stable(x['loss'])}</td></tr>" for x in self.levels)
        table = f"<table><tr><th>to compare with</th><th>loss</th></tr>{rows}</table>" if rows else ""
        where = "While this cell runs, the loss is drawn here, step by step, with the speed and what the model writes."
        return f"<p>{where} The picture below was made when this page was.</p>{table}"

    def picture(self):
        """The curves, and below them the texts, as a matplotlib figure for `page.show`."""
        from matplotlib import pyplot

        texts = [_headed(sample, len(self.runs) > 1) for sample in self.samples]
        heights = [2.7, 0.17 * sum(text.count("\n") + 2 for text in texts)]
        figure, panels = pyplot.subplots(
            1 + bool(texts), squeeze=False, figsize=(7, sum(heights)), height_ratios=heights[: 1 + bool(texts)]
        )
        axes = panels[0, 0]
        for (colour, line), run in zip(STYLES * len(self.runs), self.runs, strict=False):
            axes.plot(run["tokens"], run["losses"], line, color=colour, linewidth=1.3, label=run["name"])
        for level in self.levels:
            axes.axhline(level["loss"], color="gray", linewidth=0.8)
            axes.text(self.n_tokens, level["loss"] + 0.1, level["name"], ha="right", fontsize=9)
        for sample in self.samples:
            axes.axvline(sample["tokens"], color="gray", linestyle=":", linewidth=0.8)
        axes.set(xlabel="tokens read", ylabel="loss, nats per token", ylim=(0, TOP), xlim=(0, self.n_tokens))
        axes.xaxis.set_major_formatter(lambda tokens, _: f"{tokens:,.0f}")
        if len(self.runs) > 1:
            axes.legend(frameon=False, fontsize=9, ncols=2, loc="lower left")
        if texts:
            panels[1, 0].axis("off")
            panels[1, 0].text(0, 1, "\n\n".join(texts), va="top", fontsize=9, transform=panels[1, 0].transAxes)
        return figure


def _curve(history: list[StepMetrics]) -> dict:
    """Tokens read and loss of every step."""
    return {"tokens": [metrics.n_tokens for metrics in history], "losses": [metrics.loss for metrics in history]}


def _plain(text: str) -> str:
    """A text with a mark in place of what fonts cannot draw: a model that knows nothing writes any byte."""
    return "".join(
        letter if (letter.isprintable() and letter < "\u0250") or letter == "\n" else "\ufffd" for letter in text
    )


def _headed(sample: dict, named: bool) -> str:
    """A text under a line that says when it was written, and by which run."""
    head = f"after {sample['tokens']:,} tokens{', ' + sample['run'] if named else ''}:"
    return head + "\n" + textwrap.fill(sample["text"].replace("$", r"\$"), WIDTH)


def _progress(trainer: Trainer) -> str:
    """Where a run is: steps, loss, speed, time left."""
    if not trainer.history:
        return "Nothing trained yet."
    latest, n_steps = trainer.history[-LATEST:], trainer.config.n_steps
    seconds = sum(metrics.seconds for metrics in latest) / len(latest)
    loss = sum(metrics.loss for metrics in latest) / len(latest)
    before = trainer.history[-1 - len(latest)].n_tokens if len(trainer.history) > len(latest) else 0
    speed = (trainer.n_tokens - before) / len(latest) / seconds
    return (
        f"Step {trainer.step} of {n_steps}, {latest[-1].n_tokens:,} tokens read. Loss {loss:.2f} nats per token. "
        f"{speed:,.0f} tokens/s, about {seconds * (n_steps - trainer.step):.0f} s left."
    )


def _summary(trainer: Trainer) -> str:
    """What a run came to."""
    if not trainer.history:
        return "Nothing trained yet."
    latest = trainer.history[-LATEST:]
    seconds = sum(metrics.seconds for metrics in trainer.history)
    loss = sum(metrics.loss for metrics in latest) / len(latest)
    return (
        f"Done: {trainer.step} steps, {latest[-1].n_tokens:,} tokens in {seconds:.0f} s, "
        f"{latest[-1].n_tokens / seconds:,.0f} tokens/s. Loss {loss:.2f} nats per token (mean of {len(latest)} steps)."
    )
