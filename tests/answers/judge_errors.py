"""Lesson 12, exercise 2: the two errors of a judge."""

from __future__ import annotations

import numpy as np

from llama_lessons.checks.release import check_judge_errors
from tests.answers.bank import Bank

bank = Bank(check_judge_errors)


@bank.right
def with_lists(said, true):
    of_true = [s for s, t in zip(said, true, strict=True) if t]
    of_others = [s for s, t in zip(said, true, strict=True) if not t]
    return of_true.count(False) / len(of_true), of_others.count(True) / len(of_others)


@bank.right
def by_numpy(said, true):
    said, true = np.array(said), np.array(true)
    return float((~said)[true].mean()), float(said[~true].mean())


@bank.right
def found_from_one(said, true):
    both = sum(s and t for s, t in zip(said, true, strict=True))
    return [1 - both / sum(true), (sum(said) - both) / (len(true) - sum(true))]


def counts(said, true):
    """Hits, missed, false alarms, passed."""
    pairs = list(zip(said, true, strict=True))
    return [pairs.count(pair) for pair in ((True, True), (False, True), (True, False), (False, False))]


for says, errors in {
    "you divided both by the number of all": lambda h, m, a, p: (m / (h + m + a + p), a / (h + m + a + p)),
    "you divided the missed ones by all": lambda h, m, a, p: (m / (h + m + a + p), a / (a + p)),
    "you divided the false alarms by all": lambda h, m, a, p: (m / (h + m), a / (h + m + a + p)),
    "you divided by what the judge said": lambda h, m, a, p: (m / (m + p), a / (h + a)),
    "what the judge calls refusals: divide": lambda h, m, a, p: (m / (h + m), a / (h + a)),
    "you exchanged the two wholes": lambda h, m, a, p: (m / (a + p), a / (h + m)),
    "you gave them in the wrong order": lambda h, m, a, p: (a / (a + p), m / (h + m)),
    "you gave what went right": lambda h, m, a, p: (h / (h + m), p / (a + p)),
    "you gave the share of refusals that were found": lambda h, m, a, p: (h / (h + m), a / (a + p)),
    "you gave counts": lambda h, m, a, p: (m, a),
    "you gave per cent": lambda h, m, a, p: (100 * m / (h + m), 100 * a / (a + p)),
    "you divided both by the true refusals": lambda h, m, a, p: (m / (h + m), a / (h + m)),
    "you gave one number": lambda h, m, a, p: (m + a) / (h + m + a + p),
    "": lambda h, m, a, p: (m / (h + m), 1.0),
}.items():
    bank.wrong(says)(lambda said, true, errors=errors: errors(*counts(said, true)))


@bank.wrong("returned None")
def prints(said, true):
    print(with_lists(said, true))


@bank.wrong("and should return a tuple")
def one_text(said, true):
    return "{:.2f} {:.2f}".format(*with_lists(said, true))
