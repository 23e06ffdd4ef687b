"""Wrong counts of adapters' numbers, lesson 08, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llama_lessons.config import LlamaConfig

ATTENTION, FEED_FORWARD = ("wq", "wk", "wv", "wo"), ("w_gate", "w_up", "w_down")


def _ends(config: LlamaConfig) -> dict[str, tuple[int, int]]:
    """Channels in and out of each of the seven."""
    c, kv, f = config.dim, config.n_kv_heads * config.head_dim, config.hidden_dim
    attention = {"wq": (c, c), "wk": (c, kv), "wv": (c, kv), "wo": (c, c)}
    return attention | {"w_gate": (c, f), "w_up": (c, f), "w_down": (f, c)}


def _both(rank: int, n_in: int, n_out: int) -> int:
    return rank * (n_in + n_out)


def _count(
    each: Callable = _both,
    layers: Callable = lambda config: config.n_layers,
    ends: Callable = _ends,
    chosen: Callable = lambda targets: targets,
    factor: int = 1,
) -> Callable:
    """A wrong count: `each(rank, n_in, n_out)` for every one of the chosen targets, times `layers(config)`."""

    def wrong(config: LlamaConfig, rank: int, targets: Sequence[str]) -> int:
        return factor * layers(config) * sum(each(rank, *ends(config)[target]) for target in chosen(targets))

    return wrong


def _as_if(names: Sequence[str], ends: Callable) -> Callable:
    """A count as if the ends of these were others."""
    return _count(ends=lambda config: _ends(config) | dict.fromkeys(names, ends(config)))


COUNT_MISTAKES = {
    "you forgot the layers: each of them has adapters of its own": _count(layers=lambda config: 1),
    "you counted one layer too many: there are n_layers": _count(layers=lambda config: config.n_layers + 1),
    "you counted a alone: b has rank columns of out numbers": _count(lambda rank, n_in, n_out: rank * n_in),
    "you counted b alone: a has rank rows of in numbers": _count(lambda rank, n_in, n_out: rank * n_out),
    "you counted b as large as a: b is (out, rank)": _count(lambda rank, n_in, n_out: 2 * rank * n_in),
    "you counted a as large as b: a is (rank, in)": _count(lambda rank, n_in, n_out: 2 * rank * n_out),
    "you counted the product b @ a, which is as large as the weight: count the two factors": (
        _count(lambda rank, n_in, n_out: n_in * n_out)
    ),
    "you multiplied in and out: a is (rank, in) and b is (out, rank), so it is a sum": (
        _count(lambda rank, n_in, n_out: rank * n_in * n_out)
    ),
    "you counted the frozen weights as well: only the adapters are trained": (
        _count(lambda rank, n_in, n_out: rank * (n_in + n_out) + n_in * n_out)
    ),
    "you counted alpha, or a number more for each adapter: it is not trained": (
        _count(lambda rank, n_in, n_out: rank * (n_in + n_out) + 1)
    ),
    "you gave the adapters biases: they have none": _count(lambda rank, n_in, n_out: rank * (n_in + n_out) + n_out),
    "you put a matrix of rank * rank between a and b: there is none": (
        _count(lambda rank, n_in, n_out: rank * (n_in + n_out + rank))
    ),
    "you ignored the key-value heads: wk and wv have n_kv_heads * head_dim rows, which may be fewer than dim": (
        _as_if(("wk", "wv"), lambda c: (c.dim, c.dim))
    ),
    "you ignored the key-value heads in wk: it has n_kv_heads * head_dim rows, like wv": (
        _as_if(("wk",), lambda c: (c.dim, c.dim))
    ),
    "you ignored the key-value heads in wv: it has n_kv_heads * head_dim rows, like wk": (
        _as_if(("wv",), lambda c: (c.dim, c.dim))
    ),
    "you took n_kv_heads rows for wk and wv: each head has head_dim of them": (
        _as_if(("wk", "wv"), lambda c: (c.dim, c.n_kv_heads))
    ),
    "you took the rows of one head, head_dim, for wk and wv: there are n_kv_heads of them": (
        _as_if(("wk", "wv"), lambda c: (c.dim, c.head_dim))
    ),
    "you took wk and wv for squares of n_kv_heads * head_dim: they read all dim channels": (
        _as_if(("wk", "wv"), lambda c: (c.n_kv_heads * c.head_dim,) * 2)
    ),
    "you shrank wo like wk and wv: all query heads come back through it": (
        _as_if(("wo",), lambda c: (c.n_kv_heads * c.head_dim, c.dim))
    ),
    "you shrank wq like wk and wv: it has all query heads": (
        _as_if(("wq",), lambda c: (c.dim, c.n_kv_heads * c.head_dim))
    ),
    "you shrank wq and wo like wk and wv: all query heads go through them": (
        _as_if(("wq", "wo"), lambda c: (c.n_kv_heads * c.head_dim, c.dim))
    ),
    "you took the feed-forward layer's weights for squares of dim: they are hidden_dim on one side": (
        _as_if(FEED_FORWARD, lambda c: (c.dim, c.dim))
    ),
    "you took every weight for a square of dim: wk and wv may have fewer rows, and the feed-forward layer's are "
    "hidden_dim on one side": _as_if((*ATTENTION, *FEED_FORWARD), lambda c: (c.dim, c.dim)),
    "you took w_down for a square of dim: it is hidden_dim on one side": _as_if(("w_down",), lambda c: (c.dim, c.dim)),
    "you took w_down for a square of hidden_dim: it is dim on one side": (
        _as_if(("w_down",), lambda c: (c.hidden_dim, c.hidden_dim))
    ),
    "you took w_gate and w_up for squares of dim: they are hidden_dim on one side": (
        _as_if(("w_gate", "w_up"), lambda c: (c.dim, c.dim))
    ),
    "you took the feed-forward layer's weights for squares of hidden_dim: they are dim on one side": (
        _as_if(FEED_FORWARD, lambda c: (c.hidden_dim, c.hidden_dim))
    ),
    "you took 4 * dim for the hidden width: it is hidden_dim": _as_if(FEED_FORWARD, lambda c: (c.dim, 4 * c.dim)),
    "you took 8 / 3 * dim for the hidden width: it is hidden_dim": (
        _as_if(FEED_FORWARD, lambda c: (c.dim, 8 * c.dim // 3))
    ),
    "you left out the feed-forward layer's: they may be targets, too": (
        _count(chosen=lambda targets: [target for target in targets if target in ATTENTION])
    ),
    "you forgot the rank: each factor has rank rows or columns": _count(lambda rank, n_in, n_out: n_in + n_out),
    "you took the rank for both: rank * (in + out), not rank * rank": (
        _count(lambda rank, n_in, n_out: rank * rank * (n_in + n_out))
    ),
    "you added the rank: multiply with it": _count(lambda rank, n_in, n_out: n_in + n_out + rank),
    "you took a rank of 8, whatever is given": _count(lambda rank, n_in, n_out: 8 * (n_in + n_out)),
    "you took a rank of 16, whatever is given": _count(lambda rank, n_in, n_out: 16 * (n_in + n_out)),
    "you adapted all seven: count those in targets": _count(chosen=lambda targets: ATTENTION + FEED_FORWARD),
    "you adapted attention's four, whatever is given: count those in targets": _count(chosen=lambda targets: ATTENTION),
    "you adapted wq and wv, whatever is given: count those in targets": _count(chosen=lambda targets: ("wq", "wv")),
    "you adapted one for all, the first: each of the targets has adapters of its own": (
        _count(chosen=lambda targets: targets[:1])
    ),
    "you kept the last target only: add up, each of the targets has adapters of its own": (
        _count(chosen=lambda targets: targets[-1:])
    ),
    "you left out the last target: each of the targets has adapters of its own": (
        _count(chosen=lambda targets: targets[:-1])
    ),
    "you doubled it: an adapter's numbers count once, without gradients": _count(factor=2),
    "you counted each number three times or more, with AdamW's means: the numbers alone were asked for": (
        _count(factor=3)
    ),
    "you gave bytes, 4 for each number: the numbers were asked for": _count(factor=4),
}
