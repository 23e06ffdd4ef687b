"""A weight and its adapter as a drawing, to scale: W beside the thin B and the flat A."""

from __future__ import annotations

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

FROZEN, TRAINED = "#CFE8F5", "#E69F00"


def lora_picture(n_out: int, n_in: int, rank: int) -> Figure:
    """Draw `W' = W + alpha / r * B A` with every matrix to scale, and how many numbers each has.

    Args:
        n_out: rows of W. n_in: columns of W. rank: columns of B and rows of A (r).

    Returns:
        A matplotlib figure, for `page.show`.
    """
    figure, axes = pyplot.subplots(figsize=(7, 2.3))
    size, gap = n_in, 0.3 * n_in
    b_at = size + gap * 1.9
    a_at = b_at + rank + gap * 0.55
    c_at = a_at + size + gap
    _matrix(axes, 0, 0, n_in, n_out, FROZEN, f"W, frozen\n{n_out} × {n_in} = {n_out * n_in:,}")
    axes.text(size + gap * 0.85, n_out / 2, r"$+\ \frac{\alpha}{r}$", ha="center", va="center", fontsize=16)
    _matrix(axes, b_at, 0, rank, n_out, TRAINED, f"B\n{n_out} × {rank}")
    _matrix(axes, a_at, n_out / 2 - rank / 2, n_in, rank, TRAINED, f"A\n{rank} × {n_in}")
    axes.text(c_at - gap / 2, n_out / 2, "=", ha="center", va="center", fontsize=16)
    _matrix(axes, c_at, 0, n_in, n_out, FROZEN, f"W′, used\n{n_out} × {n_in}")
    axes.add_patch(Rectangle((c_at, 0), n_in, n_out, fill=False, hatch="...", edgecolor=TRAINED, linewidth=0))
    axes.text(a_at + n_in / 2, n_out * 0.95, f"trained:\n{rank * (n_in + n_out):,}", ha="center", va="top", fontsize=10)
    axes.set(xlim=(-0.05 * n_in, c_at + 1.05 * n_in), ylim=(-0.32 * n_out, 1.02 * n_out), aspect="equal")
    axes.axis("off")
    return figure


def _matrix(axes: Axes, x: float, y: float, width: float, height: float, colour: str, text: str) -> None:
    axes.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="black", linewidth=1))
    axes.text(x + width / 2, y - 5, text, ha="center", va="top", fontsize=10)
