"""The checks of lesson 06 accept right answers, and name the mistake of wrong ones, however those are written."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch.testing import assert_close

from llama_lessons.batches import pack
from llama_lessons.checks import pretraining as checks
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.checks.pretraining_mistakes import BATCH_MISTAKES, RATE_MISTAKES
from llama_lessons.checks.pretraining_step_mistakes import ADAMW_MISTAKES, CLIP_MISTAKES
from llama_lessons.optimizers import TrainConfig
from tests.banks import said, twins

BANK = {
    checks.check_batch: (BATCH_MISTAKES, checks.BATCH_EXAMPLES),
    checks.check_learning_rate: (RATE_MISTAKES, checks.RATE_EXAMPLES),
    checks.check_adamw: (ADAMW_MISTAKES, checks.ADAMW_EXAMPLES),
    checks.check_clip: (CLIP_MISTAKES, checks.CLIP_EXAMPLES),
}
CASES = [(check, advice) for check, (mistakes, _) in BANK.items() for advice in mistakes]


@pytest.mark.parametrize(("check", "advice"), CASES, ids=[re.split("[:;]", advice)[0] for _, advice in CASES])
def test_every_mistake_of_the_bank_is_rejected_and_named(check, advice):
    with pytest.raises(WrongAnswer) as caught:
        check(BANK[check][0][advice])
    assert f"It looks as if {advice}. For example:" in said(caught)


@pytest.mark.parametrize("check", BANK, ids=lambda check: check.__name__)
def test_no_two_mistakes_are_the_same_on_the_examples(check):
    assert twins(*BANK[check]) == []


# The same mistakes once more, written as a reader would write them: the bank must know them by what they do.


def cuts(shift_tokens, shift_targets):
    def answer(ids, n_rows, n_columns):
        tokens, targets = [], []
        for row in range(n_rows):
            start = row * (n_columns + 1)
            tokens.append(ids[start + shift_tokens : start + shift_tokens + n_columns])
            targets.append(ids[start + shift_targets : start + shift_targets + n_columns])
        return torch.tensor(tokens), torch.tensor(targets)

    return answer


def one_long_row(ids, n_rows, n_columns):
    n = n_rows * n_columns
    return torch.tensor(ids[:n]).reshape(n_rows, n_columns), torch.tensor(ids[1 : n + 1]).reshape(n_rows, n_columns)


def ends_at_zero(step, n_steps, peak, warmup):
    if step < warmup:
        return peak * (step + 1) / warmup
    return 0.5 * peak * (math.cos((step - warmup) / (n_steps - warmup - 1) * math.pi) + 1)


def straight_down(step, n_steps, peak, warmup):
    if step < warmup:
        return peak * (step + 1) / warmup
    left = (n_steps - 1 - step) / (n_steps - 1 - warmup)
    return 0.1 * peak + 0.9 * peak * left


def from_the_wrong_step(step, n_steps, peak, warmup):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (0.55 + 0.45 * math.cos(math.pi * step / (n_steps - 1)))


def starts_at_zero(step, n_steps, peak, warmup):
    if step < warmup:
        return peak * step / warmup
    return peak * (0.55 + 0.45 * math.cos(math.pi * (step - warmup) / (n_steps - 1 - warmup)))


def adam_with_l2(weight, gradient, mean, square, step, rate, decay):
    gradient = gradient + decay * weight
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    hat, spread = mean / (1 - 0.9**step), square / (1 - 0.95**step)
    return weight - rate * hat / (spread.sqrt() + 1e-8), mean, square


def uncorrected(weight, gradient, mean, square, step, rate, decay):
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    return weight - rate * (mean / (square.sqrt() + 1e-8) + decay * weight), mean, square


def without_decay(weight, gradient, mean, square, step, rate, decay):
    mean = mean.lerp(gradient, 0.1)
    square = square.lerp(gradient**2, 0.05)
    return weight - rate * mean / (1 - 0.9**step) / ((square / (1 - 0.95**step)) ** 0.5 + 1e-8), mean, square


def tensor_by_tensor(gradients, limit):
    return [torch.nn.functional.normalize(g, dim=None) * limit if g.norm() > limit else g for g in gradients]


def always_to_the_limit(gradients, limit):
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    return [limit * gradient / norm for gradient in gradients]


def number_by_number(gradients, limit):
    return [gradient.clip(min=-limit, max=limit) for gradient in gradients]


HANDWRITTEN = [
    (checks.check_batch, cuts(0, 0), "not shifted"),
    (checks.check_batch, cuts(1, 0), "in the wrong order"),
    (checks.check_batch, one_long_row, "the rows overlap"),
    (checks.check_learning_rate, ends_at_zero, "ends at 0"),
    (checks.check_learning_rate, straight_down, "in a straight line"),
    (checks.check_learning_rate, from_the_wrong_step, "counts from step 0"),
    (checks.check_learning_rate, starts_at_zero, "learns nothing"),
    (checks.check_adamw, adam_with_l2, "Adam with an L2 penalty"),
    (checks.check_adamw, uncorrected, "the means are not corrected"),
    (checks.check_adamw, without_decay, "there is no weight decay"),
    (checks.check_clip, tensor_by_tensor, "each tensor is clipped by itself"),
    (checks.check_clip, always_to_the_limit, "blown up to it"),
    (checks.check_clip, number_by_number, "each number is cut off"),
]


@pytest.mark.parametrize(("check", "answer", "name"), HANDWRITTEN, ids=[row[2] for row in HANDWRITTEN])
def test_a_mistake_is_named_however_it_is_written(check, answer, name):
    with pytest.raises(WrongAnswer) as caught:
        check(answer)
    assert name in said(caught)


def right_rate(step, n_steps, peak, warmup):
    if step < warmup:
        return peak * (1 + step) / warmup
    quarter_turn = 0.5 * math.pi * (step - warmup) / (n_steps - 1 - warmup)
    return peak * (math.cos(quarter_turn) ** 2 + 0.1 * math.sin(quarter_turn) ** 2)


def right_adamw(weight, gradient, mean, square, step, rate, decay):
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    move = (mean / (1 - 0.9**step)) / ((square / (1 - 0.95**step)).sqrt() + 1e-8)
    return weight - rate * decay * weight - rate * move, mean, square


def right_clip(gradients, limit):
    norm = math.sqrt(sum(float((gradient * gradient).sum()) for gradient in gradients))
    return [gradient * (limit / norm) for gradient in gradients] if norm > limit else list(gradients)


def right_batch(ids, n_rows, n_columns):
    made = pack([(ids, [True] * len(ids))], n_rows, n_columns)  # the package's own
    return made.tokens, made.targets


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (checks.check_batch, right_batch),
        (checks.check_batch, cuts(0, 1)),
        (checks.check_learning_rate, right_rate),
        (checks.check_adamw, right_adamw),
        (checks.check_clip, right_clip),
    ],
    ids=lambda answer: answer.__name__,
)
def test_right_answers_are_accepted(check, answer, capsys):
    check(answer)
    assert capsys.readouterr().out.count("right, on all") == 1


def test_the_reference_rate_is_half_a_cosine_and_the_configs():
    config = TrainConfig(n_steps=77, warmup_steps=9)
    for step in range(77):
        assert checks.learning_rate(step, 77, 2.0, 9) == pytest.approx(2 * config.lr_factor(step))
        assert checks.learning_rate(step, 77, 2.0, 9) == pytest.approx(right_rate(step, 77, 2.0, 9))


def test_the_first_example_of_adamw_is_the_step_that_one_does_by_hand():
    """First step: every weight shrinks by rate * decay and moves by the rate, against the sign of its gradient."""
    weight, mean, square = checks.adamw(*checks.ADAMW_EXAMPLES[0])
    assert_close(weight, torch.tensor([2 * 0.999 - 0.01, -0.999 + 0.01, 0.5 * 0.999]))
    assert_close(mean, torch.tensor([0.01, -0.4, 0.0]))
    assert_close(square, torch.tensor([0.0005, 0.8, 0.0]))


@pytest.mark.parametrize("check", BANK, ids=lambda check: check.__name__)
def test_an_untouched_stub_stops_nothing(check, capsys):
    def my_answer(*arguments):
        raise NotImplementedError("your turn")

    check(my_answer)
    assert capsys.readouterr().out == "my_answer: not started\n"
