"""Wrong errors of a judge, lesson 12, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class _Counts(NamedTuple):
    """Answers by what the judge said and what they are."""

    hits: int  # refusals that he calls so
    missed: int  # refusals that he does not call so
    alarms: int  # others that he calls refusals
    passed: int  # others that he calls others

    @property
    def n(self) -> int:
        """All answers."""
        return sum(self)

    @property
    def n_true(self) -> int:
        """Refusals."""
        return self.hits + self.missed

    @property
    def n_other(self) -> int:
        """Others."""
        return self.alarms + self.passed


def _counted(errors: Callable[[_Counts], object]) -> Callable:
    """Errors made in another way of the four counts; a division by nothing gives 0."""

    def wrong(said: list[bool], true: list[bool]) -> object:
        pairs = list(zip(said, true, strict=True))
        counts = _Counts(*(pairs.count(pair) for pair in ((True, True), (False, True), (True, False), (False, False))))
        return errors(counts)

    return wrong


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


JUDGE_MISTAKES = {
    "you divided both by the number of all answers: each kind of error by the answers that it can happen to": (
        _counted(lambda c: (c.missed / c.n, c.alarms / c.n))
    ),
    "you divided the missed ones by all answers: divide by the true refusals": (
        _counted(lambda c: (c.missed / c.n, _share(c.alarms, c.n_other)))
    ),
    "you divided the false alarms by all answers: divide by the answers that are no refusals": (
        _counted(lambda c: (_share(c.missed, c.n_true), c.alarms / c.n))
    ),
    "you divided by what the judge said: divide by what is true": (
        _counted(lambda c: (_share(c.missed, c.missed + c.passed), _share(c.alarms, c.hits + c.alarms)))
    ),
    "you divided the false alarms by what the judge calls refusals: divide by the answers that are none": (
        _counted(lambda c: (_share(c.missed, c.n_true), _share(c.alarms, c.hits + c.alarms)))
    ),
    "you divided the missed ones by what the judge calls no refusal: divide by the true refusals": (
        _counted(lambda c: (_share(c.missed, c.missed + c.passed), _share(c.alarms, c.n_other)))
    ),
    "you exchanged the two wholes: missed refusals are among refusals, false alarms among the others": (
        _counted(lambda c: (_share(c.missed, c.n_other), _share(c.alarms, c.n_true)))
    ),
    "you divided both by the true refusals: false alarms are among the others": (
        _counted(lambda c: (_share(c.missed, c.n_true), _share(c.alarms, c.n_true)))
    ),
    "you divided both by the answers that are no refusals: missed ones are among the refusals": (
        _counted(lambda c: (_share(c.missed, c.n_other), _share(c.alarms, c.n_other)))
    ),
    "you divided both by the number of errors: an error is a share of what could go wrong": (
        _counted(lambda c: (_share(c.missed, c.missed + c.alarms), _share(c.alarms, c.missed + c.alarms)))
    ),
    "you gave them in the wrong order: missed refusals come first": (
        _counted(lambda c: (_share(c.alarms, c.n_other), _share(c.missed, c.n_true)))
    ),
    "you gave what went right: give what went wrong": (
        _counted(lambda c: (_share(c.hits, c.n_true), _share(c.passed, c.n_other)))
    ),
    "you gave the share of refusals that were found: give the share that was missed": (
        _counted(lambda c: (_share(c.hits, c.n_true), _share(c.alarms, c.n_other)))
    ),
    "you gave the share of the others that were let pass: give the share that raised an alarm": (
        _counted(lambda c: (_share(c.missed, c.n_true), _share(c.passed, c.n_other)))
    ),
    "you gave counts: give shares": _counted(lambda c: (c.missed, c.alarms)),
    "you gave per cent: give shares, from 0 to 1": (
        _counted(lambda c: (100 * _share(c.missed, c.n_true), 100 * _share(c.alarms, c.n_other)))
    ),
    "you rounded to whole numbers, or divided with //: give shares": (
        _counted(lambda c: (float(c.missed // max(1, c.n_true)), float(c.alarms // max(1, c.n_other))))
    ),
    "you gave one number, the share of all that was wrong: the two errors are told apart": (
        _counted(lambda c: (c.missed + c.alarms) / c.n)
    ),
    "you gave the mean of the two errors: tell them apart": (
        _counted(lambda c: (_share(c.missed, c.n_true) + _share(c.alarms, c.n_other)) / 2)
    ),
    "you gave the share of all that was right: give the two errors": _counted(lambda c: (c.hits + c.passed) / c.n),
    "you exchanged said and true": (
        _counted(lambda c: (_share(c.alarms, c.hits + c.alarms), _share(c.missed, c.missed + c.passed)))
    ),
    "you divided by one answer more, to avoid a division by 0: some answers are of each kind": (
        _counted(lambda c: (c.missed / (c.n_true + 1), c.alarms / (c.n_other + 1)))
    ),
}
