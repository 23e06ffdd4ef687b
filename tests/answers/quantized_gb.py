"""Lesson 14, exercise 3: the bytes of a quantized model."""

from __future__ import annotations

from llama_lessons.checks.quantization import check_quantized_gb
from tests.answers.bank import Bank

bank = Bank(check_quantized_gb)


def matrices(config):
    """Rows and columns of every matrix."""
    kv = config.n_kv_heads * config.head_dim
    layer = [(config.dim, config.dim), (kv, config.dim), (kv, config.dim), (config.dim, config.dim)]
    layer += 2 * [(config.hidden_dim, config.dim)] + [(config.dim, config.hidden_dim)]
    return config.n_layers * layer + [(config.vocab_size, config.dim)]


@bank.right
def matrix_by_matrix(config, bits, group):
    total = 0
    for rows, columns in matrices(config):
        n_groups = -(-columns // group)
        total += rows * n_groups * (group * bits // 8 + 2)
    plain = config.vocab_size * config.dim + config.dim * (2 * config.n_layers + 1)
    return (total + plain * 2) / 1e9


def size(config, bits, group, scale=2, code=None, up=True, fill=True, plain=2, skip=0, unit=1e9, norms=True):
    """The same, with a reader's usual mistakes to choose from."""
    total, code = 0, bits / 8 if code is None else code
    kept = matrices(config)
    for rows, columns in kept[: len(kept) - skip]:
        n_groups = -(-columns // group) if up else columns // group
        total += rows * ((n_groups * group if fill else columns) * code + n_groups * scale)
    table = config.vocab_size * config.dim
    return (total + plain * table + (2 * config.dim * (2 * config.n_layers + 1) if norms else 0)) / unit


for says, answer in {
    "you forgot the scales": lambda *given: size(*given, scale=0),
    "each scale four bytes": lambda *given: size(*given, scale=4),
    "each scale one byte": lambda *given: size(*given, scale=1),
    "bits as bytes": lambda config, bits, group: size(config, bits, group, code=bits),
    "a byte for every code": lambda *given: size(*given, code=1),
    "you left the last group out": lambda *given: size(*given, up=False),
    "did not fill it up": lambda *given: size(*given, up=False, fill=False),
    "fill the last group of a row up": lambda *given: size(*given, fill=False),
    "you forgot the embedding table": lambda *given: size(*given, plain=0),
    "the embedding table four bytes": lambda *given: size(*given, plain=4),
    "you forgot the head": lambda *given: size(*given, skip=1),
    "you left the head in two bytes": lambda *given: size(*given, skip=1, plain=4),
    "you forgot the norms": lambda *given: size(*given, norms=False),
    "you gave GiB": lambda *given: size(*given, unit=2**30),
    "you gave bytes": lambda *given: size(*given, unit=1),
    "without scales: embedding table": lambda config, bits, group: config.n_params * bits / 8 / 1e9,
}.items():
    if says != "you left the head in two bytes":
        bank.wrong(says)(answer)


@bank.wrong("you left the head in two bytes")
def head_as_the_table(config, bits, group):
    return size(config, bits, group, skip=1) + 2 * config.vocab_size * config.dim / 1e9


@bank.wrong()
def everything_is_filled_to_256(config, bits, group):
    return size(config, bits, 256)
