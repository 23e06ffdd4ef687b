"""Wrong blocks of lesson 05, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def _attention_lost(
    x: Tensor, attention: Callable, attention_norm: Callable, feed_forward: Callable, feed_forward_norm: Callable
) -> Tensor:
    after = x + attention(attention_norm(x))
    return x + feed_forward(feed_forward_norm(after))


def _norm_kept(x: Tensor, attention: Callable, norm: Callable, feed_forward: Callable, other_norm: Callable) -> Tensor:
    """The stream itself is replaced by its normalised copy."""
    x = norm(x)
    x = x + attention(x)
    x = other_norm(x)
    return x + feed_forward(x)


def _steps(first: Callable, second: Callable) -> Callable:
    """A block of two steps, each a function of the stream, its sub-layer and its norm."""
    return lambda x, attention, norm, feed_forward, other_norm: second(
        first(x, attention, norm), feed_forward, other_norm
    )


def _right(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return x + part(norm(x))


def _alone(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return part(norm(x))


def _bare(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return x + part(x)


def _left_out(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return x


def _normed_after(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return norm(x + part(x))


def _normed_twice(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return norm(x + part(norm(x)))


def _normed_gift(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return x + norm(part(x))


def _copy_kept(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return _bare(norm(x), part, norm)


def _less(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return x - part(norm(x))


def _times(x: Tensor, part: Callable, norm: Callable) -> Tensor:
    return x * part(norm(x))


def _wired(wiring: Callable) -> Callable:
    """A block from its wiring: `wiring(x, a, f)`, where a and f are the two sub-layers, each behind its norm."""
    return lambda x, attention, norm, feed_forward, other_norm: wiring(
        x, lambda y: attention(norm(y)), lambda y: feed_forward(other_norm(y))
    )


def _parts(*places: int) -> Callable:
    """A right block made of other parts: places of attention, its norm, feed-forward, its norm among the four given."""
    return lambda x, *parts: _right(_right(x, parts[places[0]], parts[places[1]]), parts[places[2]], parts[places[3]])


def _at_the_end(which: int) -> Callable:
    return lambda x, *parts: parts[which](_parts(0, 1, 2, 3)(x, *parts))


BLOCK_MISTAKES = {
    "you normalised after adding: that is post-norm, as in 2017; a Llama normalises what a sub-layer reads": (
        _steps(_normed_after, _normed_after)
    ),
    "you normalised after adding what attention gave: normalise what it reads": _steps(_normed_after, _right),
    "you normalised after adding what the feed-forward layer gave: normalise what it reads": (
        _steps(_right, _normed_after)
    ),
    "you normalised twice, before each sub-layer and after each sum: only what a sub-layer reads is normalised": (
        _steps(_normed_twice, _normed_twice)
    ),
    "you normalised what the sub-layers gave: normalise what they read": _steps(_normed_gift, _normed_gift),
    "you normalised what attention gave: normalise what it reads": _steps(_normed_gift, _right),
    "you normalised what the feed-forward layer gave: normalise what it reads": _steps(_right, _normed_gift),
    "you forgot both residuals: add what a sub-layer gives to the stream": _steps(_alone, _alone),
    "you forgot the residual around attention: x + attention(...)": _steps(_alone, _right),
    "you forgot the residual around the feed-forward layer: x + feed_forward(...)": _steps(_right, _alone),
    "you made one residual around both: add what attention gives at once, and then what feed-forward gives": (
        _wired(lambda x, a, f: x + f(a(x)))
    ),
    "you forgot both norms: each sub-layer reads a normalised copy": _steps(_bare, _bare),
    "you forgot the norm before attention": _steps(_bare, _right),
    "you forgot the norm before the feed-forward layer": _steps(_right, _bare),
    "you let the feed-forward layer read the old x: it reads the stream after attention": (
        _wired(lambda x, a, f: x + a(x) + f(x))
    ),
    "you put the two side by side behind attention's norm, and so let feed-forward read the old x": (
        lambda x, attention, norm, feed_forward, other_norm: x + attention(norm(x)) + feed_forward(norm(x))
    ),
    "you let the feed-forward layer read only what attention gave: it reads the stream after attention": (
        _wired(lambda x, a, f: x + a(x) + f(a(x)))
    ),
    "you gave what the two wrote, without x: the stream itself goes on": _wired(lambda x, a, f: a(x) + f(x + a(x))),
    "you lost what attention wrote: the second sum must start from the stream after attention": _attention_lost,
    "you added x once more at the end: x is in the stream already": _wired(lambda x, a, f: x + x + a(x) + f(x + a(x))),
    "you added what attention gave twice: it is in the stream already": (
        _wired(lambda x, a, f: x + a(x) + a(x) + f(x + a(x)))
    ),
    "you added to the normalised copy: the stream itself goes on, the copy is only read": _norm_kept,
    "you added what attention gave to the normalised copy: the stream itself goes on, the copy is only read": (
        _steps(_copy_kept, _right)
    ),
    "you added what feed-forward gave to the normalised copy: the stream itself goes on, the copy is only read": (
        _steps(_right, _copy_kept)
    ),
    "you exchanged the two norms: each sub-layer has its own": _parts(0, 3, 2, 1),
    "you used attention's norm twice: the feed-forward layer has its own": _parts(0, 1, 2, 1),
    "you used feed-forward's norm twice: attention has its own": _parts(0, 3, 2, 3),
    "you put the feed-forward layer first: attention comes before it": _parts(2, 3, 0, 1),
    "you used attention twice: the second sub-layer is feed-forward": _parts(0, 1, 0, 3),
    "you used attention twice, and its norm: the second sub-layer is feed-forward, with a norm of its own": (
        _parts(0, 1, 0, 1)
    ),
    "you used feed-forward twice: the first sub-layer is attention": _parts(2, 1, 2, 3),
    "you used feed-forward twice, and its norm: the first sub-layer is attention, with a norm of its own": (
        _parts(2, 3, 2, 3)
    ),
    "you left out the feed-forward layer": _steps(_right, _left_out),
    "you left out attention": _steps(_left_out, _right),
    "you subtracted what the sub-layers gave: add it": _steps(_less, _less),
    "you subtracted what attention gave: add it": _steps(_less, _right),
    "you subtracted what feed-forward gave: add it": _steps(_right, _less),
    "you multiplied the stream by what the sub-layers gave: add it": _steps(_times, _times),
    "you halved the sums: the stream is a plain sum": (
        _steps(lambda x, part, norm: _right(x, part, norm) / 2, lambda x, part, norm: _right(x, part, norm) / 2)
    ),
    "you normalised once more at the end, by feed-forward's norm: the stream goes on as it is": _at_the_end(3),
    "you normalised once more at the end, by attention's norm: the stream goes on as it is": _at_the_end(1),
}
