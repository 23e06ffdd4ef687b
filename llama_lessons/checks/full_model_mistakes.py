"""Wrong blocks and wrong counts of lesson 05, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from llama_lessons.config import LlamaConfig


def _attention_lost(
    x: Tensor, attention: Callable, attention_norm: Callable, feed_forward: Callable, feed_forward_norm: Callable
) -> Tensor:
    after = x + attention(attention_norm(x))
    return x + feed_forward(feed_forward_norm(after))


def _post_norm(x: Tensor, attention: Callable, norm: Callable, feed_forward: Callable, other_norm: Callable) -> Tensor:
    x = norm(x + attention(x))
    return other_norm(x + feed_forward(x))


def _norm_kept(x: Tensor, attention: Callable, norm: Callable, feed_forward: Callable, other_norm: Callable) -> Tensor:
    """The stream itself is replaced by its normalised copy."""
    x = norm(x)
    x = x + attention(x)
    x = other_norm(x)
    return x + feed_forward(x)


def _steps(first: Callable, second: Callable) -> Callable:
    """A block of two steps, each a function of the stream, its sub-layer and its norm."""
    return lambda x, attention, norm, feed_forward, other_norm: second(
        first(x, attention, norm), feed_forward, other_norm
    )


def _right(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return x + part(norm(x))


def _alone(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return part(norm(x))


def _bare(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return x + part(x)


BLOCK_MISTAKES = {
    "you normalised after adding: that is post-norm, as in 2017; a Llama normalises what a sub-layer reads": _post_norm,
    "you normalised what the sub-layers gave: normalise what they read": (
        _steps(lambda x, part, norm: x + norm(part(x)), lambda x, part, norm: x + norm(part(x)))
    ),
    "you forgot both residuals: add what a sub-layer gives to the stream": _steps(_alone, _alone),
    "you forgot the residual around attention: x + attention(...)": _steps(_alone, _right),
    "you forgot the residual around the feed-forward layer: x + feed_forward(...)": _steps(_right, _alone),
    "you forgot both norms: each sub-layer reads a normalised copy": _steps(_bare, _bare),
    "you forgot the norm before attention": _steps(_bare, _right),
    "you forgot the norm before the feed-forward layer": _steps(_right, _bare),
    "you let the feed-forward layer read the old x: it reads the stream after attention": (
        lambda x, attention, norm, feed_forward, other_norm: x + attention(norm(x)) + feed_forward(other_norm(x))
    ),
    "you lost what attention wrote: the second sum must start from the stream after attention": _attention_lost,
    "you added to the normalised copy: the stream itself goes on, the copy is only read": _norm_kept,
    "you exchanged the two norms: each sub-layer has its own": (
        lambda x, attention, norm, feed_forward, other_norm: _right(
            _right(x, attention, other_norm), feed_forward, norm
        )
    ),
    "you used attention's norm twice: the feed-forward layer has its own": (
        lambda x, attention, norm, feed_forward, other_norm: _right(_right(x, attention, norm), feed_forward, norm)
    ),
    "you put the feed-forward layer first: attention comes before it": (
        lambda x, attention, norm, feed_forward, other_norm: _right(
            _right(x, feed_forward, other_norm), attention, norm
        )
    ),
    "you left out the feed-forward layer": lambda x, attention, norm, feed_forward, other_norm: _right(
        x, attention, norm
    ),
    "you left out attention": lambda x, attention, norm, feed_forward, other_norm: _right(x, feed_forward, other_norm),
}


def _count(change: Callable) -> Callable:
    """The right number, with what `change(config, C, F, V, kv)` says more or less."""
    return lambda config: int(
        config.n_params
        + change(config, config.dim, config.hidden_dim, config.vocab_size, config.n_kv_heads * config.head_dim)
    )


def _one_table(config: LlamaConfig) -> int:
    return config.n_params - (0 if config.tie_embeddings else config.vocab_size * config.dim)


COUNT_MISTAKES = {
    "you counted one table: unless they are tied, the head has V * C numbers of its own": _one_table,
    "you counted a tied table twice: it is one and the same": (
        _count(lambda config, c, f, v, kv: v * c if config.tie_embeddings else 0)
    ),
    "you forgot the tables: the embedding, and the head if it is not tied": (
        _count(lambda config, c, f, v, kv: -v * c * (1 if config.tie_embeddings else 2))
    ),
    "you forgot the norms: two in each block and one at the end, C numbers each": (
        _count(lambda config, c, f, v, kv: -(2 * config.n_layers + 1) * c)
    ),
    "you forgot the last norm, before the head": _count(lambda config, c, f, v, kv: -c),
    "you counted one norm a block: attention and feed-forward have one each": (
        _count(lambda config, c, f, v, kv: -config.n_layers * c)
    ),
    "you gave each norm a bias: that is LayerNorm": _count(lambda config, c, f, v, kv: (2 * config.n_layers + 1) * c),
    "you ignored the key-value heads: wk and wv have only n_kv_heads * head_dim rows": (
        _count(lambda config, c, f, v, kv: 2 * config.n_layers * c * (c - kv))
    ),
    "you gave wk and wv n_kv_heads rows: each head has head_dim of them": (
        _count(lambda config, c, f, v, kv: 2 * config.n_layers * c * (config.n_kv_heads - kv))
    ),
    "you shrank wo like wk and wv: all query heads come back through it": (
        _count(lambda config, c, f, v, kv: config.n_layers * c * (kv - c))
    ),
    "you forgot wo": _count(lambda config, c, f, v, kv: -config.n_layers * c * c),
    "you gave the feed-forward layer two matrices: SwiGLU has three": (
        _count(lambda config, c, f, v, kv: -config.n_layers * c * f)
    ),
    "you took 4 * dim for the hidden width: it is hidden_dim": (
        _count(lambda config, c, f, v, kv: 3 * config.n_layers * c * (4 * c - f))
    ),
    "you counted one layer: there are n_layers": (
        _count(lambda config, c, f, v, kv: (1 - config.n_layers) * (2 * c * c + 2 * c * kv + 3 * c * f + 2 * c))
    ),
    "you gave the matrices biases: a Llama has none": (
        _count(lambda config, c, f, v, kv: config.n_layers * (3 * c + 2 * kv + 2 * f))
    ),
    "you counted a table of positions: RoPE's angles are computed, not learned": (
        _count(lambda config, c, f, v, kv: config.max_seq_len * c)
    ),
}
