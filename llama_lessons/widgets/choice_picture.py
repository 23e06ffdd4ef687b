"""How a token is drawn, as drawings: a dart on a line of probabilities, and the nucleus that top-p keeps."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib import pyplot
from matplotlib.figure import Figure

KEPT, CUT, OTHER = "#56B4E9", "#FFFFFF", "#CFE8F5"
NARROW = 0.05  # of the line: a shorter piece gets no name


def dart_picture(names: Sequence[str], shares: Sequence[float], darts: Sequence[float]) -> Figure:
    """Draw probabilities end to end as a line of length 1, and darts that hit it.

    Args:
        names: of the tokens, in the line's order.
        shares: the probability of each; what is missing to 1 is drawn as all others.
        darts: where each dart hits, from 0 to 1.

    Returns:
        A matplotlib figure, for `page.show`.
    """
    figure, axes = pyplot.subplots(figsize=(7, 1.8))
    begin = 0.0
    for k, (name, share) in enumerate(zip([*names, "all others"], [*shares, 1 - sum(shares)], strict=True)):
        axes.barh(0, share, left=begin, color=(KEPT, OTHER)[k % 2], edgecolor="black", linewidth=0.8, height=0.5)
        if share > NARROW:
            axes.text(begin + share / 2, 0, name, ha="center", va="center", fontsize=10)
        begin += share
    for number, dart in enumerate(darts, start=1):
        arrow = {"arrowstyle": "-|>", "color": "#D55E00", "lw": 1.5}
        axes.annotate(f"dart {number}", (dart, 0.25), (dart, 0.75), arrowprops=arrow, ha="center", fontsize=10)
    axes.set(xlim=(0, 1), ylim=(-0.3, 1), yticks=[], xlabel="probabilities, end to end: a line of length 1")
    axes.spines["left"].set_visible(False)
    return figure


def nucleus_picture(panels: dict[str, tuple[Sequence[str], Sequence[float]]], top_p: float) -> Figure:
    """Draw, for several places of a text, the likeliest tokens in order: filled if top-p keeps them, hatched if not.

    Args:
        panels: by the place's name, the names of its likeliest tokens and their probabilities, the likeliest first.
        top_p: a token stays if the sum of those before it is at most this.

    Returns:
        A matplotlib figure, for `page.show`.
    """
    widths = [len(names) + 1 for names, _ in panels.values()]
    figure, row = pyplot.subplots(1, len(panels), figsize=(7, 3.1), sharey=True, width_ratios=widths)
    for axes, (place, (names, shares)) in zip(row, panels.items(), strict=True):
        sums = [sum(shares[:k]) for k in range(len(shares) + 1)]  # before each token, and at the end
        kept = [before <= top_p for before in sums[:-1]]
        bars = axes.bar(range(len(names)), shares, color=[KEPT if k else CUT for k in kept], edgecolor="black")
        for bar, stays in zip(bars, kept, strict=True):
            bar.set_hatch("" if stays else "///")
        axes.plot(range(len(names)), sums[1:], "o-", color="#D55E00", markersize=3, linewidth=1)
        axes.axhline(top_p, color="black", linestyle="--", linewidth=0.8)
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=9)
        axes.set_title(place, fontsize=10)
        axes.set(xlim=(-0.7, len(names) - 0.3), ylim=(0, 1.03))
    row[0].set_ylabel("probability; line: sum so far")
    return figure
