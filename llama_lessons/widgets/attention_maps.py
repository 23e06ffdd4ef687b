"""A text that was read, with its attention maps in a form that travels: a byte per weight, triangles, thumbnails."""

from __future__ import annotations

import io
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

LEVELS = 255  # a weight of 1
LARGE, SMALL = 32, 16  # pixels along a thumbnail's side; small ones where there are many
MANY_HEADS = 100
MAX_LABELS = 32  # tokens of a map that has its words written beside it
COLOURS = ("#0072B2", "#009E73", "#D55E00")  # read together, read one by one, looks at the future; Okabe and Ito's


class Reading:
    """A text and how a model attended while reading it; keeps a byte per weight, whatever the maps were.

    Args:
        maps: what `record_attention` saw, shape (B, H, T, T) or (H, T, T) per layer; of a batch, the first is kept.
        pieces: the T tokens, as text.
        n_prompt: how many of them were read together (prefill); the others were read one by one. None: all of them.

    Attributes:
        shape: layers and heads.

    Raises:
        ValueError: maps and pieces do not fit together, or n_prompt is out of range.
    """

    def __init__(self, maps: Sequence[Tensor], pieces: Sequence[str], n_prompt: int | None = None) -> None:
        self.pieces = list(pieces)
        self.n_prompt = len(self.pieces) if n_prompt is None else n_prompt
        if not 1 <= self.n_prompt <= len(self.pieces):
            raise ValueError(f"n_prompt must be 1 ... {len(self.pieces)}, the number of pieces, got {n_prompt}")
        self._layers: list[Tensor] = []
        self._thumbs: list[Tensor] = []
        for k in range(len(maps)):  # one layer at a time: all of them as floats may be a gigabyte
            weights = self._one(maps[k])  # (H, T, T)
            self._thumbs.append(shrink(weights, SMALL if len(maps) * len(weights) > MANY_HEADS else LARGE))
            self._layers.append(pack(weights))
        self.shape = len(self._layers), len(self._layers[0])

    def _one(self, weights: Tensor) -> Tensor:
        """A layer's weights of one text as bytes, (H, T, T)."""
        n_tokens = len(self.pieces)
        weights = weights[0] if weights.dim() == 4 else weights
        if weights.dim() != 3 or weights.shape[1:] != (n_tokens, n_tokens):
            raise ValueError(f"maps must be (H, {n_tokens}, {n_tokens}) for {n_tokens} pieces, got {weights.shape}")
        weights = weights.detach().float().nan_to_num(0)  # a copy: what follows may change it
        return weights.clamp_(0, 1).mul_(LEVELS).round_().to(torch.uint8).cpu()

    def map_bytes(self, layer: int, head: int) -> bytes:
        """A map's rows one after the other: up to the diagonal, T(T+1)/2 bytes, or T*T where it looks beyond."""
        return self._layers[layer][head].numpy().tobytes()

    def thumb_bytes(self) -> bytes:
        """All thumbnails, layer by layer, head by head, n*n bytes each."""
        return torch.stack(self._thumbs).numpy().tobytes()

    @property
    def thumb_side(self) -> int:
        """Pixels along the side of a thumbnail."""
        return self._thumbs[0].shape[-1]

    def square(self, layer: int, head: int) -> Tensor:
        """One map, uint8, shape (T, T): row t holds what token t looks at."""
        packed, n_tokens = self._layers[layer][head], len(self.pieces)
        if packed.dim() == 2:
            return packed
        whole = torch.zeros(n_tokens, n_tokens, dtype=torch.uint8)
        whole[torch.ones(n_tokens, n_tokens).tril().bool()] = packed
        return whole

    def favourite(self, layer: int, head: int, token: int) -> str:
        """The piece that a token looks at most."""
        return self.pieces[int(self.square(layer, head)[token].argmax())]


def pack(weights: Tensor) -> Tensor:
    """The rows of maps (H, T, T) up to their diagonal, shape (H, T(T+1)/2); unchanged if a weight lies beyond it."""
    if weights.triu(1).any():
        return weights
    return torch.cat([weights[:, row, : row + 1] for row in range(weights.shape[1])], dim=1)


def shrink(weights: Tensor, side: int) -> Tensor:
    """Maps (H, T, T) as pictures of at most side * side pixels, (H, n, n); a pixel holds its area's largest."""
    if weights.shape[1] <= side:
        return weights
    return adaptive_max_pool2d(weights.float(), side).to(torch.uint8)


def picture(readings: Sequence[Reading], layer: int, head: int) -> bytes:
    """One map of each reading as a PNG file, for pages on which no kernel runs."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(readings), 4), dpi=72, layout="constrained")
    for axes, reading in zip(figure.subplots(1, len(readings), squeeze=False)[0], readings, strict=True):
        weights = reading.square(layer, head) / LEVELS  # (T, T)
        n_tokens, positions = len(weights), torch.arange(len(weights))
        kind = (positions[:, None] >= reading.n_prompt).int().expand(-1, n_tokens)  # (T, T)
        kind = torch.where(positions[None] > positions[:, None], 2, kind)
        for number, colour in enumerate(COLOURS):
            shades = LinearSegmentedColormap.from_list(colour, ["white", colour])
            shown = torch.where(kind == number, weights.sqrt(), torch.nan)  # pale weights should be seen
            axes.imshow(shown.numpy(), cmap=shades, vmin=0, vmax=1)
        if reading.n_prompt < n_tokens:
            axes.axhline(reading.n_prompt - 0.5, color="black", linewidth=0.8, linestyle=":")
        if n_tokens <= MAX_LABELS:
            axes.set_xticks(range(n_tokens), reading.pieces, rotation=90, fontsize=7, parse_math=False)
            axes.set_yticks(range(n_tokens), reading.pieces, fontsize=7, parse_math=False)
        axes.set(xlabel="what it looks at", ylabel="token", title=f"layer {layer}, head {head}")
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()
