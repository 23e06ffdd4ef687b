"""Lesson 08, exercise 4: GB that training keeps."""

from __future__ import annotations

from llama_lessons.checks.lora_cost import check_training_gb
from tests.answers.bank import Bank

bank = Bank(check_training_gb)


@bank.right
def part_by_part(n_frozen, n_trained, bytes_frozen):
    parts = {"frozen": n_frozen * bytes_frozen}
    parts |= dict.fromkeys(("trained", "gradient", "mean", "square"), 4 * n_trained)
    return sum(parts.values()) / 1e9


@bank.right
def in_gb_at_once(n_frozen, n_trained, bytes_frozen):
    return n_frozen / 10**9 * bytes_frozen + n_trained / 10**9 * 16


for says, n_bytes in {
    "you forgot the frozen numbers": lambda frozen, trained, size: 16 * trained,
    "you counted 12 bytes": lambda frozen, trained, size: frozen * size + 3 * 4 * trained,
    "you forgot AdamW's means": lambda frozen, trained, size: frozen * size + 2 * 4 * trained,
    "you counted the numbers alone": lambda frozen, trained, size: frozen * size + 4 * trained,
    "frozen numbers a gradient: nothing": lambda frozen, trained, size: frozen * (size + 4) + 16 * trained,
    "AdamW's means: the optimizer": lambda frozen, trained, size: frozen * (size + 8) + 16 * trained,
    "as if they were trained": lambda frozen, trained, size: 16 * (frozen + trained),
    "4 bytes for each frozen": lambda frozen, trained, size: 4 * frozen + 16 * trained,
    "multiply them by bytes_frozen": lambda frozen, trained, size: frozen + 16 * trained,
    "you counted trained numbers at bytes_frozen": lambda frozen, trained, size: size * (frozen + 4 * trained),
    "you made bytes_frozen a whole number": lambda frozen, trained, size: frozen * int(size) + 16 * trained,
    "you took the larger of the two": lambda frozen, trained, size: max(frozen * size, 16 * trained),
    "you gave bytes: divide": lambda frozen, trained, size: (frozen * size + 16 * trained) * 1e9,
    "you gave GiB: a GB": lambda frozen, trained, size: (frozen * size + 16 * trained) * 1e9 / 2**30,
}.items():
    bank.wrong(says)(lambda *given, n_bytes=n_bytes: n_bytes(*given) / 1e9)
bank.wrong("returns a str and should return a float")(lambda *given: f"{part_by_part(*given):.1f} GB")
bank.wrong()(lambda frozen, trained, size: (frozen * size + 17 * trained) / 1e9)
