import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.testing import assert_close

from llama_lessons.sampling import next_token_probs, sample

PROBS = torch.tensor([[0.1, 0.4, 0.05, 0.25, 0.2]])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def metas_nucleus(probs: torch.Tensor, p: float) -> torch.Tensor:
    """Which tokens Meta's sample_top_p keeps, one at a time, in plain numbers."""
    kept, total = torch.zeros_like(probs), 0.0
    for index in sorted(range(len(probs)), key=lambda i: -float(probs[i])):
        if total > p:
            break
        kept[index] = probs[index]
        total += float(probs[index])
    return kept / kept.sum()


@example(scores=[0.0, 0.5, 1e-283, -1.0], p=0.5)  # twins in float32: the first stays
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=12, unique=True), st.floats(0.01, 0.99))
def test_nucleus_keeps_what_metas_code_keeps(scores, p):
    logits = torch.tensor([scores])
    probs = logits.softmax(-1)[0]
    sums = probs.sort(descending=True).values.cumsum(0)
    if (sums - p).abs().min() > 1e-5:  # on the edge itself rounding decides
        assert_close(next_token_probs(logits, 1.0, top_p=p)[0], metas_nucleus(probs, p))


def test_a_token_stays_while_the_sum_before_it_is_at_most_top_p():
    logits = PROBS.log()
    for top_p, kept in [(0.0, 1), (0.39, 1), (0.41, 2), (0.66, 3), (0.86, 4), (1.0, 5)]:
        assert int((next_token_probs(logits, 1.0, top_p=top_p) > 0).sum()) == kept


@pytest.mark.parametrize("spread", [0.0, 0.5, 4.0, 12.0])
@pytest.mark.parametrize("top_p", [0.0, 0.05, 0.5, 0.9, 0.999])
def test_nucleus_of_many_tokens_is_metas_in_every_row(spread, top_p):
    """From flat to peaked: rare tokens are left out before sorting, and no other may be."""
    logits = torch.randn(3, 611, generator=seeded()) * spread + torch.arange(611) * 1e-6  # no two alike
    logits[1] *= 0.3
    for row, probs in zip(logits, next_token_probs(logits, 1.0, top_p=top_p), strict=True):
        exact = row.double().softmax(-1)
        sums = exact.sort(descending=True).values.cumsum(0)
        assert (sums - top_p).abs().min() > 1e-7  # not on the edge, where rounding decides
        assert_close(probs, metas_nucleus(exact, top_p).float(), atol=1e-7, rtol=1e-5)


def test_top_k_keeps_the_likeliest_and_their_ratios():
    assert_close(next_token_probs(PROBS.log(), 1.0, top_k=2), torch.tensor([[0.0, 0.4, 0.0, 0.25, 0.0]]) / 0.65)
    assert_close(next_token_probs(PROBS.log(), 1.0, top_k=99), PROBS)


def test_temperature_divides_the_scores():
    probs = next_token_probs(PROBS.log(), temperature=0.5)
    assert_close(probs, PROBS.square() / PROBS.square().sum())


def test_rows_are_treated_apart():
    logits = torch.randn(3, 7, generator=seeded())
    together = next_token_probs(logits, 0.8, top_k=5, top_p=0.7)
    alone = torch.cat([next_token_probs(row[None], 0.8, top_k=5, top_p=0.7) for row in logits])
    assert_close(together, alone)


def test_draws_follow_the_distribution():
    ids = sample(PROBS.log().expand(20_000, -1), generator=seeded())
    share = torch.bincount(ids, minlength=5) / 20_000
    assert_close(share, PROBS[0], rtol=0, atol=4 * math.sqrt(0.25 / 20_000))


def test_the_same_seed_draws_the_same():
    logits = torch.randn(50, 7, generator=seeded())
    draws = [sample(logits, generator=seeded(seed)).tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_temperature_zero_takes_the_likeliest():
    assert sample(torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), temperature=0).tolist() == [1, 0]


@pytest.mark.parametrize("settings", [{}, {"top_k": 3}, {"top_p": 0.9}, {"temperature": 0}, {"temperature": 1e-4}])
def test_the_only_allowed_token_is_drawn(settings):
    logits = torch.full((2, 6), -torch.inf)
    logits[0, 4] = logits[1, 1] = -3.0
    assert sample(logits, **settings, generator=seeded()).tolist() == [4, 1]


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("temperature", -0.1, "temperature must be 0 or more, got -0.1"),
        ("temperature", float("nan"), "temperature must be 0 or more, got nan"),
        ("top_k", 0, "top_k must be at least 1 or None, got 0"),
        ("top_p", 1.5, "top_p must lie between 0 and 1, got 1.5"),
    ],
)
def test_settings_out_of_range_are_named(argument, value, message):
    with pytest.raises(ValueError, match=message):
        sample(PROBS, **{argument: value})


@pytest.mark.parametrize("temperature", [0, 1.0])
@pytest.mark.parametrize(
    ("row", "shown"),
    [([0, math.nan, -math.inf], "nan"), ([math.nan] * 3, "nan"), ([0, math.inf, 1], "inf"), ([-math.inf] * 3, "-inf")],
)
def test_logits_from_which_nothing_can_be_chosen_are_refused(row, shown, temperature):
    with pytest.raises(ValueError, match=f"logits must have a finite maximum in every row, got {shown}$"):
        sample(torch.tensor([[1.0, 2.0, -math.inf], row]), temperature)


def test_logits_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"logits must have shape \(B, V\), got \(5,\)"):
        sample(PROBS[0])
