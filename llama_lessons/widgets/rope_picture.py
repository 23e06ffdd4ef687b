"""The clocks and the curve of a `RopeView` as a picture, for pages on which no kernel runs."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

QUERY, KEY, USUAL = "#0072B2", "#D55E00", "#666666"  # Okabe and Ito's


def picture(scene: dict) -> bytes:
    """Draw what a `RopeView` shows.

    Args:
        scene: its trait of that name: hands, now, usual, distance.

    Returns:
        A PNG file.
    """
    figure = Figure(figsize=(7, 2.2), dpi=72, layout="constrained")
    clocks, curve = figure.subplots(1, 2, width_ratios=(4, 5))
    draw_clocks(clocks, scene["hands"])
    curve.plot(scene["now"], color=QUERY, label="now")
    curve.plot(scene["usual"][: len(scene["now"])], ":", color=USUAL, label="turned as trained")
    curve.plot(scene["distance"], scene["now"][scene["distance"]], "o", color=KEY)
    curve.set(xlabel="distance in tokens", ylabel="score")
    curve.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def draw_clocks(axes: Axes, hands: Sequence[Sequence[float]]) -> None:
    """A clock for each pair of channels: the query's hand solid, the key's dashed; below it the pair's number.

    Args:
        axes: where to draw.
        hands: x and y of the query's hand, then of the key's, per pair; what follows is passed over.
    """
    columns = math.ceil(math.sqrt(2 * len(hands)))
    for pair, (x, y, other_x, other_y, *_) in enumerate(hands):
        right, down = 2.6 * (pair % columns), -3.1 * (pair // columns)
        ring = [2 * math.pi * k / 48 for k in range(49)]
        axes.plot([right + math.cos(a) for a in ring], [down + math.sin(a) for a in ring], color="#999999", lw=0.8)
        axes.plot([right, right + x], [down, down + y], color=QUERY, lw=2)
        axes.plot([right, right + other_x], [down, down + other_y], color=KEY, lw=2, linestyle=(0, (2, 1)))
        axes.text(right, down - 1.2, str(pair), ha="center", va="top", fontsize=8)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title("query solid, key dashed; pair below", fontsize=9)
