"""Padding and packing as a drawing: pages as pieces of a ribbon, and the rows that it is cut into."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ("#56B4E9", "#E69F00", "#CFE8F5", "#F0E442", "#B8DFD2")  # Okabe and Ito's, some of them lightened
NARROW = 0.055  # of a panel's width: a piece that is narrower gets no number


def packing_picture(lengths: Sequence[int], row: int) -> Figure:
    """Draw pages as one ribbon with the cuts in it; below, a page to a row with padding, and the ribbon's rows.

    Args:
        lengths: tokens of each page, in order.
        row: tokens that a row of the ribbon holds.

    Returns:
        A matplotlib figure, for `page.show`.
    """
    panels = [["ribbon", "ribbon"], ["padded", "packed"]]
    figure, axes = pyplot.subplot_mosaic(panels, figsize=(7, 3.4), layout="constrained")
    ribbon, padded, packed = (axes[name] for name in ("ribbon", "padded", "packed"))
    figure.get_layout_engine().set(hspace=0.08)
    total = sum(lengths) // row * row
    _pieces(ribbon, _ribbon(lengths, 0, sum(lengths)), 0, sum(lengths))
    for cut in range(row, total + 1, row):
        ribbon.axvline(cut, color="#D55E00", linestyle="--", linewidth=1.5)
    ribbon.set(xlim=(0, sum(lengths)), ylim=(0.6, -0.6))
    ribbon.set_title(f"packed: end to end, a cut (dashed) after every {row} tokens", fontsize=10)
    for k, length in enumerate(lengths):
        _pieces(padded, [(k, 0, length)], k, max(lengths))
        padded.barh(k, max(lengths) - length, left=length, color="white", edgecolor="gray", hatch="///", height=0.7)
    height = max(len(lengths), total // row) - 0.5
    padded.set(xlim=(0, max(lengths)), ylim=(height, -0.5))
    padded.set_title("padded: a page to a row, the rest is hatched", fontsize=10)
    for k in range(total // row):
        _pieces(packed, _ribbon(lengths, k * row, (k + 1) * row), k, row)
    packed.set(xlim=(0, row), ylim=(height, -0.5))
    packed.set_title("the ribbon's rows: nothing is wasted", fontsize=10)
    for panel in (ribbon, padded, packed):
        panel.axis("off")
    return figure


def _ribbon(lengths: Sequence[int], first: int, last: int) -> list[tuple[int, int, int]]:
    """The pieces of the ribbon between two of its tokens: page, where it begins and ends, counted from `first`."""
    pieces, begin = [], 0
    for page, length in enumerate(lengths):
        low, high = max(begin, first), min(begin + length, last)
        if low < high:
            pieces.append((page, low - first, high - first))
        begin += length
    return pieces


def _pieces(axes: Axes, pieces: list[tuple[int, int, int]], y: int, width: int) -> None:
    for page, low, high in pieces:
        colour = COLOURS[page % len(COLOURS)]
        axes.barh(y, high - low, left=low, color=colour, edgecolor="black", linewidth=0.8, height=0.7)
        if high - low > NARROW * width:
            axes.text((low + high) / 2, y, str(page + 1), ha="center", va="center", fontsize=10)
