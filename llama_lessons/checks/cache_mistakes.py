"""Wrong caches of lesson 04, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class Cache:
    """A right answer, part by part, for the wrong ones to change one part of.

    Args:
        batch_size: texts (B).
        n_kv_heads: key-value heads (Hkv).
        max_seq_len: tokens that there is room for.
        head_dim: channels of a head (D).
    """

    def __init__(self, batch_size: int, n_kv_heads: int, max_seq_len: int, head_dim: int) -> None:
        self.keys, self.values = torch.zeros(2, batch_size, n_kv_heads, max_seq_len, head_dim)
        self.length = 0

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, ...]:
        """Keys and values of T new tokens, (B, Hkv, T, D), behind what is in; gives back all, (B, Hkv, S, D)."""
        kept = self.keep(keys, values)
        n_new, start, before = kept[0].shape[2], self.start(keys.shape[2]), self.length
        for memory, part in zip((self.keys, self.values), kept, strict=True):
            self.write(memory[:, :, start : start + n_new], part)
        after = before + keys.shape[2]
        self.length = self.advance(n_new)
        return self.give(*(memory[:, :, self.part(before, after)] for memory in (self.keys, self.values)), keys, values)

    def keep(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """What is written of the chunk, (B, Hkv, T, D) each."""
        return keys, values

    def start(self, n_new: int) -> int:
        """Where it is written."""
        return self.length

    def write(self, place: Tensor, part: Tensor) -> None:
        """How it is written, (B, Hkv, T, D) both."""
        place[:] = part

    def advance(self, n_new: int) -> int:
        """What self.length is afterwards."""
        return self.length + n_new

    def part(self, before: int, after: int) -> slice:
        """Which part of the memory is given back."""
        return slice(0, after)

    def give(self, all_keys: Tensor, all_values: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, ...]:
        """What is given back, made of all and of the chunk, (B, Hkv, S, D) and (B, Hkv, T, D)."""
        return all_keys, all_values


def _cache(**parts: Callable) -> type[Cache]:
    return type("Wrong", (Cache,), parts)


def _up_to_length(self: Cache, before: int, after: int) -> slice:
    return slice(0, self.length)


def _joins(self: Cache, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """`cat` behind the whole room, and then the first so many."""
    self.keys, self.values = torch.cat((self.keys, keys), 2), torch.cat((self.values, values), 2)
    self.length += keys.shape[2]
    return self.keys[:, :, : self.length], self.values[:, :, : self.length]


def _replaces(self: Cache, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    self.keys, self.values = keys, values
    self.length += keys.shape[2]
    return self.keys[:, :, : self.length], self.values[:, :, : self.length]


def _newest_first(self: Cache, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    n_new, n_old = keys.shape[2], self.length
    for memory, part in ((self.keys, keys), (self.values, values)):
        memory[:, :, n_new : n_new + n_old] = memory[:, :, :n_old].clone()
        memory[:, :, :n_new] = part
    self.length += n_new
    return self.keys[:, :, : self.length], self.values[:, :, : self.length]


def _values_at_the_start(self: Cache, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    end = self.length + keys.shape[2]
    self.keys[:, :, self.length : end], self.values[:, :, : keys.shape[2]] = keys, values
    self.length = end
    return self.keys[:, :, :end], self.values[:, :, :end]


def _from_the_end(self: Cache, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    for memory, part in ((self.keys, keys), (self.values, values)):
        memory[:, :, -keys.shape[2] :] = part
    self.length += keys.shape[2]
    return self.keys[:, :, -self.length :], self.values[:, :, -self.length :]


CACHE_MISTAKES = {
    "you wrote at the wrong place: every chunk at the start of the memory, over the tokens that were there": (
        _cache(start=lambda self, n_new: 0)
    ),
    "you gave back the new tokens only: has self.length advanced, and does what you give back begin at 0": (
        _cache(advance=lambda self, n_new: self.length)
    ),
    "you gave back the new tokens only: what you give back begins at 0 and holds the old ones, too": (
        _cache(part=lambda self, before, after: slice(before, after))
    ),
    "you replaced the memory by the new tokens only: write them into it, behind those that are in": (
        _cache(extend=_replaces)
    ),
    "your self.length stays 0, though you count the tokens elsewhere: it says how many are in": _cache(
        start=lambda self, n_new: getattr(self, "count", 0),
        advance=lambda self, n_new: setattr(self, "count", getattr(self, "count", 0) + n_new) or 0,
        part=lambda self, before, after: slice(0, self.count),
    ),
    "you advanced self.length too late: what you give back ends before the new tokens": (
        _cache(part=lambda self, before, after: slice(0, before))
    ),
    "you advanced self.length before you wrote: the chunk lies T places too far, and a hole before it": (
        _cache(start=lambda self, n_new: self.length + n_new)
    ),
    "you advanced self.length by 1: it grows by the number of new tokens, T": (
        _cache(advance=lambda self, n_new: self.length + 1, part=_up_to_length)
    ),
    "you advanced self.length by 1, and the next chunk is written over this one: it grows by the number of new "
    "tokens, T": _cache(advance=lambda self, n_new: self.length + 1),
    "you set self.length to T: it grows by T": _cache(advance=lambda self, n_new: n_new, part=_up_to_length),
    "you set self.length to T, and the next chunk is written over old tokens: it grows by T": (
        _cache(advance=lambda self, n_new: n_new)
    ),
    "you left a hole: the next chunk begins where the last one ended, not one further": (
        _cache(advance=lambda self, n_new: self.length + n_new + 1)
    ),
    "you left a hole and gave it back, too: self.length grows by T, not by one more": (
        _cache(advance=lambda self, n_new: self.length + n_new + 1, part=_up_to_length)
    ),
    "you wrote one place too far: start at self.length, not one behind it": (
        _cache(start=lambda self, n_new: self.length + 1)
    ),
    "you wrote over the last token: start at self.length, not one before": (
        _cache(start=lambda self, n_new: max(self.length - 1, 0))
    ),
    "you gave back one token too few: the last new one belongs to it": (
        _cache(part=lambda self, before, after: slice(0, after - 1))
    ),
    "you wrote the tokens at the end of the memory: they belong behind those that are in, from the start on": (
        _cache(extend=_from_the_end)
    ),
    "you joined the new tokens behind the whole memory, with its empty room: write them into it": _cache(extend=_joins),
    "you never wrote the values: what you give back as values are the zeros of the beginning": (
        _cache(keep=lambda self, keys, values: (keys, torch.zeros_like(values)))
    ),
    "you never wrote the keys: what you give back as keys are the zeros of the beginning": (
        _cache(keep=lambda self, keys, values: (torch.zeros_like(keys), values))
    ),
    "you wrote the values at the wrong place, every chunk at the start; the keys are right": (
        _cache(extend=_values_at_the_start)
    ),
    "you did not keep the values: you gave back those of the new tokens only": (
        _cache(give=lambda self, all_keys, all_values, keys, values: (all_keys, values))
    ),
    "you did not keep the keys: you gave back those of the new tokens only": (
        _cache(give=lambda self, all_keys, all_values, keys, values: (keys, all_values))
    ),
    "you gave back one tensor: give two, all keys and all values": (
        _cache(give=lambda self, all_keys, all_values, keys, values: all_keys)
    ),
    "you gave back the cache itself: give two tensors, all keys and all values": (
        _cache(give=lambda self, *parts: self)
    ),
    "you gave back the whole memory, and with it room that holds no token yet": (
        _cache(part=lambda self, before, after: slice(None))
    ),
    "you gave back a copy: `clone` and `cat` move all old tokens at every call; give a view of the memory, a slice": (
        _cache(give=lambda self, all_keys, all_values, keys, values: (all_keys.clone(), all_values.clone()))
    ),
    "you wrote the keys into both memories": _cache(keep=lambda self, keys, values: (keys, keys)),
    "you exchanged keys and values": _cache(keep=lambda self, keys, values: (values, keys)),
    "you kept the first head only: every head has keys and values of its own": (
        _cache(write=lambda self, place, part: place[:, :1].copy_(part[:, :1]))
    ),
    "you wrote the first head's into all heads: every head has keys and values of its own": (
        _cache(write=lambda self, place, part: place.copy_(part[:, :1].expand_as(part)))
    ),
    "you kept one token of each chunk, the last: a chunk has T tokens": (
        _cache(keep=lambda self, keys, values: (keys[:, :, -1:], values[:, :, -1:]), part=_up_to_length)
    ),
    "you put the new tokens before the old ones": _cache(extend=_newest_first),
}
