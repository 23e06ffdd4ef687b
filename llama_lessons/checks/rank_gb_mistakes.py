"""Wrong sums of what a rank holds in training, lesson 13, each under the words that a reader is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

GB = 10**9
SHARED_FROM = (3, 2, 1)  # the stage from which on ranks share weights, gradients, and what AdamW keeps


def _wrong(
    sizes: tuple = (2, 2, 12),
    shared_from: tuple = SHARED_FROM,
    unit: float = GB,
    share: Callable = lambda n, ranks: n / ranks,
) -> Callable:
    """The answer with other bytes a number, shared from another stage on, in another unit."""

    def wrong(n_params: int, n_ranks: int, stage: int) -> float:
        parts = ((size * n_params, stage >= first) for size, first in zip(sizes, shared_from, strict=True))
        return sum(share(n, n_ranks) if is_shared else n for n, is_shared in parts) / unit

    return wrong


def _rest(n_params: int, n_ranks: int) -> float:
    """GB that the other ranks have of what takes one byte a number."""
    return n_params * (1 - 1 / n_ranks) / GB


RANK_GB_MISTAKES = {
    "you shared nothing: from stage 1 on each rank has a part": _wrong(shared_from=(9, 9, 9)),
    "you shared everything at every stage": _wrong(shared_from=(0, 0, 0)),
    "you shared everything from stage 1 on: 1 shares what AdamW keeps, 2 the gradients too, 3 the weights too": (
        _wrong(shared_from=(1, 1, 1))
    ),
    "you turned the stages round: 1 shares what AdamW keeps, and the weights come last": _wrong(shared_from=(1, 2, 3)),
    "you shared gradients before what AdamW keeps: it comes first, at stage 1": _wrong(shared_from=(3, 1, 2)),
    "you began to share one stage too late: stage 1 shares what AdamW keeps": _wrong(shared_from=(4, 3, 2)),
    "you began to share one stage too early: stage 0 shares nothing": _wrong(shared_from=(2, 1, 0)),
    "you never shared the weights: stage 3 does": _wrong(shared_from=(9, 2, 1)),
    "you never shared the gradients: stages 2 and 3 do": _wrong(shared_from=(3, 9, 1)),
    "each stage shares one thing alone in your sum: a stage shares what those before it share, too": (
        lambda n_params, n_ranks, stage: (
            sum(size * n_params / (n_ranks if stage == at else 1) for size, at in ((2, 3), (2, 2), (12, 1))) / GB
        )
    ),
    "you shared AdamW's means, and not its copy of the weights: stage 1 shares all 12 bytes": (
        lambda n_params, n_ranks, stage: (
            _wrong()(n_params, n_ranks, stage) + (stage >= 1) * 4 * _rest(n_params, n_ranks)
        )
    ),
    "you shared AdamW's copy only with the weights, at stage 3: it is AdamW's, and shared from stage 1 on": (
        lambda n_params, n_ranks, stage: (
            _wrong()(n_params, n_ranks, stage) + (stage in (1, 2)) * 4 * _rest(n_params, n_ranks)
        )
    ),
    "you shared AdamW's copy, and not its means: stage 1 shares all 12 bytes": (
        lambda n_params, n_ranks, stage: (
            _wrong()(n_params, n_ranks, stage) + (stage >= 1) * 8 * _rest(n_params, n_ranks)
        )
    ),
    "you shared what AdamW keeps from stage 2 on: from stage 1 on": _wrong(shared_from=(3, 2, 2)),
    "you rounded the result: give all its digits": lambda n_params, n_ranks, stage: float(
        round(_wrong()(n_params, n_ranks, stage))
    ),
    "you rounded the result to one digit: give all": lambda n_params, n_ranks, stage: round(
        _wrong()(n_params, n_ranks, stage), 1
    ),
    "you forgot the weights": _wrong(sizes=(0, 2, 12)),
    "you forgot the gradients": _wrong(sizes=(2, 0, 12)),
    "you forgot what AdamW keeps": _wrong(sizes=(2, 2, 0)),
    "you counted 8 bytes for AdamW: it keeps 12, a copy of the weight in float32 and two means": _wrong(
        sizes=(2, 2, 8)
    ),
    "you counted 4 bytes for AdamW: it keeps 12, a copy of the weight in float32 and two means": _wrong(
        sizes=(2, 2, 4)
    ),
    "you counted AdamW's numbers with 2 bytes: they have 4": _wrong(sizes=(2, 2, 6)),
    "you counted weights with 4 bytes: those that compute have 2, the copy of 4 is AdamW's": _wrong(sizes=(4, 2, 12)),
    "you counted gradients with 4 bytes: they have 2": _wrong(sizes=(2, 4, 12)),
    "you counted weights and gradients with 4 bytes: they have 2": _wrong(sizes=(4, 4, 12)),
    "you counted weights and gradients with 4 bytes and no copy: they have 2, and the copy in float32 is AdamW's": (
        _wrong(sizes=(4, 4, 8))
    ),
    "you counted 16 bytes for AdamW: all together are 16, it keeps 12": _wrong(sizes=(2, 2, 16)),
    "you counted numbers, not bytes": _wrong(sizes=(1, 1, 3)),
    "you gave what all ranks hold together: divide by the ranks, or do not multiply": (
        lambda n_params, n_ranks, stage: n_ranks * _wrong()(n_params, n_ranks, stage)
    ),
    "you multiplied by the ranks where they share: divide": _wrong(share=lambda n, ranks: n * ranks),
    "you counted what the other ranks hold: a rank keeps one part in n_ranks": (
        _wrong(share=lambda n, ranks: n * (ranks - 1) / ranks)
    ),
    "you divided by the stage: divide by the ranks": (
        lambda n_params, n_ranks, stage: _wrong()(n_params, max(stage, 1), stage)
    ),
    "you divided by the ranks and by 2": _wrong(share=lambda n, ranks: n / ranks / 2),
    "you gave bytes: a GB has 10**9": _wrong(unit=1),
    "you gave MB: a GB has 10**9 bytes": _wrong(unit=10**6),
    "you gave GiB, of 2**30 bytes: a GB has 10**9": _wrong(unit=2**30),
    "you gave gigabits: eight bits are a byte": _wrong(unit=GB / 8),
}
