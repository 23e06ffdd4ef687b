"""Wrong merges of lesson 08, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _merge(change: Callable) -> Callable:
    """A wrong merge: `change(weight, a, b, scale)` in float32, rounded to the weight's type at the end."""

    def wrong(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
        return change(weight.float(), a, b, alpha / a.shape[0]).type_as(weight)

    return wrong


def _scaled(scale: Callable) -> Callable:
    """A merge with another scale, `scale(alpha, rank, weight)`."""

    def wrong(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
        return (weight.float() + scale(alpha, a.shape[0], weight) * b @ a).type_as(weight)

    return wrong


_right = _merge(lambda w, a, b, s: w + s * b @ a)

MERGE_MISTAKES = {
    "you forgot the scale: the change is alpha / rank * b @ a": _scaled(lambda alpha, rank, weight: 1),
    "you scaled by alpha: scale by alpha / rank": _scaled(lambda alpha, rank, weight: alpha),
    "you scaled by 1 / rank: scale by alpha / rank": _scaled(lambda alpha, rank, weight: 1 / rank),
    "you scaled by rank / alpha: it is alpha / rank": _scaled(lambda alpha, rank, weight: rank / alpha),
    "you scaled by alpha * rank: divide by the rank": _scaled(lambda alpha, rank, weight: alpha * rank),
    "you scaled by alpha / sqrt(rank): LoRA divides by the rank": _scaled(
        lambda alpha, rank, weight: alpha / rank**0.5
    ),
    "you divided by the wrong side of a: its rank is a.shape[0], its number of rows": (
        _scaled(lambda alpha, rank, weight: alpha / weight.shape[1])
    ),
    "you divided by the wrong side of b: b.shape[0] is the number of outputs, the rank is b.shape[1]": (
        _scaled(lambda alpha, rank, weight: alpha / weight.shape[0])
    ),
    "you divided by all numbers of a: divide by the rank, a.shape[0]": (
        _scaled(lambda alpha, rank, weight: alpha / rank / weight.shape[1])
    ),
    **{
        f"you divided by {number}, a number of your own, whatever the rank is: divide by a.shape[0]": (
            _scaled(lambda alpha, rank, weight, number=number: alpha / number)
        )
        for number in (2, 8)
    },
    "you scaled by the square of alpha / rank: scale once": _scaled(lambda alpha, rank, weight: (alpha / rank) ** 2),
    "you divided with //, which gives a whole number: use /": _scaled(lambda alpha, rank, weight: alpha // rank),
    "you multiplied in the wrong order: b @ a, not a @ b": _merge(lambda w, a, b, s: w + s * a @ b),
    "you transposed the product: weight is (out, in), and so is b @ a": _merge(lambda w, a, b, s: w + s * (b @ a).T),
    "you merged twice: add the change once": _merge(lambda w, a, b, s: w + 2 * s * b @ a),
    "you subtracted the change: that is how one takes it out again": _merge(lambda w, a, b, s: w - s * b @ a),
    "you gave the change alone: add it to the weight": _merge(lambda w, a, b, s: s * b @ a),
    "you gave the weight without the change": _merge(lambda w, a, b, s: w),
    "you scaled the weight too: alpha / rank belongs to the change alone": _merge(lambda w, a, b, s: s * (w + b @ a)),
    "you scaled the weight and not the change: alpha / rank belongs to the change": (
        _merge(lambda w, a, b, s: s * w + b @ a)
    ),
    "you multiplied the weight by 1 + the change: add the change": _merge(lambda w, a, b, s: w * (1 + s * b @ a)),
    "you multiplied the weight by the change: add the change": _merge(lambda w, a, b, s: w * (s * b @ a)),
    "you took the mean of the weight and the change: add them": _merge(lambda w, a, b, s: (w + s * b @ a) / 2),
    "you used the first row of a and the first column of b only: the change is a sum over all rows, b @ a": (
        _merge(lambda w, a, b, s: w + s * torch.outer(b[:, 0], a[0]))
    ),
    "you used the last row of a and the last column of b only: the change is a sum over all rows, b @ a": (
        _merge(lambda w, a, b, s: w + s * torch.outer(b[:, -1], a[-1]))
    ),
    "you rounded the change to the weight's type before you added it: add in float32, round once": (
        lambda w, a, b, alpha: w + (alpha / a.shape[0] * b @ a).type_as(w)
    ),
    "you rounded the product b @ a to the weight's type before you scaled it: round once, at the end": (
        lambda w, a, b, alpha: (w.float() + alpha / a.shape[0] * (b @ a).type_as(w).float()).type_as(w)
    ),
    "you rounded a and b to the weight's type first: multiply and add in float32, round once": (
        lambda w, a, b, alpha: w + alpha / a.shape[0] * b.type_as(w) @ a.type_as(w)
    ),
    "you rounded a and b to the weight's type first, and scaled their product: compute in float32, round once": (
        lambda w, a, b, alpha: w + (b.type_as(w) @ a.type_as(w)) * (alpha / a.shape[0])
    ),
    "you rounded a and b to the weight's type first, and added in float32: multiply in float32, too": (
        lambda w, a, b, alpha: (w.float() + alpha / a.shape[0] * (b.type_as(w) @ a.type_as(w)).float()).type_as(w)
    ),
    "you gave float32: the answer has the type of the weight": lambda w, *others: _right(w, *others).float(),
    "you gave bfloat16, whatever the weight's type is": lambda w, *others: _right(w, *others).bfloat16(),
}
