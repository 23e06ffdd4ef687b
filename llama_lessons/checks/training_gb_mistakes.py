"""Wrong sums of the memory that training keeps, lesson 08, each under the words that a reader is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

GB, GIB = 10**9, 2**30


def _kept(each: Callable, unit: float = GB) -> Callable:
    """A wrong sum: `each(n_frozen, n_trained, bytes_frozen)` bytes, in units."""
    return lambda n_frozen, n_trained, bytes_frozen: each(n_frozen, n_trained, bytes_frozen) / unit


def _trained_at(n_bytes: int) -> Callable:
    """A sum with so many bytes for each trained number."""
    return _kept(lambda f, t, size: size * f + n_bytes * t)


def _right(f: int, t: int, size: float) -> float:
    return size * f + 16 * t


BYTES_MISTAKES = {
    "you forgot the frozen numbers: they lie in memory too": _kept(lambda f, t, size: 16 * t),
    "you forgot the trained numbers and all they need": _kept(lambda f, t, size: size * f),
    "you counted 12 bytes for each trained number: it has 4 of its own, 4 of gradient, and 4 of each of AdamW's two "
    "means": _trained_at(12),
    "you forgot AdamW's means: two for each trained number": _trained_at(8),
    "you counted the numbers alone: a trained one has a gradient and two means as well": _trained_at(4),
    "you counted 18 bytes for each trained number, with a copy in 16 bits: all is in float32, 4 bytes, and kept once": (
        _trained_at(18)
    ),
    "you counted 20 bytes for each trained number: it has 4 of its own, 4 of gradient, and 8 of AdamW's means": (
        _trained_at(20)
    ),
    "you counted 8 bytes for each of the four parts of a trained number: float32 has 4": _trained_at(32),
    "you counted numbers, not bytes: frozen ones have bytes_frozen, the four parts of a trained one 4 each": (
        _kept(lambda f, t, size: f + 4 * t)
    ),
    "you gave frozen numbers a gradient: nothing asks for it": _kept(lambda f, t, size: (size + 4) * f + 16 * t),
    "you gave frozen numbers a gradient in their own type: nothing asks for it": (
        _kept(lambda f, t, size: 2 * size * f + 16 * t)
    ),
    "you gave frozen numbers AdamW's means: the optimizer never sees them": (
        _kept(lambda f, t, size: (size + 8) * f + 16 * t)
    ),
    "you gave frozen numbers AdamW's means in their own type: the optimizer never sees them": (
        _kept(lambda f, t, size: 3 * size * f + 16 * t)
    ),
    "you gave frozen numbers a gradient and AdamW's means, in their own type, as if they were trained": (
        _kept(lambda f, t, size: 4 * size * f + 16 * t)
    ),
    "you gave frozen numbers a gradient and AdamW's means, in float32, as if they were trained": (
        _kept(lambda f, t, size: (size + 12) * f + 16 * t)
    ),
    "you counted the frozen numbers as if they were trained": _kept(lambda f, t, size: 16 * (f + t)),
    "you counted 4 bytes for each frozen number: they take bytes_frozen": _kept(lambda f, t, size: 4 * f + 16 * t),
    "you counted 2 bytes for each frozen number: they take bytes_frozen": _kept(lambda f, t, size: 2 * f + 16 * t),
    "you counted frozen numbers, not bytes: multiply them by bytes_frozen": _kept(lambda f, t, size: f + 16 * t),
    "you made bytes_frozen a whole number: half a byte, 0.5, is possible": (
        _kept(lambda f, t, size: int(size) * f + 16 * t)
    ),
    "you divided the frozen numbers by bytes_frozen: multiply": _kept(lambda f, t, size: f / size + 16 * t),
    "you divided bytes_frozen by 8: it is in bytes, not bits": _kept(lambda f, t, size: size / 8 * f + 16 * t),
    "you multiplied the frozen numbers' bytes by 8: bytes_frozen is in bytes, not bits": (
        _kept(lambda f, t, size: 8 * size * f + 16 * t)
    ),
    "you counted trained numbers at bytes_frozen: they and all they need are in float32, 4 bytes": (
        _kept(lambda f, t, size: size * (f + 4 * t))
    ),
    "you counted the trained numbers themselves at bytes_frozen: they are in float32, 4 bytes": (
        _kept(lambda f, t, size: size * (f + t) + 12 * t)
    ),
    "you counted the trained numbers and their gradients at bytes_frozen: they are in float32, 4 bytes": (
        _kept(lambda f, t, size: size * (f + 2 * t) + 8 * t)
    ),
    "you counted the trained numbers twice, also with the frozen: they are not among n_frozen": (
        _kept(lambda f, t, size: size * (f + t) + 16 * t)
    ),
    "you took the trained numbers out of the frozen: they are not among n_frozen": (
        _kept(lambda f, t, size: size * (f - t) + 16 * t)
    ),
    "you swapped the two: frozen numbers take bytes_frozen, trained ones 16 bytes": (
        _kept(lambda f, t, size: 16 * f + size * t)
    ),
    "you took the larger of the two: add both, they lie in memory side by side": (
        _kept(lambda f, t, size: max(size * f, 16 * t))
    ),
    "you gave bytes: divide by 10**9": _kept(_right, unit=1),
    "you gave kB: divide by 10**9": _kept(_right, unit=10**3),
    "you gave MB: divide by 10**9": _kept(_right, unit=10**6),
    "you gave GiB: a GB is 10**9 bytes": _kept(_right, unit=GIB),
    "you gave GiB for the trained numbers: a GB is 10**9 bytes": _kept(lambda f, t, size: size * f + 16 * t * GB / GIB),
    "you gave GiB for the frozen numbers: a GB is 10**9 bytes": _kept(lambda f, t, size: size * f * GB / GIB + 16 * t),
    "you divided only the trained numbers' bytes by 10**9: divide the whole sum": (
        lambda f, t, size: size * f + 16 * t / GB
    ),
    "you counted bits: bytes_frozen is in bytes": _kept(lambda f, t, size: 8 * _right(f, t, size)),
}
