"""Lesson 05, exercise 3: a Llama's block."""

from __future__ import annotations

import torch

from llama_lessons.checks.full_model import check_block
from tests.answers.bank import Bank

bank = Bank(check_block)


@bank.right
def in_a_loop_on_a_copy(x, attention, attention_norm, feed_forward, feed_forward_norm):
    x = x.clone()
    for norm, part in [(attention_norm, attention), (feed_forward_norm, feed_forward)]:
        x += part(norm(x))
    return x


@bank.right
def step_by_step(x, attention, attention_norm, feed_forward, feed_forward_norm):
    said = attention(attention_norm(x))
    thought = feed_forward(feed_forward_norm(torch.add(x, said)))
    return sum([x, said, thought])


@bank.wrong("that is post-norm")
def of_2017(x, attention, attention_norm, feed_forward, feed_forward_norm):
    h = attention_norm(attention(x) + x)
    return feed_forward_norm(feed_forward(h) + h)


@bank.wrong("you normalised what the sub-layers gave")
def norms_behind(x, attention, attention_norm, feed_forward, feed_forward_norm):
    x = x + attention_norm(attention(x))
    return x + feed_forward_norm(feed_forward(x))


@bank.wrong("you forgot both residuals")
def no_residual(x, attention, attention_norm, feed_forward, feed_forward_norm):
    return feed_forward(feed_forward_norm(attention(attention_norm(x))))


@bank.wrong("one residual around both")
def one_residual(x, attention, attention_norm, feed_forward, feed_forward_norm):
    return x + feed_forward(feed_forward_norm(attention(attention_norm(x))))


@bank.wrong("you forgot the residual around attention")
def no_residual_around_attention(x, attention, attention_norm, feed_forward, feed_forward_norm):
    h = attention(attention_norm(x))
    return h + feed_forward(feed_forward_norm(h))


@bank.wrong("you forgot both norms")
def no_norm(x, attention, attention_norm, feed_forward, feed_forward_norm):
    h = attention(x) + x
    return feed_forward(h) + h


@bank.wrong("you let the feed-forward layer read the old x")
def side_by_side(x, attention, attention_norm, feed_forward, feed_forward_norm):
    a, f = attention(attention_norm(x)), feed_forward(feed_forward_norm(x))
    return x + a + f


@bank.wrong("you lost what attention wrote")
def starts_from_x_again(x, attention, attention_norm, feed_forward, feed_forward_norm):
    h = x + attention(attention_norm(x))
    return x + feed_forward(feed_forward_norm(h))


@bank.wrong("you added to the normalised copy")
def keeps_the_copy(x, attention, attention_norm, feed_forward, feed_forward_norm):
    h = attention_norm(x)
    h = h + attention(h)
    n = feed_forward_norm(h)
    return n + feed_forward(n)


@bank.wrong("you used attention's norm twice")
def one_norm_for_both(x, attention, attention_norm, feed_forward, feed_forward_norm):
    h = x + attention(attention_norm(x))
    return h + feed_forward(attention_norm(h))


@bank.wrong("you put the feed-forward layer first")
def the_other_order(x, attention, attention_norm, feed_forward, feed_forward_norm):
    h = x + feed_forward(feed_forward_norm(x))
    return h + attention(attention_norm(h))


@bank.wrong("you subtracted what the sub-layers gave")
def subtracts(x, attention, attention_norm, feed_forward, feed_forward_norm):
    h = x - attention(attention_norm(x))
    return h - feed_forward(feed_forward_norm(h))


@bank.wrong("you left out the feed-forward layer")
def attention_only(x, attention, attention_norm, feed_forward, feed_forward_norm):
    return x + attention(attention_norm(x))


@bank.wrong("Is a `return` missing")
def gives_nothing(x, attention, attention_norm, feed_forward, feed_forward_norm):
    x = x + attention(attention_norm(x))
    x = x + feed_forward(feed_forward_norm(x))


@bank.wrong("changed the arguments")
def into_the_stream_itself(x, attention, attention_norm, feed_forward, feed_forward_norm):
    x += attention(attention_norm(x))
    x += feed_forward(feed_forward_norm(x))
    return x


@bank.wrong()
def three_rounds(x, attention, attention_norm, feed_forward, feed_forward_norm):
    for _ in range(3):
        x = in_a_loop_on_a_copy(x, attention, attention_norm, feed_forward, feed_forward_norm)
    return x
