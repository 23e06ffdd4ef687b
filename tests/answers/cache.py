"""Lesson 04, exercise 1: a cache of keys and values."""

from __future__ import annotations

import torch

from llama_lessons.checks.cache import check_cache
from tests.answers.bank import Bank

bank = Bank(check_cache)


class MyCache:
    """What the lesson gives its reader."""

    def __init__(self, batch_size, n_kv_heads, max_seq_len, head_dim):
        self.keys = torch.zeros(batch_size, n_kv_heads, max_seq_len, head_dim)
        self.values = torch.zeros(batch_size, n_kv_heads, max_seq_len, head_dim)
        self.length = 0

    def filled(self):
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


@bank.right
class InOneTensor:
    def __init__(self, batch_size, n_kv_heads, max_seq_len, head_dim):
        self.both = torch.zeros(2, batch_size, n_kv_heads, max_seq_len, head_dim)
        self.length = 0

    def extend(self, keys, values):
        start, self.length = self.length, self.length + keys.size(-2)
        self.both[..., start : self.length, :] = torch.stack((keys, values))
        return tuple(self.both[..., : self.length, :])


@bank.right
class TokenByToken(MyCache):
    def extend(self, keys, values):
        for key, value in zip(keys.unbind(2), values.unbind(2), strict=True):
            self.keys.select(2, self.length).copy_(key)
            self.values.select(2, self.length).copy_(value)
            self.length += 1
        return [self.keys.narrow(2, 0, self.length), self.values.narrow(2, 0, self.length)]


@bank.right
class WithoutALength:
    """Counts in another way than the stub does."""

    def __init__(self, batch_size, n_kv_heads, max_seq_len, head_dim):
        self.memory = [torch.zeros(batch_size, n_kv_heads, max_seq_len, head_dim) for _ in range(2)]
        self.filled = torch.zeros(max_seq_len, dtype=torch.bool)

    def extend(self, *chunk):
        start = int(self.filled.sum())
        end = start + chunk[0].shape[2]
        self.filled[start:end] = True
        for memory, part in zip(self.memory, chunk, strict=True):
            memory[:, :, start:end] = part
        return tuple(memory[:, :, :end] for memory in self.memory)


@bank.wrong("wrong place: every chunk at the start")
class AlwaysAtTheStart(MyCache):
    def extend(self, keys, values):
        self.keys[:, :, : keys.shape[2]] = keys
        self.values[:, :, : keys.shape[2]] = values
        self.length += keys.shape[2]
        return self.filled()


class Writes(MyCache):
    """Writes at the right place, and leaves the rest to others."""

    def write(self, keys, values):
        end = self.length + keys.shape[2]
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        return end


@bank.wrong("you gave back the new tokens only: has self.length advanced")
class NeverAdvances(Writes):
    def extend(self, keys, values):
        end = self.write(keys, values)
        return self.keys[:, :, :end], self.values[:, :, :end]


@bank.wrong("you advanced self.length by 1: it grows by")
class AdvancesByOne(Writes):
    def extend(self, keys, values):
        self.write(keys, values)
        self.length += 1
        return self.filled()


@bank.wrong("you set self.length to T: it grows by T")
class RestartsAtT(Writes):
    def extend(self, keys, values):
        self.write(keys, values)
        self.length = keys.shape[2]
        return self.filled()


@bank.wrong("you advanced self.length before you wrote")
class AdvancesTooEarly(Writes):
    def extend(self, keys, values):
        self.length += keys.shape[2]
        self.write(keys, values)
        return self.filled()


@bank.wrong("ends before the new tokens")
class GivesTooLittle(Writes):
    def extend(self, keys, values):
        end = self.write(keys, values)
        before = self.filled()
        self.length = end
        return before


@bank.wrong("the whole memory")
class GivesAll(Writes):
    def extend(self, keys, values):
        self.length = self.write(keys, values)
        return self.keys, self.values


@bank.wrong("you gave back a copy")
class Joins(MyCache):
    def extend(self, keys, values):
        old_keys, old_values = self.filled()
        self.keys, self.values = torch.cat((old_keys, keys), 2), torch.cat((old_values, values), 2)
        self.length = self.keys.shape[2]
        return self.keys, self.values


@bank.wrong("you gave back a copy")
class GivesAClone(Writes):
    def extend(self, keys, values):
        self.length = self.write(keys, values)
        return tuple(part.clone() for part in self.filled())


@bank.wrong("your self.length stays 0")
class CountsElsewhere(MyCache):
    def extend(self, keys, values):
        self.n_tokens = getattr(self, "n_tokens", 0)
        end = self.n_tokens + keys.shape[2]
        self.keys[:, :, self.n_tokens : end], self.values[:, :, self.n_tokens : end] = keys, values
        self.n_tokens = end
        return self.keys[:, :, :end], self.values[:, :, :end]


@bank.wrong("never wrote the values")
class ForgetsTheValues(MyCache):
    def extend(self, keys, values):
        end = self.length + keys.shape[2]
        self.keys[:, :, self.length : end] = keys
        self.length = end
        return self.filled()


@bank.wrong("you did not keep the values")
class GivesTheNewValues(Writes):
    def extend(self, keys, values):
        self.length = self.write(keys, values)
        return self.filled()[0], values


@bank.wrong("you gave back one tensor")
class GivesKeysOnly(Writes):
    def extend(self, keys, values):
        self.length = self.write(keys, values)
        return self.keys[:, :, : self.length]


@bank.wrong("you gave back the cache itself")
class GivesItself(Writes):
    def extend(self, keys, values):
        self.length = self.write(keys, values)
        return self


@bank.wrong("returned None. Is a `return` missing")
class ReturnsNothing(Writes):
    def extend(self, keys, values):
        self.length = self.write(keys, values)


@bank.wrong("something is left over from an earlier call")
class OneLengthForAll(MyCache):
    taken = 0

    def extend(self, keys, values):
        start = OneLengthForAll.taken
        OneLengthForAll.taken += keys.shape[2]
        self.keys[:, :, start : start + keys.shape[2]] = keys
        self.values[:, :, start : start + keys.shape[2]] = values
        return self.keys[:, :, : OneLengthForAll.taken], self.values[:, :, : OneLengthForAll.taken]


@bank.wrong()
class TurnsTheTokensOfAChunkRound(Writes):
    def extend(self, keys, values):
        self.length = self.write(keys.flip(2), values.flip(2))
        return self.filled()
