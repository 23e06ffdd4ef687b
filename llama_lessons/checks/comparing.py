"""Where two results differ: the one idea of "equal" that every check has."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any, NamedTuple

import torch
from torch import Tensor

RTOL, ATOL = 1e-4, 1e-5  # rounding is forgiven


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()  # stands where the other result has an item more


class Difference(NamedTuple):
    """The first place where two results differ.

    Args:
        path: how to get there, as Python would write it: "[1][0, 2]"; empty for the whole.
        fact: what is wrong with its type or shape, a sentence; empty where only its value is wrong.
        found: what is there.
        wanted: what should be there.
    """

    path: str
    fact: str
    found: Any
    wanted: Any


def same(found: Any, wanted: Any) -> bool:
    """Whether two results are equal: tensors in shape, type and, to 1e-4, in value; lists and tuples alike."""
    return difference(found, wanted) is None


def difference(found: Any, wanted: Any, path: str = "") -> Difference | None:
    """The first place where a result is not as wanted, or None where there is no such place.

    Args:
        found: tensors, numbers and texts, in lists, tuples and dicts.
        wanted: likewise; a list passes for a tuple, and a whole number for a float.
        path: of both in a larger result.
    """
    if found is NOTHING or wanted is NOTHING:
        return Difference(path, "", found, wanted)
    if not isinstance(found, _kinds(wanted)):
        verb = "is" if path else "returns"
        fact = f"{verb} {_a(type(found))} and should {'be' if path else 'return'} {_a(type(wanted))}"
        return Difference(path, _sentence(path, "It", fact), found, wanted)
    if isinstance(wanted, Tensor):
        return _difference_of_tensors(found, wanted, path)
    if isinstance(wanted, dict):
        keys = [*wanted, *(key for key in found if key not in wanted)]
        return _first(((repr(key), found.get(key, NOTHING), wanted.get(key, NOTHING)) for key in keys), path)
    if isinstance(wanted, (list, tuple)):
        return _first(((k, *two) for k, two in enumerate(zip_longest(found, wanted, fillvalue=NOTHING))), path)
    equal = _close(found, wanted) if isinstance(wanted, float) else _equal(found, wanted)
    return None if equal else Difference(path, "", found, wanted)


def _kinds(wanted: Any) -> type | tuple[type, ...]:
    if isinstance(wanted, (list, tuple)):
        return list, tuple
    return (int, float) if isinstance(wanted, float) else Tensor if isinstance(wanted, Tensor) else type(wanted)


def _close(found: float, wanted: float) -> bool:
    return math.isclose(found, wanted, rel_tol=RTOL, abs_tol=ATOL) or (math.isnan(found) and math.isnan(wanted))


def _first(parts: Iterable[tuple[object, Any, Any]], path: str) -> Difference | None:
    """The first difference among (place, found, wanted); a wrong type or shape before a wrong value."""
    differ = [other for place, found, wanted in parts if (other := difference(found, wanted, f"{path}[{place}]"))]
    return next((other for other in differ if other.fact), differ[0] if differ else None)


def _difference_of_tensors(found: Tensor, wanted: Tensor, path: str) -> Difference | None:
    for word, one, other in (
        ("shape", tuple(found.shape), tuple(wanted.shape)),
        ("type", found.dtype, wanted.dtype),
        ("device", found.device, wanted.device),
    ):
        if one != other:
            return Difference(path, _sentence(path, "Its", f"{word} is {one} and should be {other}"), found, wanted)
    far = ~torch.isclose(found, wanted, rtol=RTOL, atol=ATOL, equal_nan=True)
    if not far.any():
        return None
    index = tuple(far.nonzero()[0].tolist())
    path += f"[{', '.join(map(str, index))}]" if index else ""
    return Difference(path, "", found[index].item(), wanted[index].item())


def _sentence(path: str, subject: str, fact: str) -> str:
    return f"In part {path} of the result: {subject.lower()} {fact}." if path else f"{subject} {fact}."


def _a(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'aeiou' else 'a'} {kind.__name__}"


def _equal(found: Any, wanted: Any) -> bool:
    if type(wanted).__eq__ is object.__eq__:  # a generator, a match ...: equal to itself alone, so nothing is known
        return True
    if hasattr(wanted, "shape"):  # NumPy's arrays compare place by place
        return found.shape == wanted.shape and bool((found == wanted).all())
    return found == wanted
