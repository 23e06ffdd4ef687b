"""Wrong counts of a Llama's parameters, lesson 05, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable


def _count(change: Callable) -> Callable:
    """The right number, with what `change(config, C, F, V, kv)` says more or less."""
    return lambda config: int(
        config.n_params
        + change(config, config.dim, config.hidden_dim, config.vocab_size, config.n_kv_heads * config.head_dim)
    )


def _each_layer(change: Callable) -> Callable:
    """The right number, with what `change(C, F, kv, config)` says more or less in every layer."""
    return _count(lambda config, c, f, v, kv: config.n_layers * change(c, f, kv, config))


def _tables(number: Callable) -> Callable:
    """The right number, with `number(tied)` tables of V * C numbers, or as many numbers of a table as it says."""
    return _count(lambda config, c, f, v, kv: (number(config.tie_embeddings) - 2 + config.tie_embeddings) * v * c)


def _layers(number: Callable) -> Callable:
    """The right number, with `number(n_layers)` layers."""
    return _count(
        lambda config, c, f, v, kv: (
            (number(config.n_layers) - config.n_layers) * (2 * c * c + 2 * c * kv + 3 * c * f + 2 * c)
        )
    )


def _hidden(width: Callable) -> Callable:
    """The right number, with another hidden width."""
    return _each_layer(lambda c, f, kv, config: 3 * c * (width(c) - f))


def _times(factor: int) -> Callable:
    return lambda config: factor * config.n_params


def _rounded_up(c: int, multiple: int = 256) -> int:
    return -(-(8 * c // 3) // multiple) * multiple


COUNT_MISTAKES = {
    "you counted one table: unless they are tied, the head has V * C numbers of its own": _tables(lambda tied: 1),
    "you counted a tied table twice: it is one and the same": _tables(lambda tied: 2),
    "you took tied the other way round: tied is one table, not tied is two": _tables(lambda tied: 2 if tied else 1),
    "you forgot the tables: the embedding, and the head if it is not tied": _tables(lambda tied: 0),
    "you forgot the embedding: it is there, tied or not": _tables(lambda tied: 0 if tied else 1),
    "you forgot the table where it is tied: it counts once": _tables(lambda tied: 0 if tied else 2),
    "you took a table of 32 000 rows whatever is given: it has vocab_size": (
        _count(lambda config, c, f, v, kv: (32_000 - v) * c * (1 if config.tie_embeddings else 2))
    ),
    "you forgot the norms: two in each block and one at the end, C numbers each": (
        _count(lambda config, c, f, v, kv: -(2 * config.n_layers + 1) * c)
    ),
    "you forgot the norms in the blocks: two in each, C numbers each": _each_layer(lambda c, f, kv, config: -2 * c),
    "you forgot the last norm, before the head": _count(lambda config, c, f, v, kv: -c),
    "you counted one norm a block: attention and feed-forward have one each": _each_layer(lambda c, f, kv, config: -c),
    "you counted one norm a block, and forgot the last one": (
        _count(lambda config, c, f, v, kv: -(config.n_layers + 1) * c)
    ),
    "you counted the last norm in every block: it is there once, at the end": (
        _count(lambda config, c, f, v, kv: (config.n_layers - 1) * c)
    ),
    "you counted three norms a block, and one at the end: a block has two": _each_layer(lambda c, f, kv, config: c),
    "you counted two norms at the end: there is one": _count(lambda config, c, f, v, kv: c),
    "you gave each norm a bias: that is LayerNorm": _count(lambda config, c, f, v, kv: (2 * config.n_layers + 1) * c),
    "you gave each norm one number: it has C, one for each channel": (
        _count(lambda config, c, f, v, kv: (2 * config.n_layers + 1) * (1 - c))
    ),
    "you ignored the key-value heads: wk and wv have only n_kv_heads * head_dim rows": (
        _each_layer(lambda c, f, kv, config: 2 * c * (c - kv))
    ),
    "you ignored the key-value heads in wv, or in wk: both have only n_kv_heads * head_dim rows": (
        _each_layer(lambda c, f, kv, config: c * (c - kv))
    ),
    "you took wk and wv for squares, kv * kv: they have n_kv_heads * head_dim rows and dim columns": (
        _each_layer(lambda c, f, kv, config: 2 * kv * (kv - c))
    ),
    "you gave wk and wv n_kv_heads rows: each head has head_dim of them": (
        _each_layer(lambda c, f, kv, config: 2 * c * (config.n_kv_heads - kv))
    ),
    "you gave wk and wv the rows of one head, head_dim: there are n_kv_heads of them": (
        _each_layer(lambda c, f, kv, config: 2 * c * (config.head_dim - kv))
    ),
    "you divided wk and wv by n_kv_heads: they have n_kv_heads * head_dim rows": (
        _each_layer(lambda c, f, kv, config: 2 * c * (c // config.n_kv_heads - kv))
    ),
    "you counted one matrix for keys and values: wk and wv are two, each its own": (
        _each_layer(lambda c, f, kv, config: -c * kv)
    ),
    "you forgot wk and wv": _each_layer(lambda c, f, kv, config: -2 * c * kv),
    "you shrank wo like wk and wv: all query heads come back through it": (
        _each_layer(lambda c, f, kv, config: c * (kv - c))
    ),
    "you shrank wq and wo like wk and wv: all query heads go through them": (
        _each_layer(lambda c, f, kv, config: 2 * c * (kv - c))
    ),
    "you forgot wo, or wq: attention has four matrices": _each_layer(lambda c, f, kv, config: -c * c),
    "you forgot wq and wo": _each_layer(lambda c, f, kv, config: -2 * c * c),
    "you counted wq and wo for every head: one matrix holds all heads": (
        _each_layer(lambda c, f, kv, config: 2 * c * c * (config.n_heads - 1))
    ),
    "you forgot attention: four matrices in every layer": _each_layer(lambda c, f, kv, config: -2 * c * c - 2 * c * kv),
    "you forgot the feed-forward layer: three matrices in every layer": _each_layer(
        lambda c, f, kv, config: -3 * c * f
    ),
    "you counted attention once: it is in every layer": (
        _count(lambda config, c, f, v, kv: (1 - config.n_layers) * (2 * c * c + 2 * c * kv))
    ),
    "you counted the feed-forward layer once: it is in every layer": (
        _count(lambda config, c, f, v, kv: (1 - config.n_layers) * 3 * c * f)
    ),
    "you gave the feed-forward layer two matrices: SwiGLU has three": _each_layer(lambda c, f, kv, config: -c * f),
    "you gave the feed-forward layer one matrix: SwiGLU has three": _each_layer(lambda c, f, kv, config: -2 * c * f),
    "you gave the feed-forward layer four matrices: SwiGLU has three": _each_layer(lambda c, f, kv, config: c * f),
    "you took a matrix of the feed-forward layer for a square, F * F: all three have C on one side": (
        _each_layer(lambda c, f, kv, config: f * (f - c))
    ),
    "you took the feed-forward layer's matrices for squares, C * C: all three have hidden_dim on one side": (
        _hidden(lambda c: c)
    ),
    "you took 4 * dim for the hidden width: it is hidden_dim": _hidden(lambda c: 4 * c),
    "you took 8 / 3 * dim for the hidden width: it is hidden_dim": _hidden(lambda c: 8 * c // 3),
    "you took 8 / 3 * dim, rounded at the end, for the hidden width: it is hidden_dim": (
        _each_layer(lambda c, f, kv, config: 8 * c * c - 3 * c * f)
    ),
    "you took 8 / 3 * dim, rounded up to 256, for the hidden width: it is hidden_dim": _hidden(_rounded_up),
    "you counted one layer: there are n_layers": _layers(lambda n_layers: 1),
    "you counted one layer too many: there are n_layers": _layers(lambda n_layers: n_layers + 1),
    "you counted one layer too few: there are n_layers": _layers(lambda n_layers: n_layers - 1),
    "you multiplied everything by n_layers: the tables and the last norm are there once": _count(
        lambda config, c, f, v, kv: (config.n_layers - 1) * (c + v * c * (1 if config.tie_embeddings else 2))
    ),
    "you gave the matrices biases: a Llama has none": _each_layer(lambda c, f, kv, config: 3 * c + 2 * kv + 2 * f),
    "you gave the matrices and the head biases: a Llama has none": _count(
        lambda config, c, f, v, kv: config.n_layers * (3 * c + 2 * kv + 2 * f) + (0 if config.tie_embeddings else v)
    ),
    "you gave attention's matrices biases: a Llama has none": _each_layer(lambda c, f, kv, config: 2 * c + 2 * kv),
    "you gave wq, wk and wv biases: a Llama has none": _each_layer(lambda c, f, kv, config: c + 2 * kv),
    "you gave the feed-forward layer's matrices biases: a Llama has none": (
        _each_layer(lambda c, f, kv, config: 2 * f + c)
    ),
    "you gave the head a bias: a Llama has none": _count(lambda config, c, f, v, kv: v),
    "you counted a table of positions: RoPE's angles are computed, not learned": (
        _count(lambda config, c, f, v, kv: config.max_seq_len * c)
    ),
    "you counted RoPE's speeds: they are computed, not learned": (
        _count(lambda config, c, f, v, kv: config.head_dim // 2)
    ),
    "you counted RoPE's speeds in every layer: they are computed, not learned": (
        _each_layer(lambda c, f, kv, config: config.head_dim // 2)
    ),
    "you gave bytes, 2 for each number: the numbers were asked for": _times(2),
    "you gave bytes, 4 for each number: the numbers were asked for": _times(4),
}
