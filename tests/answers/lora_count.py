"""Lesson 08, exercise 2: how many numbers are trained."""

from __future__ import annotations

from llama_lessons.checks.lora_cost import check_count
from llama_lessons.widgets.adapters import lora_params
from tests.answers.bank import Bank

bank = Bank(check_count)
bank.right(lora_params)


@bank.right
def shape_by_shape(config, rank, targets):
    c, kv, f = config.dim, config.dim * config.n_kv_heads // config.n_heads, config.hidden_dim
    shapes = {"wk": (kv, c), "wv": (kv, c), "w_gate": (f, c), "w_up": (f, c), "w_down": (c, f)}
    return sum(rank * sum(shapes.get(target, (c, c))) for target in targets for _layer in range(config.n_layers))


def count(config, rank, targets, kv=None, layers=None, a=1, b=1, hidden=None, factor=None):
    """The lesson's solution, with a reader's usual mistakes to choose from."""
    kv = config.n_kv_heads * config.head_dim if kv is None else kv
    hidden = config.hidden_dim if hidden is None else hidden
    n = 0
    for name in targets:
        n_in = hidden if name == "w_down" else config.dim
        n_out = {"wk": kv, "wv": kv, "w_gate": hidden, "w_up": hidden}.get(name, config.dim)
        n += a * n_in + b * n_out
    return n * (rank if factor is None else factor) * (config.n_layers if layers is None else layers)


SEVEN = ("wq", "wk", "wv", "wo", "w_gate", "w_up", "w_down")
for says, answer in {
    "you forgot the layers": lambda *given: count(*given, layers=1),
    "you counted a alone": lambda *given: count(*given, b=0),
    "you counted b alone": lambda *given: count(*given, a=0),
    "you ignored the key-value heads: wk and wv": lambda *given: count(*given, kv=given[0].dim),
    "you took n_kv_heads rows": lambda *given: count(*given, kv=given[0].n_kv_heads),
    "you took the rows of one head": lambda *given: count(*given, kv=given[0].head_dim),
    "weights for squares of dim": lambda *given: count(*given, hidden=given[0].dim),
    "you took 4 * dim": lambda *given: count(*given, hidden=4 * given[0].dim),
    "you forgot the rank": lambda *given: count(*given, factor=1),
    "you took the rank for both": lambda *given: count(*given, factor=given[1] ** 2),
    "a rank of 8": lambda *given: count(*given, factor=8),
    "you adapted all seven": lambda config, rank, targets: count(config, rank, SEVEN),
    "you adapted wq and wv": lambda config, rank, targets: count(config, rank, SEVEN[:3:2]),
    "the last target only": lambda config, rank, targets: count(config, rank, targets[-1:]),
    "you gave bytes": lambda *given: 4 * count(*given),
    "returns a float": lambda *given: float(count(*given)),
}.items():
    bank.wrong(says)(answer)
bank.wrong()(lambda *given: count(*given, a=3))
