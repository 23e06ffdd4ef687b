"""Lesson 00, exercise 3: the most sequences that fit on a card."""

from __future__ import annotations

import math

from llama_lessons.checks.memory import check_largest_batch
from llama_lessons.checks.memory_mistakes import GB
from tests.answers.bank import Bank

bank = Bank(check_largest_batch)


def sequences(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    """A fraction, below 0 where not even the weights fit."""
    return (card_gb * GB - n_params * bytes_per_number) / (cached_per_token * n_tokens * bytes_per_number)


@bank.right
def by_division(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return max(0, math.floor(sequences(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number)))


@bank.right
def one_after_the_other(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    batch, free = 0, card_gb * 10**9 - n_params * bytes_per_number
    while (free := free - cached_per_token * n_tokens * bytes_per_number) >= 0:
        batch += 1
    return batch


@bank.wrong("rounded up")
def rounds_up(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return max(0, math.ceil(sequences(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number)))


@bank.wrong("rounded to the nearest")
def rounds(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return max(0, round(sequences(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number)))


@bank.wrong("gave a fraction: half")
def fraction(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return max(0, sequences(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number))


@bank.wrong("a number below 0")
def goes_below_zero(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return math.floor(sequences(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number))


@bank.wrong("gave -1 where")
def minus_one(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    batch = 0
    while (n_params + batch * cached_per_token * n_tokens) * bytes_per_number <= card_gb * GB:
        batch += 1
    return batch - 1


@bank.wrong("a sequence that just fits")
def strictly(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    batch = 0
    while (n_params + (batch + 1) * cached_per_token * n_tokens) * bytes_per_number < card_gb * GB:
        batch += 1
    return batch


@bank.wrong("one above, and where nothing fits as well")
def one_too_many(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    batch = 0
    while batch == 0 or (n_params + batch * cached_per_token * n_tokens) * bytes_per_number <= card_gb * GB:
        batch += 1
    return batch


@bank.wrong("gave at least 1")
def at_least_one(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return max(1, int(sequences(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number)))


@bank.wrong("without its sign")
def absolute(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return int(abs(sequences(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number)))


@bank.wrong("forgot the weights")
def whole_card_for_the_cache(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return int(sequences(card_gb, 0, cached_per_token, n_tokens, bytes_per_number))


@bank.wrong("weights once per sequence")
def a_model_for_each(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return card_gb * GB // ((n_params + cached_per_token * n_tokens) * bytes_per_number)


@bank.wrong("2 bytes for each number")
def always_float16(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return max(0, int(sequences(card_gb, n_params, cached_per_token, n_tokens, 2)))


@bank.wrong("no more than 100")
def up_to_100(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return max(0, min(100, int(sequences(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number))))


@bank.wrong("still stands in it")
def forgets_the_raise(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    max(0, int(sequences(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number)))
    raise NotImplementedError("your turn")


@bank.wrong()
def twice_as_many(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number):
    return 2 * max(0, int(sequences(card_gb, n_params, cached_per_token, n_tokens, bytes_per_number)))
