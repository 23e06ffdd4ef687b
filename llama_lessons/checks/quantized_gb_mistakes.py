"""Wrong sizes of a quantized model, lesson 14, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from llama_lessons.config import LlamaConfig

GB = 10**9


def _filled(columns: int, group: int) -> float:
    return math.ceil(columns / group) * group


def _groups(columns: int, group: int) -> float:
    return math.ceil(columns / group)


def _wrong(
    filled: Callable = _filled,
    groups: Callable = _groups,
    scale: float = 2,
    code: Callable = lambda bits: bits / 8,
    table: Callable = lambda bits: 2.0,
    head: Callable | None = None,
    norm: float = 2,
    shape: Callable = lambda config: config,
    turned: bool = False,
    unit: float = GB,
) -> Callable:
    """The answer with some of its numbers counted otherwise."""

    def wrong(config: LlamaConfig, bits: int, group: int) -> float:
        c = shape(config)
        kv, f = c.n_kv_heads * c.head_dim, c.hidden_dim
        kinds = [(c.dim, c.dim, 2), (kv, c.dim, 2), (f, c.dim, 2), (c.dim, f, 1)]  # rows, columns, how many in a layer
        matrices = [(rows, columns, n * c.n_layers) for rows, columns, n in kinds]
        matrices += [] if head else [(c.vocab_size, c.dim, 1)]
        n_bytes = 0.0
        for rows, columns, n in matrices:
            rows, columns = (columns, rows) if turned else (rows, columns)
            n_bytes += n * rows * (filled(columns, group) * code(bits) + groups(columns, group) * scale)
        tables = c.vocab_size * c.dim * (table(bits) + (head(bits) if head else 0))
        return (n_bytes + tables + norm * (2 * c.n_layers + 1) * c.dim) / unit

    return wrong


GB_MISTAKES = {
    "you forgot the scales: two bytes for each group": _wrong(scale=0),
    "you gave each scale one byte: it has two": _wrong(scale=1),
    "you gave each scale four bytes: it has two": _wrong(scale=4),
    "you took the scale's size for 16 bytes: 16 bits are two bytes": _wrong(scale=16),
    "you counted bits as bytes: eight bits are one": _wrong(code=lambda bits: bits),
    "you took a byte for every code, whatever the bits": _wrong(code=lambda bits: 1),
    "you took half a byte for every code, whatever the bits": _wrong(code=lambda bits: 0.5),
    "you took two bytes for every code: they have `bits` bits": _wrong(code=lambda bits: 2),
    "you gave each row one scale: each group of it has one": _wrong(groups=lambda columns, group: 1),
    "you gave each number a scale: a group shares one": _wrong(groups=lambda columns, group: columns),
    "you gave each row `group` scales: it has one for every `group` numbers": _wrong(
        groups=lambda columns, group: group
    ),
    "you left the last group out where it is not full: it has a scale too, and is filled up": (
        _wrong(lambda columns, group: columns // group * group, lambda columns, group: columns // group)
    ),
    "you rounded the groups of a row down: the last one, which is not full, has a scale too": (
        _wrong(groups=lambda columns, group: columns // group)
    ),
    "you left the last group's scale out, and did not fill it up: it is filled with zeros and has a scale": (
        _wrong(lambda columns, group: columns, lambda columns, group: columns // group)
    ),
    "you took parts of groups: the last one of a row is filled up with zeros": (
        _wrong(lambda columns, group: columns, lambda columns, group: columns / group)
    ),
    "you did not fill the last group of a row up: its zeros have codes, too": _wrong(lambda columns, group: columns),
    "you quantized the embedding table as well: it keeps two bytes a number": (
        lambda config, bits, group: (
            _wrong(table=lambda bits: 0)(config, bits, group)
            + config.vocab_size * (_filled(config.dim, group) * bits / 8 + 2 * _groups(config.dim, group)) / GB
        )
    ),
    "you forgot the embedding table": _wrong(table=lambda bits: 0),
    "you gave the embedding table four bytes a number: it has two": _wrong(table=lambda bits: 4),
    "you gave the embedding table's numbers `bits` bits: it keeps two bytes a number": _wrong(
        table=lambda bits: bits / 8
    ),
    "you left the head in two bytes: it is a matrix like the others": _wrong(head=lambda bits: 2),
    "you forgot the head: it is a matrix like the others": _wrong(head=lambda bits: 0),
    "you forgot both tables": _wrong(table=lambda bits: 0, head=lambda bits: 0),
    "you forgot the norms: they keep two bytes a number": _wrong(norm=0),
    "you gave the norms four bytes a number: they have two": _wrong(norm=4),
    "you took all parameters times the bits, without scales: embedding table and norms keep two bytes": (
        lambda config, bits, group: config.n_params * bits / 8 / GB
    ),
    "you took all parameters times the bits, and a scale for every group of them: embedding table and norms keep two "
    "bytes": lambda config, bits, group: config.n_params * (bits / 8 + 2 / group) / GB,
    "you gave two bytes to everything: the matrices have `bits` bits": lambda config, bits, group: (
        2 * config.n_params / GB
    ),
    "you ignored the key-value heads: wk and wv have n_kv_heads * head_dim rows": (
        _wrong(shape=lambda c: replace(c, n_kv_heads=c.n_heads))
    ),
    "you counted one layer": _wrong(shape=lambda c: replace(c, n_layers=1)),
    "you took 4 * dim for hidden_dim": _wrong(shape=lambda c: replace(c, hidden_dim=4 * c.dim)),
    "you took dim for hidden_dim": _wrong(shape=lambda c: replace(c, hidden_dim=c.dim)),
    "you cut columns into groups: groups are neighbours in a row": _wrong(turned=True),
    "you gave GiB, of 2**30 bytes: a GB has 10**9": _wrong(unit=2**30),
    "you gave MB: a GB has 10**9 bytes": _wrong(unit=10**6),
    "you gave bytes: a GB has 10**9": _wrong(unit=1),
    "you gave gigabits: eight bits are a byte": _wrong(unit=GB / 8),
}
