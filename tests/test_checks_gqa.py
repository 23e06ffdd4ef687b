"""The checks of lesson 04 accept right answers, and name the mistake of wrong ones, however those are written."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from llama_lessons.attention import KVCache, causal_attention
from llama_lessons.checks import cache as cache_checks
from llama_lessons.checks import gqa as checks
from llama_lessons.checks.cache_mistakes import CACHE_MISTAKES, READ_MISTAKES
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.checks.gqa_mistakes import DECODE_MISTAKES, POOL_MISTAKES
from llama_lessons.config import LlamaConfig
from llama_lessons.rope import rope_angles, rotate

BANK = {
    cache_checks.check_cache: (CACHE_MISTAKES, cache_checks.CACHE_EXAMPLES),
    cache_checks.check_read_on: (READ_MISTAKES, cache_checks.READ_EXAMPLES),
    checks.check_decode: (DECODE_MISTAKES, checks.DECODE_EXAMPLES),
    checks.check_pool: (POOL_MISTAKES, checks.POOL_EXAMPLES),
}
CASES = [(check, advice) for check, (mistakes, _) in BANK.items() for advice in mistakes]


@pytest.mark.parametrize(("check", "advice"), CASES, ids=[advice.split(":")[0] for _, advice in CASES])
def test_every_mistake_of_the_bank_is_rejected_and_named(check, advice):
    with pytest.raises(WrongAnswer, match=r"\s+".join(map(re.escape, advice.split()))):
        check(BANK[check][0][advice])


@pytest.mark.parametrize(("mistakes", "examples"), BANK.values(), ids=["cache", "read_on", "decode", "pool"])
def test_no_two_mistakes_are_the_same_on_the_examples(mistakes, examples):
    results = [str([mistake(*example) for example in examples]) for mistake in mistakes.values()]
    assert len(set(results)) == len(results)


# The same mistakes once more, written as a reader would write them: the bank must know them by what they do.


class MyCache:
    """What the lesson gives its reader, with a right `extend`."""

    def __init__(self, batch_size, n_kv_heads, max_seq_len, head_dim):
        self.keys = torch.zeros(batch_size, n_kv_heads, max_seq_len, head_dim)
        self.values = torch.zeros(batch_size, n_kv_heads, max_seq_len, head_dim)
        self.length = 0

    def extend(self, keys, values):
        end = self.length + keys.shape[2]
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class AlwaysAtTheStart(MyCache):
    def extend(self, keys, values):
        self.keys[:, :, : keys.shape[2]] = keys
        self.values[:, :, : keys.shape[2]] = values
        self.length += keys.shape[2]
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


class NeverAdvances(MyCache):
    def extend(self, keys, values):
        end = self.length + keys.shape[2]
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        return self.keys[:, :, :end], self.values[:, :, :end]


class AdvancesByOne(MyCache):
    def extend(self, keys, values):
        end = self.length + keys.shape[2]
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        self.length += 1
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


class ForgetsTheValues(MyCache):
    def extend(self, keys, values):
        end = self.length + keys.shape[2]
        self.keys[:, :, self.length : end] = keys
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class GivesTheNewValues(MyCache):
    def extend(self, keys, values):
        all_keys, _ = super().extend(keys, values)
        return all_keys, values


class GivesAll(MyCache):
    def extend(self, keys, values):
        super().extend(keys, values)
        return self.keys, self.values


class GivesTooLittle(MyCache):
    def extend(self, keys, values):
        before = self.length
        super().extend(keys, values)
        return self.keys[:, :, :before], self.values[:, :, :before]


class GivesKeysOnly(MyCache):
    def extend(self, keys, values):
        return super().extend(keys, values)[0]


class ReturnsNothing(MyCache):
    def extend(self, keys, values):
        super().extend(keys, values)


def turned(rows, start):
    angles = rope_angles(torch.arange(len(rows)) + start, rows.shape[1])
    return rotate(rows[None, :, None], angles.cos(), angles.sin())[0, :, 0]


def reads_on(q, k, v, past_k, past_v, start=None, mask_at=None, again=False, only_new=False):
    """The lesson's solution, with a reader's usual mistakes to choose from."""
    n_past = len(past_k)
    start = n_past if start is None else start
    keys = torch.cat([past_k, k if again else turned(k, start)])
    keys = turned(keys, 0) if again else keys
    values = torch.cat([past_v, v])
    seen = (keys[n_past:], values[n_past:]) if only_new else (keys, values)
    place = torch.arange(len(seen[0])) <= torch.arange(len(q))[:, None] + (0 if only_new else n_past)
    if mask_at is not None:
        place = torch.ones(len(q), len(seen[0])).tril(mask_at).bool()
    scores = turned(q, start) @ seen[0].T / q.shape[1] ** 0.5
    return torch.where(place, scores, -torch.inf).softmax(-1) @ seen[1], keys, values


def turns_nothing(q, k, v, past_k, past_v):
    keys, values = torch.cat([past_k, k]), torch.cat([past_v, v])
    place = torch.arange(len(keys)) <= torch.arange(len(q))[:, None] + len(past_k)
    scores = torch.where(place, q @ keys.T / q.shape[1] ** 0.5, -torch.inf)
    return scores.softmax(-1) @ values, keys, values


def decodes(q, k, v, keys_of=None):
    k, v = (keys_of(part, q.shape[1]) for part in (k, v))
    return scaled_dot_product_attention(q[:, :, None], k, v)[:, :, 0]


def pools_by_index(weight, n_kv_heads, head_dim, group_of):
    heads = weight.reshape(-1, head_dim, weight.shape[1])
    groups = [[k for k in range(len(heads)) if group_of(k, len(heads), n_kv_heads) == g] for g in range(n_kv_heads)]
    return torch.cat([heads[group].mean(0) for group in groups])


HANDWRITTEN = [
    (cache_checks.check_cache, AlwaysAtTheStart, "wrong place"),
    (cache_checks.check_cache, NeverAdvances, "has self.length advanced"),
    (cache_checks.check_cache, AdvancesByOne, "self.length by 1"),
    (cache_checks.check_cache, ForgetsTheValues, "never wrote the values"),
    (cache_checks.check_cache, GivesTheNewValues, "did not keep the values"),
    (cache_checks.check_cache, GivesAll, "the whole memory"),
    (cache_checks.check_cache, GivesTooLittle, "too late"),
    (cache_checks.check_cache, GivesKeysOnly, "gave back one tensor"),
    (cache_checks.check_cache, ReturnsNothing, "returned None. Is a `return` missing"),
    (cache_checks.check_read_on, lambda *a: reads_on(*a, start=0), "positions restart at 0"),
    (cache_checks.check_read_on, turns_nothing, "turned nothing"),
    (cache_checks.check_read_on, lambda *a: reads_on(*a, mask_at=0), "aligned at the top left"),
    (cache_checks.check_read_on, lambda *a: reads_on(*a, mask_at=99), "used no mask"),
    (cache_checks.check_read_on, lambda *a: reads_on(*a, again=True), "turned the old keys once more"),
    (cache_checks.check_read_on, lambda *a: reads_on(*a, only_new=True), "the new tokens only"),
    (checks.check_decode, lambda q, k, v: decodes(q, k, v, lambda x, n: x.repeat(1, n // x.shape[1], 1, 1)), "repeat"),
    (checks.check_decode, lambda q, k, v: decodes(q, k, v, lambda x, n: x[:, [0] * n]), "the first key-value head"),
    (checks.check_pool, lambda w, n, d: pools_by_index(w, n, d, lambda k, h, g: k % g), "every second, third"),
    (
        checks.check_pool,
        lambda w, n, d: w.reshape(n, -1, d, w.shape[1]).sum(1).reshape(n * d, -1),
        "added the heads up",
    ),
]


@pytest.mark.parametrize(("check", "answer", "name"), HANDWRITTEN, ids=[row[2] for row in HANDWRITTEN])
def test_a_mistake_is_named_however_it_is_written(check, answer, name):
    with pytest.raises(WrongAnswer, match=name):
        check(answer)


def by_pytorch(q, k, v):
    return scaled_dot_product_attention(q[:, :, None], k, v, enable_gqa=True)[:, :, 0]


def test_right_answers_are_accepted(capsys):
    cache_checks.check_cache(MyCache)
    cache_checks.check_read_on(reads_on)
    checks.check_decode(by_pytorch)
    checks.check_decode(lambda q, k, v: causal_attention(q[:, :, None], k, v)[:, :, 0])
    checks.check_pool(lambda w, n, d: pools_by_index(w, n, d, lambda k, h, g: k * g // h))
    assert capsys.readouterr().out.count("right, on all") == 5


def test_a_class_whose_extend_is_a_stub_is_not_started(capsys):
    class Stub(MyCache):
        def extend(self, keys, values):
            raise NotImplementedError("your turn")

    cache_checks.check_cache(Stub)
    assert capsys.readouterr().out == "Stub: not started\n"


def test_a_class_whose_extend_is_empty_is_not_started(capsys):
    class Empty(MyCache):
        def extend(self, keys, values): ...

    cache_checks.check_cache(Empty)
    assert capsys.readouterr().out == "Empty: not started\n"


def test_an_error_inside_extend_is_shown_with_its_line():
    class Broken(MyCache):
        def extend(self, keys, values):
            return self.keyz, values

    with pytest.raises(WrongAnswer, match=r"AttributeError[\s\S]*return self.keyz, values"):
        cache_checks.check_cache(Broken)


def test_an_extend_that_writes_to_what_it_was_given_is_refused():
    class Scribbles(MyCache):
        def extend(self, keys, values):
            given = super().extend(keys, values)
            keys.zero_()
            return given

    with pytest.raises(WrongAnswer, match="changed the arguments"):
        cache_checks.check_cache(Scribbles)


def test_the_reference_cache_gives_what_the_packages_does():
    config = LlamaConfig(dim=24, n_layers=1, n_heads=6, n_kv_heads=3, vocab_size=5, hidden_dim=7, max_seq_len=9)
    chunks = [tuple(torch.randn(2, 3, n_tokens, 4) for _ in range(2)) for n_tokens in (4, 1, 3)]
    cache = KVCache(config, batch_size=2)
    for chunk, wanted in zip(chunks, cache_checks.cached(9, chunks), strict=True):
        torch.testing.assert_close(cache.extend(0, *chunk), wanted)
        cache.length += chunk[0].shape[2]


def test_the_reference_reads_on_as_the_package_does():
    q, k, v = torch.randn(3, 7, 6).unbind()
    whole = causal_attention(*(part[None, None] for part in (turned(q, 0), turned(k, 0), v)))[0, 0]
    out, keys, values = cache_checks.read_on(q[4:], k[4:], v[4:], turned(k, 0)[:4], v[:4])
    torch.testing.assert_close(out, whole[4:])
    torch.testing.assert_close((keys, values), (turned(k, 0), v))


def test_the_reference_shares_heads_as_pytorch_does():
    for example in checks.DECODE_EXAMPLES:
        torch.testing.assert_close(checks.decode(*example), by_pytorch(*example))


def test_pooling_heads_that_are_equal_within_a_group_gives_them_back():
    heads = torch.randn(3, 4, 5)
    torch.testing.assert_close(checks.pool(heads.repeat_interleave(2, 0).flatten(0, 1), 3, 4), heads.flatten(0, 1))
