"""Lesson 00, exercise 2: GB that stay free on a card."""

from __future__ import annotations

from llama_lessons.checks.memory import check_gb_left
from llama_lessons.checks.memory_mistakes import GB, GIB
from tests.answers.bank import Bank

bank = Bank(check_gb_left)


def rest(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return card_gb - (n_params + cached_per_token * n_tokens * batch_size) * bytes_per_number / GB


@bank.right
def in_bytes(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    free = card_gb * GB - n_params * bytes_per_number
    for _sequence in range(batch_size):
        free -= cached_per_token * n_tokens * bytes_per_number
    return free / GB


@bank.right
def in_numbers(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    room = card_gb / bytes_per_number
    return bytes_per_number * (room - n_params / GB - batch_size / GB * n_tokens * cached_per_token)


@bank.wrong("forgot the cache")
def forgets_the_cache(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return card_gb - n_params * bytes_per_number / GB


@bank.wrong("forgot the weights")
def forgets_the_weights(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return rest(card_gb, 0, cached_per_token, n_tokens, batch_size, bytes_per_number)


@bank.wrong("cache of one sequence")
def one_sequence(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return rest(card_gb, n_params, cached_per_token, n_tokens, 1, bytes_per_number)


@bank.wrong("cache of one token")
def one_token(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return rest(card_gb, n_params, cached_per_token, 1, batch_size, bytes_per_number)


@bank.wrong("weights once per sequence")
def a_model_for_each(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return rest(card_gb, n_params * batch_size, cached_per_token, n_tokens, batch_size, bytes_per_number)


@bank.wrong("4 bytes for each number")
def always_float32(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return rest(card_gb, n_params, cached_per_token, n_tokens, batch_size, 4)


@bank.wrong("2 bytes for each number")
def always_float16(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return rest(card_gb, n_params, cached_per_token, n_tokens, batch_size, 2)


@bank.wrong("mixed GB and GiB")
def divides_by_gib(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return card_gb - (n_params + cached_per_token * n_tokens * batch_size) * bytes_per_number / GIB


@bank.wrong("GB for the weights and GiB for the cache")
def two_units(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    cache = cached_per_token * n_tokens * batch_size
    return card_gb - n_params * bytes_per_number / GB - cache * bytes_per_number / GIB


@bank.wrong("without its sign")
def absolute(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return abs(rest(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number))


@bank.wrong("stopped at 0")
def never_below(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return max(0.0, rest(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number))


@bank.wrong("turned it round")
def lacking(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return -rest(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number)


@bank.wrong("n_tokens + batch_size")
def adds(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return rest(card_gb, n_params, cached_per_token, n_tokens + batch_size, 1, bytes_per_number)


@bank.wrong("a whole number of GB, cut off by int")
def whole(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return int(rest(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number))


@bank.wrong("share of the card that is free")
def share(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return rest(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number) / card_gb


@bank.wrong()
def keeps_one_gb_back(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number):
    return rest(card_gb, n_params, cached_per_token, n_tokens, batch_size, bytes_per_number) - 1
