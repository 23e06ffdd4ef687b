"""The checks of lesson 00 accept right answers, and name the mistake of wrong ones, however those are written."""

from __future__ import annotations

import math
import re

import pytest

from llama_lessons.arithmetic import kv_cache_bytes, weights_bytes
from llama_lessons.checks import memory as checks
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.checks.memory_mistakes import BATCH_MISTAKES, CACHE_MISTAKES, LEFT_MISTAKES
from llama_lessons.config import LlamaConfig
from tests.banks import said, twins

BANK = {
    checks.check_cache_gib: CACHE_MISTAKES,
    checks.check_gb_left: LEFT_MISTAKES,
    checks.check_largest_batch: BATCH_MISTAKES,
}
EXAMPLES = {
    checks.check_cache_gib: checks.CACHE_EXAMPLES,
    checks.check_gb_left: checks.LEFT_EXAMPLES,
    checks.check_largest_batch: checks.BATCH_EXAMPLES,
}
CASES = [(check, advice) for check, mistakes in BANK.items() for advice in mistakes]


@pytest.mark.parametrize(("check", "advice"), CASES, ids=[advice.split(":")[0] for _, advice in CASES])
def test_every_mistake_of_the_bank_is_rejected_and_named(check, advice):
    with pytest.raises(WrongAnswer) as caught:
        check(BANK[check][advice])
    assert f"It looks as if {advice}. For example:" in said(caught)


@pytest.mark.parametrize("check", BANK, ids=lambda check: check.__name__)
def test_no_two_mistakes_are_the_same_on_the_examples(check):
    assert twins(BANK[check], EXAMPLES[check]) == []


# The same mistakes once more, written as a reader would write them: the bank must know them by what they do.


def takes_query_heads(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    dim = n_heads * head_dim
    return 2 * n_layers * dim * n_tokens * bytes_per_number / 1024**3


def forgets_values(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return sum(n_kv_heads * head_dim for _ in range(n_layers)) * n_tokens * bytes_per_number / 2**30


def gives_gb(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return n_tokens * n_layers * 2 * n_kv_heads * head_dim * bytes_per_number / 1e9


def gives_bytes(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return n_layers * n_kv_heads * head_dim * n_tokens * bytes_per_number * 2


def forgets_bytes_and_counts_numbers(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return n_layers * n_kv_heads * head_dim * n_tokens * 2 / 2**30


def forgets_the_cache(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return card_gb - n_params * bytes_per_number / 1e9


def always_float32(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return card_gb - 4 * (n_params + cached_per_token * n_tokens * batch_size) / 1e9


def divides_by_gib(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return card_gb - (n_params + cached_per_token * n_tokens * batch_size) * bytes_per_number / 2**30


def takes_the_card_for_gib(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    need = (n_params + cached_per_token * n_tokens * batch_size) * bytes_per_number
    return (card_gb * 2**30 - need) / 2**30


def one_conversation_only(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return card_gb - bytes_per_number * (n_params + cached_per_token * n_tokens) / 1e9


def rounds_up(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    free = card_gb * 1e9 - n_params * bytes_per_number
    return max(math.ceil(free / (cached_per_token * n_tokens * bytes_per_number)), 0)


def goes_below_zero(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    free = card_gb * 10**9 - n_params * bytes_per_number
    return free // (cached_per_token * n_tokens * bytes_per_number)


def whole_card_for_the_cache(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return card_gb * 10**9 // (cached_per_token * n_tokens * bytes_per_number)


def one_program_per_conversation(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return card_gb * 10**9 // ((n_params + cached_per_token * n_tokens) * bytes_per_number)


HANDWRITTEN = [
    (checks.check_cache_gib, takes_query_heads, "took the query heads"),
    (checks.check_cache_gib, forgets_values, "counted keys only"),
    (checks.check_cache_gib, gives_gb, "gave GB, of 10"),
    (checks.check_cache_gib, gives_bytes, "gave bytes"),
    (checks.check_cache_gib, forgets_bytes_and_counts_numbers, "counted numbers, not bytes"),
    (checks.check_gb_left, forgets_the_cache, "forgot the cache"),
    (checks.check_gb_left, always_float32, "as in float32"),
    (checks.check_gb_left, divides_by_gib, "mixed GB and GiB"),
    (checks.check_gb_left, takes_the_card_for_gib, "mixed GB and GiB"),
    (checks.check_gb_left, one_conversation_only, "the cache of one sequence"),
    (checks.check_largest_batch, rounds_up, "rounded up"),
    (checks.check_largest_batch, goes_below_zero, "a number below 0"),
    (checks.check_largest_batch, whole_card_for_the_cache, "forgot the weights"),
    (checks.check_largest_batch, one_program_per_conversation, "the weights once per sequence"),
]


@pytest.mark.parametrize(("check", "answer", "name"), HANDWRITTEN, ids=[row[1].__name__ for row in HANDWRITTEN])
def test_a_mistake_is_named_however_it_is_written(check, answer, name):
    with pytest.raises(WrongAnswer, match=re.escape(name)):
        check(answer)


def test_right_answers_are_accepted(capsys):
    checks.check_cache_gib(lambda layers, _heads, kv, dim, tokens, size: 2 * layers * kv * dim * tokens * size / 2**30)
    checks.check_gb_left(lambda card, n, kept, tokens, batch, size: card - (n + kept * tokens * batch) * size / 1e9)
    checks.check_largest_batch(
        lambda card, n, kept, tokens, size: max(0, (card * 10**9 - n * size) // (kept * tokens * size))
    )
    assert capsys.readouterr().out.count("right, on all") == 3


@pytest.mark.parametrize("name", ["llama2-7b", "llama2-13b", "llama2-70b"])
def test_the_references_agree_with_the_package(name):
    config = LlamaConfig.preset(name)
    shape = config.n_layers, config.n_heads, config.n_kv_heads, config.head_dim
    assert checks.cache_gib(*shape, 777, 2) == kv_cache_bytes(config, 777) / 2**30
    kept = 2 * config.n_layers * config.n_kv_heads * config.head_dim
    need = weights_bytes(config) + kv_cache_bytes(config, 777, batch_size=3)
    assert checks.gb_left(200, config.n_params, kept, 777, 3, 2) == pytest.approx(200 - need / 1e9)
    most = checks.largest_batch(200, config.n_params, kept, 777, 2)
    room = 200 * 10**9 - weights_bytes(config)
    assert most * kv_cache_bytes(config, 777) <= room < (most + 1) * kv_cache_bytes(config, 777)


def test_the_numbers_of_the_examples_are_those_of_the_presets():
    for name, (n_params, kept) in {
        "llama2-7b": checks.LLAMA_7B,
        "llama2-13b": checks.LLAMA_13B,
        "llama2-70b": checks.LLAMA_70B,
    }.items():
        config = LlamaConfig.preset(name)
        assert (n_params, 2 * kept) == (config.n_params, kv_cache_bytes(config, dtype="float16"))


@pytest.mark.parametrize("check", BANK, ids=lambda check: check.__name__)
def test_an_untouched_stub_stops_nothing(check, capsys):
    def my_answer(*arguments):
        raise NotImplementedError("your turn")

    check(my_answer)
    assert capsys.readouterr().out == "my_answer: not started\n"
