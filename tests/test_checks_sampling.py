"""The checks of lesson 07 accept right answers, and name the mistake of wrong ones, however those are written."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from llama_lessons.checks import sampling as checks
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.checks.sampling_mistakes import PROBS_MISTAKES, TOP_P_MISTAKES
from llama_lessons.checks.scoring_mistakes import LOG_PROBS_MISTAKES, STEP_MISTAKES
from llama_lessons.sampling import next_token_probs
from tests.banks import said, twins

BANK = {
    checks.check_probs: PROBS_MISTAKES,
    checks.check_top_p: TOP_P_MISTAKES,
    checks.check_log_probs: LOG_PROBS_MISTAKES,
    checks.check_step_seconds: STEP_MISTAKES,
}
EXAMPLES = {
    checks.check_probs: checks.PROBS_EXAMPLES,
    checks.check_top_p: checks.TOP_P_EXAMPLES,
    checks.check_log_probs: checks.LOG_PROBS_EXAMPLES,
    checks.check_step_seconds: checks.STEP_EXAMPLES,
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


def multiplies(logits, temperature, top_k):
    logits = logits * temperature
    cut = logits < torch.topk(logits, top_k, dim=-1)[0][..., -1, None]
    return torch.softmax(logits.masked_fill(cut, float("-inf")), dim=-1)


def divides_probabilities(logits, temperature, top_k):
    probs = logits.softmax(-1) / temperature
    worst = probs.topk(top_k).values[:, -1:]
    probs[probs < worst] = 0
    return probs / probs.sum(-1, keepdim=True)


def takes_the_next_one_along(logits, temperature, top_k):
    scores = logits / temperature
    ranked = scores.sort(descending=True).values
    worst = ranked[:, min(top_k, scores.shape[1] - 1), None]  # counted from 0: the (k+1)-th
    return scores.masked_fill(scores < worst, -torch.inf).softmax(-1)


def cuts_with_zeros(logits, temperature, top_k):
    scores = logits / temperature
    scores = torch.where(scores >= scores.topk(top_k).values[:, -1:], scores, torch.zeros_like(scores))
    return scores.softmax(-1)


def does_not_normalise(logits, temperature, top_k):
    probs = (logits / temperature).softmax(-1)
    kept = torch.zeros_like(probs)
    values, places = probs.topk(top_k)
    return kept.scatter(-1, places, values)


def drops_the_crossing_token(probs, top_p):
    values, order = torch.sort(probs, descending=True)
    mask = torch.cumsum(values, 0) > top_p
    values[mask] = 0
    out = torch.zeros_like(probs)
    out[order] = values
    return out / out.sum()


def sorts_ascending(probs, top_p):
    total, kept = 0.0, torch.zeros_like(probs)
    for token in probs.argsort().tolist():
        if total > top_p:
            break
        kept[token] = probs[token]
        total += probs[token].item()
    return kept / kept.sum()


def forgets_to_normalise(probs, top_p):
    total, kept = 0.0, torch.zeros_like(probs)
    for token in probs.argsort(descending=True).tolist():
        if total > top_p:
            break
        kept[token] = probs[token]
        total += probs[token].item()
    return kept


def stays_sorted(probs, top_p):
    values = torch.sort(probs, descending=True).values
    values = values[values.cumsum(0) - values <= top_p]
    return torch.cat([values / values.sum(), torch.zeros(len(probs) - len(values))])


def goes_by_the_vocabulary(probs, top_p):
    total, kept = 0.0, torch.zeros_like(probs)
    for token, probability in enumerate(probs.tolist()):
        if total <= top_p:
            kept[token] = probability
        total += probability
    return kept / kept.sum()


def does_not_shift(logits, ids):
    return torch.log(torch.softmax(logits, -1))[torch.arange(1, len(ids)), torch.tensor(ids[1:])]


def scores_each_token_in_its_own_row(logits, ids):
    return torch.stack([logits[t].log_softmax(-1)[ids[t]] for t in range(len(ids) - 1)])


def gives_the_loss(logits, ids):
    return cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")


def forgets_the_logarithm(logits, ids):
    return logits.softmax(-1)[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]


def adds_times(n_params, cached, batch_size, bytes_per_number, bandwidth, flops):
    n_bytes = bytes_per_number * n_params + batch_size * cached * bytes_per_number
    return n_bytes / bandwidth + n_params * 2 * batch_size / flops


def reads_weights_for_each_text(n_params, cached, batch_size, bytes_per_number, bandwidth, flops):
    one = (n_params + cached) * bytes_per_number / bandwidth
    return max(one * batch_size, 2 * n_params / flops * batch_size)


def forgets_the_addition(n_params, cached, batch_size, bytes_per_number, bandwidth, flops):
    reading = (n_params + batch_size * cached) * bytes_per_number / bandwidth
    return max(reading, batch_size * n_params / flops)


def takes_the_logarithm_later(logits, ids):
    return torch.log(torch.softmax(logits, dim=-1))[torch.arange(len(ids) - 1), torch.tensor(ids[1:])]


def cuts_at_the_lowest_bar(logits, temperature, top_k):
    scores = logits / temperature
    return scores.masked_fill(scores < scores.topk(top_k).values.min(), -torch.inf).softmax(-1)


HANDWRITTEN = [
    (checks.check_probs, multiplies, "you multiplied by the temperature"),
    (checks.check_probs, divides_probabilities, "the temperature has no effect"),
    (checks.check_probs, takes_the_next_one_along, "keeps k \\+ 1 tokens"),
    (checks.check_probs, cuts_with_zeros, "set the scores of the others to 0"),
    (checks.check_probs, does_not_normalise, "did not normalise again"),
    (checks.check_top_p, drops_the_crossing_token, "dropped the token with which the sum crosses"),
    (checks.check_top_p, sorts_ascending, "sorted ascending"),
    (checks.check_top_p, forgets_to_normalise, "forgot to normalise"),
    (checks.check_top_p, stays_sorted, "in the order of likelihood"),
    (checks.check_top_p, goes_by_the_vocabulary, "did not sort"),
    (checks.check_log_probs, does_not_shift, "you did not shift"),
    (checks.check_log_probs, scores_each_token_in_its_own_row, "in its own row"),
    (checks.check_log_probs, gives_the_loss, "your signs are wrong"),
    (checks.check_log_probs, forgets_the_logarithm, "left out the logarithm"),
    (checks.check_log_probs, takes_the_logarithm_later, "logarithm of a softmax"),
    (checks.check_probs, cuts_at_the_lowest_bar, "every row at the same score"),
    (checks.check_step_seconds, adds_times, "added the two times"),
    (checks.check_step_seconds, reads_weights_for_each_text, "once for every row"),
    (checks.check_step_seconds, forgets_the_addition, "one operation for each weight"),
]


@pytest.mark.parametrize(("check", "answer", "name"), HANDWRITTEN, ids=[row[1].__name__ for row in HANDWRITTEN])
def test_a_mistake_is_named_however_it_is_written(check, answer, name):
    with pytest.raises(WrongAnswer, match=name):
        check(answer)


def gives_too_many(logits, ids):
    return logits.log_softmax(-1)[torch.arange(len(ids)), torch.tensor(ids)]


def keeps_only_what_stays(probs, top_p):
    values = probs.sort(descending=True).values
    kept = values[values.cumsum(0) - values <= top_p]
    return kept / kept.sum()


@pytest.mark.parametrize(
    ("check", "answer"),
    [(checks.check_log_probs, gives_too_many), (checks.check_top_p, keeps_only_what_stays)],
)
def test_a_wrong_shape_is_named(check, answer):
    with pytest.raises(WrongAnswer, match="Its shape is"):
        check(answer)


def by_hand_probs(logits, temperature, top_k):
    values, places = logits.topk(top_k)
    powers = (values / temperature - values[:, :1] / temperature).exp()
    return torch.zeros_like(logits).scatter(1, places, powers / powers.sum(1, keepdim=True))


def as_meta_writes_it(probs, top_p):
    """sample_top_p of Meta's generation.py, but for the draw."""
    probs_sort, probs_idx = torch.sort(probs, dim=-1, descending=True)
    probs_sum = torch.cumsum(probs_sort, dim=-1)
    probs_sort[probs_sum - probs_sort > top_p] = 0.0
    probs_sort.div_(probs_sort.sum(dim=-1, keepdim=True))
    return torch.zeros_like(probs).scatter(0, probs_idx, probs_sort)


def test_right_answers_are_accepted(capsys):
    checks.check_probs(by_hand_probs)
    checks.check_probs(lambda logits, temperature, top_k: next_token_probs(logits, temperature, top_k))
    checks.check_top_p(as_meta_writes_it)
    checks.check_top_p(lambda probs, top_p: next_token_probs(probs.log()[None], 1.0, top_p=top_p)[0])
    checks.check_log_probs(lambda logits, ids: -cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none"))
    checks.check_step_seconds(
        lambda n, c, batch, size, bandwidth, flops: max(size * (n + c * batch) / bandwidth, 2 * n / flops * batch)
    )
    assert capsys.readouterr().out.count("right, on all") == 6


def test_an_untouched_stub_is_not_started(capsys):
    def stub(*arguments):
        raise NotImplementedError("your turn")

    for check in BANK:
        check(stub)
    assert capsys.readouterr().out.count("not started") == len(BANK)


@pytest.mark.parametrize(("probs", "top_p"), checks.TOP_P_EXAMPLES)
def test_the_reference_for_top_p_sums_to_one_and_keeps_the_likeliest(probs, top_p):
    kept = checks.top_p(probs, top_p)
    assert kept.sum().item() == pytest.approx(1)
    assert kept[probs.argmax()] > 0
    left_out = probs[kept == 0]
    assert not len(left_out) or left_out.max() <= probs[kept > 0].min()


def test_the_token_with_which_the_sum_crosses_is_kept_also_where_the_sum_is_met_exactly():
    probs = torch.tensor([0.5, 0.25, 0.125, 0.125])
    assert (checks.top_p(probs, 0.5) > 0).tolist() == [True, True, False, False]
    assert (checks.top_p(probs, 0.49) > 0).tolist() == [True, False, False, False]


def test_log_probabilities_of_a_text_multiply_to_its_probability():
    logits, ids = checks.LOG_PROBS_EXAMPLES[2]
    product = math.prod(logits[t].softmax(0)[ids[t + 1]].item() for t in range(len(ids) - 1))
    assert checks.log_probs(logits, ids).sum().exp().item() == pytest.approx(product, rel=1e-4)
    assert_close(checks.log_probs(logits, ids), -cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none"))


def test_a_step_is_limited_by_memory_with_one_row_and_by_arithmetic_with_many():
    seven = (6_738_415_616, 0)
    one, many = (checks.step_seconds(*seven, n, 2, 2039e9, 312e12) for n in (1, 1000))
    assert one == pytest.approx(2 * 6_738_415_616 / 2039e9)
    assert many == pytest.approx(2 * 6_738_415_616 * 1000 / 312e12)
