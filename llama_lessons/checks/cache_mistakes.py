"""Wrong answers to the first two exercises of lesson 04, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.rope import rope_angles, rotate


def _cache(
    write: Callable = lambda length, n_new: length,  # (length, T) -> where the new tokens are written
    advance: Callable = lambda length, n_new: length + n_new,  # (length, T) -> length afterwards
    give: Callable = lambda memory, new, before, after: memory[:, :, :after],
    keep: Callable = lambda keys, values: (keys, values),  # what is written of what came
) -> Callable:
    """A cache that writes, counts and gives back in its own way."""

    def cached(room: int, chunks: list) -> list:
        shape = (*chunks[0][0].shape[:2], room + 3, chunks[0][0].shape[3])  # some room for those who write too far
        memories, length, given = (torch.zeros(shape), torch.zeros(shape)), 0, []
        for chunk in chunks:
            parts = keep(*chunk)
            start, after = write(length, parts[0].shape[2]), advance(length, parts[0].shape[2])
            for memory, part in zip(memories, parts, strict=True):
                memory[:, :, start : start + part.shape[2]] = part
            both = zip(memories, chunk, strict=True)
            given.append(tuple(give(memory[:, :, :room], new, length, after).clone() for memory, new in both))
            length = after
        return given

    return cached


def _changed(change: Callable) -> Callable:
    """A right cache, except for what it gives back: `change(keys, values, new)`, of all keys, all values, the chunk."""
    right = _cache()
    return lambda room, chunks: [change(*both, new) for both, new in zip(right(room, chunks), chunks, strict=True)]


def _newest_first(room: int, chunks: list) -> list:
    so_far = [chunks[k::-1] for k in range(len(chunks))]
    return [tuple(torch.cat(parts, 2) for parts in zip(*given, strict=True)) for given in so_far]


CACHE_MISTAKES = {
    "you wrote at the wrong place: every chunk at the start of the memory, over the tokens that were there": (
        _cache(write=lambda length, n_new: 0)
    ),
    "you gave back the new tokens only: has self.length advanced, and does what you give back begin at 0": (
        _cache(advance=lambda length, n_new: length, give=lambda memory, new, *_: memory[:, :, : new.shape[2]])
    ),
    "you advanced self.length too late: what you give back ends before the new tokens": (
        _cache(give=lambda memory, new, before, after: memory[:, :, :before])
    ),
    "you advanced self.length by 1: it grows by the number of new tokens, T": (
        _cache(advance=lambda length, n_new: length + 1)
    ),
    "you left a hole: the next chunk begins where the last one ended, not one further": (
        _cache(advance=lambda length, n_new: length + n_new + 1)
    ),
    "you wrote over the last token: start at self.length, not one before": (
        _cache(write=lambda length, n_new: max(length - 1, 0))
    ),
    "you never wrote the values: what you give back as values are the zeros of the beginning": (
        _changed(lambda keys, values, new: (keys, torch.zeros_like(values)))
    ),
    "you did not keep the values: you gave back those of the new tokens only": (
        _changed(lambda keys, values, new: (keys, new[1]))
    ),
    "you did not keep the keys: you gave back those of the new tokens only": (
        _changed(lambda keys, values, new: (new[0], values))
    ),
    "you gave back one tensor: give two, all keys and all values": _changed(lambda keys, values, new: (keys,)),
    "you gave back the whole memory, and with it room that holds no token yet": (
        _cache(give=lambda memory, *_: memory)
    ),
    "you wrote the keys into both memories": _cache(keep=lambda keys, values: (keys, keys)),
    "you exchanged keys and values": _changed(lambda keys, values, new: (values, keys)),
    "you kept one token of each chunk, the last: a chunk has T tokens": (
        _cache(keep=lambda keys, values: (keys[:, :, -1:], values[:, :, -1:]))
    ),
    "you put the new tokens before the old ones": _newest_first,
}


def _turn(rows: Tensor, start: int = 0) -> Tensor:
    """Rows turned to the positions start, start + 1, ...: (T, D) -> (T, D)."""
    angles = rope_angles(torch.arange(start, start + len(rows)), rows.shape[1])
    return rotate(rows[None, :, None], angles.cos(), angles.sin())[0, :, 0]


def _read(
    query: Callable = _turn,  # (rows, P) -> turned rows
    key: Callable = _turn,
    value: Callable = lambda rows, start: rows,
    shift: Callable = lambda n_past: n_past,  # of the mask's diagonal; None: no mask
    scaled: bool = True,
    dim: int = -1,  # that the softmax runs over
    only_new: bool = False,  # whether the past is not looked at
    join: Callable = lambda past, new: torch.cat((past, new)),
) -> Callable:
    """A reader of new tokens in its own way."""

    def read_on(q: Tensor, k: Tensor, v: Tensor, past_k: Tensor, past_v: Tensor) -> tuple[Tensor, ...]:
        n_past = 0 if only_new else len(past_k)
        new_k, new_v = key(k, len(past_k)), value(v, len(past_k))
        keys, values = join(past_k, new_k), join(past_v, new_v)
        seen_k, seen_v = (new_k, new_v) if only_new else (keys, values)
        scores = query(q, len(past_k)) @ seen_k.T / (q.shape[1] ** 0.5 if scaled else 1)
        if (diagonal := shift(n_past)) is not None:
            scores = scores.masked_fill(~torch.ones_like(scores).tril(diagonal).bool(), -torch.inf)
        return scores.softmax(dim) @ seen_v, keys, values

    return read_on


def _turn_all_again(q: Tensor, k: Tensor, v: Tensor, past_k: Tensor, past_v: Tensor) -> tuple[Tensor, ...]:
    again = _turn(past_k)
    return _read()(q, k, v, again, past_v)


def _given(which: Callable) -> Callable:
    """A right reader that gives back `which(out, keys, values, k, P)`."""
    return lambda q, k, v, past_k, past_v: which(*_read()(q, k, v, past_k, past_v), k, len(past_k))


READ_MISTAKES = {
    "your positions restart at 0: the first new token stands behind P old ones, at position P": (
        _read(query=lambda rows, start: _turn(rows), key=lambda rows, start: _turn(rows))
    ),
    "you turned the queries from position 0 on: they stand at the same positions as the new keys, from P on": (
        _read(query=lambda rows, start: _turn(rows))
    ),
    "you turned the new keys from position 0 on: they stand at the same positions as the queries, from P on": (
        _read(key=lambda rows, start: _turn(rows))
    ),
    "your positions are one too large: counted from 0, the first new token stands at P, not at P + 1": (
        _read(query=lambda rows, start: _turn(rows, start + 1), key=lambda rows, start: _turn(rows, start + 1))
    ),
    "you turned the old keys once more: they were turned when they came": _turn_all_again,
    "you turned nothing: queries and new keys are turned to their positions": (
        _read(query=lambda rows, start: rows, key=lambda rows, start: rows)
    ),
    "you did not turn the new keys": _read(key=lambda rows, start: rows),
    "you kept the new keys as they came: turn them before they are kept, the next call will not": (
        _given(lambda out, keys, values, k, n_past: (out, torch.cat((keys[:n_past], k)), values))
    ),
    "you did not turn the queries": _read(query=lambda rows, start: rows),
    "you turned the values, too: position belongs to queries and keys": _read(value=_turn),
    "your mask is aligned at the top left: the new tokens are the last ones, so say tril(P)": (
        _read(shift=lambda n_past: 0)
    ),
    "you used no mask: of several new tokens, the first must not see the second": _read(shift=lambda n_past: None),
    "your mask hides each token from itself: say tril(P)": _read(shift=lambda n_past: n_past - 1),
    "your mask lets each token see one ahead: say tril(P)": _read(shift=lambda n_past: n_past + 1),
    "you looked at the new tokens only: the old keys and values belong to it": _read(only_new=True),
    "you forgot to divide the scores by the root of D": _read(scaled=False),
    "your softmax runs over the queries: each row must sum to 1, dim=-1": _read(dim=0),
    "you put the new tokens before the old ones": _read(join=lambda past, new: torch.cat((new, past))),
    "you gave back the new keys and values only: give all, the next call will need them": (
        _given(lambda out, keys, values, k, n_past: (out, keys[n_past:], values[n_past:]))
    ),
}
