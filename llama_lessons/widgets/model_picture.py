"""A Llama as a drawing: from ids to logits, with the shape of every tensor and every matrix."""

from __future__ import annotations

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from llama_lessons.config import LlamaConfig

STREAM, NORM, PART, TABLE = "#0072B2", "#F0E442", "#CFE8F5", "#F6D8C4"  # Okabe and Ito's, the last two lightened
STREAM_X, PART_X = 2.6, 6.6  # where the stream runs up, where what reads it stands


def model_picture(config: LlamaConfig, n_tokens: int) -> Figure:
    """Draw a model on one text, bottom to top: the stream, what reads it and adds to it, and all shapes.

    Args:
        config: the model's.
        n_tokens: tokens of the text (T).

    Returns:
        A matplotlib figure, for `page.show`.
    """
    figure, axes = pyplot.subplots(figsize=(7, 6))
    axes.set(xlim=(0, 10), ylim=(-0.5, 11.7))
    axes.axis("off")
    rows = f"(1, {n_tokens}, {config.dim})"
    axes.annotate("", (STREAM_X, 10.7), (STREAM_X, 0.3), arrowprops={"arrowstyle": "-|>", "color": STREAM, "lw": 3})
    _box(axes, STREAM_X, 0, f"ids  (1, {n_tokens})", "white")
    _box(axes, STREAM_X, 1.1, f"embedding table  ({config.vocab_size}, {config.dim})", TABLE)
    axes.add_patch(FancyBboxPatch((0.1, 2), 9.8, 5.9, "round,pad=0.05", fill=False, linestyle="--", color="#555555"))
    axes.text(0.3, 7.45, f"one of {config.n_layers} layers", fontsize=10)
    kv = config.n_kv_heads * config.head_dim
    attention = f"attention, q and k turned\nwq, wo  ({config.dim}, {config.dim})\nwk, wv  ({kv}, {config.dim})"
    gate, down = (config.hidden_dim, config.dim), (config.dim, config.hidden_dim)
    _part(axes, 2.4, attention)
    _part(axes, 5.2, f"feed-forward, SwiGLU\nw_gate, w_up  {gate}\nw_down  {down}")
    for y in (1.75, 5.0, 8.15):
        axes.text(STREAM_X - 0.2, y, rows, ha="right", va="center", fontsize=10, color=STREAM)
    tied = ", the table again" if config.tie_embeddings else ""
    _box(axes, STREAM_X, 8.8, f"RMSNorm  ({config.dim})", NORM)
    _box(axes, STREAM_X, 9.9, f"head  ({config.vocab_size}, {config.dim}){tied}", TABLE)
    _box(axes, STREAM_X, 11.1, f"logits  (1, {n_tokens}, {config.vocab_size})", "white")
    axes.text(PART_X, 11.1, "blue: the stream, never overwritten", ha="center", va="center", fontsize=10)
    return figure


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    shape = {"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": "#555555"}
    axes.text(x, y, text, ha="center", va="center", fontsize=10, bbox=shape)


def _part(axes: Axes, y: float, text: str) -> None:
    """A norm that reads the stream, the part behind it, and the sum into which it writes."""
    arrow = {"arrowstyle": "-|>", "color": "#333333", "lw": 1.2}
    axes.annotate("", (PART_X - 0.7, y), (STREAM_X, y), arrowprops=arrow)
    axes.annotate("", (PART_X, y + 0.95), (PART_X, y + 0.2), arrowprops=arrow)
    axes.annotate("", (STREAM_X + 0.2, y + 2.1), (PART_X, y + 2.1), arrowprops=arrow)
    axes.text(STREAM_X, y + 2.1, "+", ha="center", va="center", fontsize=12, bbox={"boxstyle": "circle", "fc": "white"})
    axes.text(4.5, y + 2.2, "adds", ha="center", va="bottom", fontsize=10)
    axes.text(4.1, y + 0.1, "reads", ha="center", va="bottom", fontsize=10)
    axes.plot([PART_X, PART_X], [y + 1.6, y + 2.1], color="#333333", lw=1.2)
    _box(axes, PART_X, y, "RMSNorm", NORM)
    _box(axes, PART_X, y + 1.25, text, PART)
