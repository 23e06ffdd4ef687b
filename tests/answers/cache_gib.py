"""Lesson 04, the exercise on paper: GiB of the cache of one sequence."""

from __future__ import annotations

from llama_lessons.checks.memory import check_cache_gib
from tests.answers.bank import Bank

bank = Bank(check_cache_gib)


def numbers(n_layers, n_kv_heads, head_dim, n_tokens):
    return 2 * n_layers * n_kv_heads * head_dim * n_tokens


@bank.right
def layer_by_layer(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return sum(numbers(1, n_kv_heads, head_dim, n_tokens) * bytes_per_number for _ in range(n_layers)) / (1 << 30)


@bank.right
def in_three_steps(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    kib = n_layers * n_kv_heads * head_dim * bytes_per_number * 2 / 1024
    return kib / 1024 * n_tokens / 1024


@bank.wrong("counted keys only")
def forgets_values(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return n_layers * n_kv_heads * head_dim * n_tokens * bytes_per_number / 2**30


@bank.wrong("took the query heads:")
def takes_query_heads(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return numbers(n_layers, n_heads, head_dim, n_tokens) * bytes_per_number / 2**30


@bank.wrong("kept the queries as well")
def keeps_queries(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    vectors = n_layers * (n_heads + n_kv_heads + n_kv_heads)
    return vectors * head_dim * n_tokens * bytes_per_number / 2**30


@bank.wrong("counted three vectors")
def three_vectors(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return 3 * n_layers * n_kv_heads * head_dim * n_tokens * bytes_per_number / 2**30


@bank.wrong("left out the layers")
def one_layer(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return numbers(1, n_kv_heads, head_dim, n_tokens) * bytes_per_number / 2**30


@bank.wrong("you gave GB, of 10**9 bytes")
def gives_gb(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return numbers(n_layers, n_kv_heads, head_dim, n_tokens) * bytes_per_number / 1e9


@bank.wrong("gave bytes")
def gives_bytes(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return numbers(n_layers, n_kv_heads, head_dim, n_tokens) * bytes_per_number


@bank.wrong("counted numbers, not bytes")
def forgets_bytes(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return numbers(n_layers, n_kv_heads, head_dim, n_tokens) / 2**30


@bank.wrong("to Python that is another operation")
def no_power(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return numbers(n_layers, n_kv_heads, head_dim, n_tokens) * bytes_per_number / (2 ^ 30)


@bank.wrong("divided by 8")
def from_bits(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return numbers(n_layers, n_kv_heads, head_dim, n_tokens) * bytes_per_number / 8 / 2**30


@bank.wrong("fixed head_dim, 128")
def width_128(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return numbers(n_layers, n_kv_heads, 128, n_tokens) * bytes_per_number / 2**30


@bank.wrong("one token too few")
def without_the_last(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return numbers(n_layers, n_kv_heads, head_dim, n_tokens - 1) * bytes_per_number / 2**30


@bank.wrong("rounded the result to 2 digits")
def rounds(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return round(numbers(n_layers, n_kv_heads, head_dim, n_tokens) * bytes_per_number / 2**30, 2)


@bank.wrong("returns a tuple and should return a float")
def keys_and_values(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return (numbers(n_layers, n_kv_heads, head_dim, n_tokens) * bytes_per_number / 2**31,) * 2


@bank.wrong("Is a `return` missing")
def prints(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    print(numbers(n_layers, n_kv_heads, head_dim, n_tokens) * bytes_per_number / 2**30)


@bank.wrong()
def one_gib_more(n_layers, n_heads, n_kv_heads, head_dim, n_tokens, bytes_per_number):
    return numbers(n_layers, n_kv_heads, head_dim, n_tokens) * bytes_per_number / 2**30 + 1
