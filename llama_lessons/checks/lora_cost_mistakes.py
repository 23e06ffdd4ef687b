"""Wrong sums of lesson 08, of adapters' numbers and of training's memory, each under the words that a reader is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llama_lessons.config import LlamaConfig

GB, GIB = 10**9, 2**30


def _ends(config: LlamaConfig) -> dict[str, tuple[int, int]]:
    """Channels in and out of each of the seven."""
    c, kv, f = config.dim, config.n_kv_heads * config.head_dim, config.hidden_dim
    attention = {"wq": (c, c), "wk": (c, kv), "wv": (c, kv), "wo": (c, c)}
    return attention | {"w_gate": (c, f), "w_up": (c, f), "w_down": (f, c)}


def _count(each: Callable, layers: Callable = lambda config: config.n_layers, ends: Callable = _ends) -> Callable:
    """A wrong count: `each(rank, n_in, n_out)` for every target, times `layers(config)`."""

    def wrong(config: LlamaConfig, rank: int, targets: Sequence[str]) -> int:
        return layers(config) * sum(each(rank, *ends(config)[target]) for target in targets)

    return wrong


def _both(rank: int, n_in: int, n_out: int) -> int:
    return rank * (n_in + n_out)


def _as_if(**changed: Callable) -> Callable:
    """The ends of the seven, if the model's shape were another."""
    return lambda config: _ends(config) | {name: ends(config) for name, ends in changed.items()}


COUNT_MISTAKES = {
    "you forgot the layers: each of them has adapters of its own": _count(_both, layers=lambda config: 1),
    "you counted a alone: b has rank columns of out numbers": _count(lambda rank, n_in, n_out: rank * n_in),
    "you counted b alone: a has rank rows of in numbers": _count(lambda rank, n_in, n_out: rank * n_out),
    "you counted the product b @ a, which is as large as the weight: count the two factors": (
        _count(lambda rank, n_in, n_out: n_in * n_out)
    ),
    "you multiplied in and out: a is (rank, in) and b is (out, rank), so it is a sum": (
        _count(lambda rank, n_in, n_out: rank * n_in * n_out)
    ),
    "you counted the frozen weights as well: only the adapters are trained": (
        _count(lambda rank, n_in, n_out: rank * (n_in + n_out) + n_in * n_out)
    ),
    "you ignored the key-value heads: wk and wv have n_kv_heads * head_dim rows, which may be fewer than dim": (
        _count(_both, ends=_as_if(wk=lambda c: (c.dim, c.dim), wv=lambda c: (c.dim, c.dim)))
    ),
    "you took n_kv_heads rows for wk and wv: each head has head_dim of them": (
        _count(_both, ends=_as_if(wk=lambda c: (c.dim, c.n_kv_heads), wv=lambda c: (c.dim, c.n_kv_heads)))
    ),
    "you took every weight for a square of dim: the feed-forward layer's are hidden_dim on one side": (
        _count(_both, ends=lambda c: _ends(c) | dict.fromkeys(("w_gate", "w_up", "w_down"), (c.dim, c.dim)))
    ),
    "you forgot the rank: each factor has rank rows or columns": _count(lambda rank, n_in, n_out: n_in + n_out),
    "you took the rank for both: rank * (in + out), not rank * rank": (
        _count(lambda rank, n_in, n_out: rank * rank * (n_in + n_out))
    ),
    "you adapted all seven: count those in targets": (
        lambda config, rank, targets: config.n_layers * sum(_both(rank, *ends) for ends in _ends(config).values())
    ),
    "you adapted one for all: each of the targets has adapters of its own": (
        lambda config, rank, targets: config.n_layers * _both(rank, *_ends(config)[targets[0]])
    ),
}


def _kept(each: Callable, unit: float = GB) -> Callable:
    """A wrong sum: `each(n_frozen, n_trained, bytes_frozen)` bytes, in units."""
    return lambda n_frozen, n_trained, bytes_frozen: each(n_frozen, n_trained, bytes_frozen) / unit


BYTES_MISTAKES = {
    "you forgot the frozen numbers: they lie in memory too": _kept(lambda f, t, size: 16 * t),
    "you counted 12 bytes for each trained number: it has 4 of its own, 4 of gradient, and 4 of each of AdamW's two "
    "means": _kept(lambda f, t, size: size * f + 12 * t),
    "you forgot AdamW's means: two for each trained number": _kept(lambda f, t, size: size * f + 8 * t),
    "you counted the numbers alone: a trained one has a gradient and two means as well": (
        _kept(lambda f, t, size: size * f + 4 * t)
    ),
    "you gave frozen numbers a gradient: nothing asks for it": _kept(lambda f, t, size: (size + 4) * f + 16 * t),
    "you gave frozen numbers a gradient in their own type: nothing asks for it": (
        _kept(lambda f, t, size: 2 * size * f + 16 * t)
    ),
    "you gave frozen numbers AdamW's means: the optimizer never sees them": (
        _kept(lambda f, t, size: (size + 8) * f + 16 * t)
    ),
    "you counted the frozen numbers as if they were trained": _kept(lambda f, t, size: 16 * (f + t)),
    "you counted 4 bytes for each frozen number: they take bytes_frozen": _kept(lambda f, t, size: 4 * f + 16 * t),
    "you counted trained numbers at bytes_frozen: they and all they need are in float32, 4 bytes": (
        _kept(lambda f, t, size: size * (f + 4 * t))
    ),
    "you swapped the two: frozen numbers take bytes_frozen, trained ones 16 bytes": (
        _kept(lambda f, t, size: 16 * f + size * t)
    ),
    "you gave bytes: divide by 10**9": _kept(lambda f, t, size: size * f + 16 * t, unit=1),
    "you gave GiB: a GB is 10**9 bytes": _kept(lambda f, t, size: size * f + 16 * t, unit=GIB),
    "you counted bits: bytes_frozen is in bytes": _kept(lambda f, t, size: 8 * (size * f + 16 * t)),
}
