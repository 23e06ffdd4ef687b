"""Who holds which shard, and who sends what: the record of a training step on several ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import traitlets

from llama_lessons.parallel.lockstep import Collective
from llama_lessons.widgets.view import View, static, style

KINDS = {  # of what a rank holds, in the order of the rows: how a row is called, and how thick it is
    "weights": ("Weights, its own", 1),
    "gathered": ("Weights, gathered", 1),
    "gradient": ("Gradient", 1),
    "optimizer": ("AdamW's means", 2),
}
GIVES = {
    "start": "Nothing has been sent yet.",
    "all_reduce": "Every rank gets the sum (or the largest) of all.",
    "all_gather": "Every rank gets the shards of all.",
    "reduce_scatter": "Every rank gets its share of the sum.",
    "broadcast": "Every rank gets what the first one has.",
}


def kb(n_bytes: float) -> str:
    """A size in kB of 1000 bytes, or in bytes where it is small."""
    if n_bytes == 0:
        return "none"
    return f"{n_bytes / 1000:,.0f} kB" if n_bytes >= 1000 else f"{n_bytes:.0f} bytes"


def _total(held: dict, kind: str) -> int:
    return sum(n for (one, _), n in held.items() if one == kind)


class ShardsView(View):
    """A menu for the strategy and a slider through its collectives; a column for each rank, a row for each kind.

    A block is a unit of the model; its area is its bytes, in all strategies to the same scale. Below each rank stands
    what it sends, and to whom.

    Args:
        records: of `in_lockstep`, by the strategies' names; all have the same number of ranks.
        strategy: a key of records.
        step: which collective of it, 0 is before the first.
    """

    _esm = static("dom.js", "shards.js")
    _css = style("ll-shards", "view.css", "shards.css")
    strategies = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    strategy = traitlets.Unicode().tag(sync=True)
    step = traitlets.Int(0, min=0).tag(sync=True)
    last = traitlets.Int(read_only=True).tag(sync=True)  # the last step of this strategy
    units = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    columns = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)
    title = traitlets.Unicode(read_only=True).tag(sync=True)
    note = traitlets.Unicode(read_only=True).tag(sync=True)
    start = traitlets.Dict(read_only=True).tag(sync=True)  # what "as at the start" goes back to

    def __init__(self, records: Mapping[str, Sequence[Collective]], **chosen) -> None:
        if not records:
            raise ValueError("records must hold a strategy, got none")
        self._records = {name: list(record) for name, record in records.items()}
        every = [held for record in self._records.values() for one in record for held in one.held]
        self._widest = max(_total(held, kind) / thick for held in every for kind, (_, thick) in KINDS.items()) or 1
        super().__init__(**{"strategy": next(iter(records)), **chosen})
        self.set_trait("strategies", list(self._records))
        self.set_trait("units", list(dict.fromkeys(unit for held in every for _, unit in held)))
        self.set_trait("start", {"strategy": self.strategy, "step": self.step})
        self._renew()
        self.observe(self._renew, ["strategy", "step"])

    @traitlets.validate("strategy")
    def _known(self, proposal: dict) -> str:
        if proposal["value"] not in self._records:
            raise traitlets.TraitError(f"strategy must be one of {list(self._records)}, got {proposal['value']!r}")
        return proposal["value"]

    def _renew(self, _change: dict | None = None) -> None:
        record = self._records[self.strategy]
        with self.hold_sync():  # one message
            self.set_trait("last", len(record) - 1)
            self.step = min(self.step, self.last)
            now = record[self.step]
            what = f"{now.kind.replace('_', '-')}, {now.what}" if now.what else "at the start"
            self.set_trait("title", f"{self.step} of {self.last}: {what}")
            each = max(sum(n for (source, _), n in one.sends.items() if source == 0) for one in record)
            sent = sum(n for one in record[: self.step + 1] for (source, _), n in one.sends.items() if source == 0)
            self.set_trait("note", f"{GIVES[now.kind]} Sent so far by rank 0: {kb(sent)}; at most at once: {kb(each)}.")
            self.set_trait("columns", [self._column(now, rank) for rank in range(len(now.held))])

    def _column(self, now: Collective, rank: int) -> dict:
        held = now.held[rank]
        rows = []
        for kind, (label, thick) in KINDS.items():
            blocks = [
                {"unit": unit, "size": kb(n), "width": round(100 * n / thick / self._widest, 2)}
                for unit in self.units
                if (n := held.get((kind, unit)))
            ]
            rows.append({"label": label, "size": kb(_total(held, kind)), "thick": thick, "blocks": blocks})
        sends = [f"sends {kb(n)} to rank {target}" for (source, target), n in now.sends.items() if source == rank]
        return {"name": f"rank {rank}", "held": kb(sum(held.values())), "rows": rows, "sends": " ".join(sends)}

    def describe(self) -> str:
        """Strategy and collective, and what the first rank holds and sends."""
        first = self.columns[0]
        rows = ", ".join(f"{row['label'].lower()} {row['size']}" for row in first["rows"])
        return (
            f"{self.strategy}, {self.title}. {first['name']}: {rows}; {first['sends'] or 'sends nothing'}. {self.note}"
        )

    def twin(self) -> str:
        """A table: for each strategy the collectives, what a rank sends in all, and what it holds at most."""
        lines = [["strategy", "collectives", "each rank sends", "each rank holds at most"]]
        for name, record in self._records.items():
            sent = sum(n for one in record for (source, _), n in one.sends.items() if source == 0)
            most = max(sum(one.held[0].values()) for one in record)
            lines.append([name, str(len(record) - 1), kb(sent), kb(most)])
        head, *body = ("".join(f"<td>{escape(cell)}</td>" for cell in line) for line in lines)
        return f"<table><tr>{head.replace('td>', 'th>')}</tr>{''.join(f'<tr>{line}</tr>' for line in body)}</table>"
