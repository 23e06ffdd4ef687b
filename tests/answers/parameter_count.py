"""Lesson 05, exercise 4: count the parameters of any Llama."""

from __future__ import annotations

import math

from llama_lessons.checks.full_model import check_count
from tests.answers.bank import Bank

bank = Bank(check_count)
bank.right(lambda config: config.n_params)


@bank.right
def shape_by_shape(config):
    c, kv, f = config.dim, config.n_kv_heads * config.head_dim, config.hidden_dim
    layer = [(c, c), (kv, c), (kv, c), (c, c), (f, c), (f, c), (c, f), (c,), (c,)]
    table = [(config.vocab_size, c)]
    return sum(map(math.prod, table * (2 - config.tie_embeddings) + layer * config.n_layers + [(c,)]))


def counts(config, tables=None, norms=2, kv=None, last=1, wo=True, matrices=3, width=None, layers=None, more=0):
    """The lesson's solution, with a reader's usual mistakes to choose from."""
    c, kv = config.dim, config.n_kv_heads * config.head_dim if kv is None else kv
    tables = (1 if config.tie_embeddings else 2) if tables is None else tables
    layer = c * c + 2 * kv * c + (c * c if wo else 0) + matrices * c * (width or config.hidden_dim) + norms * c + more
    return tables * config.vocab_size * c + (layers or config.n_layers) * layer + last * c


for says, answer in {
    "you counted one table": lambda config: counts(config, tables=1),
    "you counted a tied table twice": lambda config: counts(config, tables=2),
    "the other way round": lambda config: counts(config, tables=1 + config.tie_embeddings),
    "you forgot the tables": lambda config: counts(config, tables=0),
    "you forgot the norms: two in each block": lambda config: counts(config, norms=0, last=0),
    "you counted one norm a block: attention": lambda config: counts(config, norms=1),
    "you counted the last norm in every block": lambda config: counts(config, norms=3, last=0),
    "you forgot the last norm": lambda config: counts(config, last=0),
    "you ignored the key-value heads: wk": lambda config: counts(config, kv=config.dim),
    "you gave wk and wv n_kv_heads rows": lambda config: counts(config, kv=config.n_kv_heads),
    "the rows of one head": lambda config: counts(config, kv=config.head_dim),
    "you forgot wo, or wq": lambda config: counts(config, wo=False),
    "two matrices: SwiGLU": lambda config: counts(config, matrices=2),
    "you took 4 * dim": lambda config: counts(config, width=4 * config.dim),
    "you counted one layer: there": lambda config: counts(config, layers=1),
    "you counted RoPE's speeds in every layer": lambda config: counts(config, more=config.head_dim // 2),
    "you gave bytes, 2": lambda config: 2 * counts(config),
    "returns a float and should return an int": lambda config: counts(config) / 1e9,
}.items():
    bank.wrong(says)(answer)
bank.wrong()(lambda config: counts(config, tables=1, norms=0, last=0))
