"""The checks of lesson 02 accept right answers, and name the mistake of wrong ones, however those are written."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention, softmax
from torch.testing import assert_close

from llama_lessons.attention import causal_attention, causal_mask
from llama_lessons.checks import attention as checks
from llama_lessons.checks.attention_mistakes import ATTENTION_MISTAKES, HEADS_MISTAKES, MASK_MISTAKES
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.checks.induction_mistakes import INDUCTION_MISTAKES
from tests.banks import said

BANK = {
    checks.check_attention: ATTENTION_MISTAKES,
    checks.check_heads: HEADS_MISTAKES,
    checks.check_mask: MASK_MISTAKES,
    checks.check_induction_score: INDUCTION_MISTAKES,
}
CASES = [(check, advice) for check, mistakes in BANK.items() for advice in mistakes]


@pytest.mark.parametrize(("check", "advice"), CASES, ids=[advice.split(":")[0] for _, advice in CASES])
def test_every_mistake_of_the_bank_is_rejected_and_named(check, advice):
    with pytest.raises(WrongAnswer) as trouble:
        check(BANK[check][advice])
    assert advice in said(trouble)


# The same mistakes once more, written as a reader would write them: the bank must know them by what they do.


def forgets_the_scale(q, k, v):
    out = []
    for t in range(len(q)):
        weights = softmax(k[: t + 1] @ q[t], dim=0)
        out.append(weights @ v[: t + 1])
    return torch.stack(out)


def deletes_the_future_and_divides(q, k, v):
    """On paper the same as masked before; section 3 of the lesson shows that it is not, for large scores."""
    weights = softmax(q @ k.T / q.shape[1] ** 0.5, dim=-1).tril()
    return weights / weights.sum(-1, keepdim=True) @ v


def raises_e_to_bare_scores(q, k, v):
    powers = (q @ k.T / q.shape[1] ** 0.5).masked_fill(torch.ones(len(q), len(q)).triu(1).bool(), -torch.inf).exp()
    return powers / powers.sum(-1, keepdim=True) @ v


def scales_twice(q, k, v, n_heads):
    q, k, v = (part.unflatten(-1, (n_heads, -1)).transpose(1, 2) for part in (q, k, v))
    return causal_attention(q / q.shape[-1] ** 0.5, k, v).transpose(1, 2).flatten(2)


def deletes_the_future_afterwards(q, k, v):
    weights = softmax(q @ k.T / q.shape[1] ** 0.5, dim=-1)
    for t in range(len(q)):
        weights[t, t + 1 :] = 0
    return weights @ v


def multiplies_by_the_mask(q, k, v):
    mask = torch.tril(torch.ones(len(q), len(q)))
    return softmax(q @ k.T / q.shape[1] ** 0.5 * mask, dim=-1) @ v


def sees_the_next_token(q, k, v):
    hidden = torch.triu(torch.ones(len(q), len(q)), diagonal=2).bool()
    return softmax((q @ k.T / q.shape[1] ** 0.5).masked_fill(hidden, float("-inf")), dim=-1) @ v


def does_not_see_itself(q, k, v):
    hidden = torch.triu(torch.ones(len(q), len(q))).bool()
    return softmax((q @ k.T / q.shape[1] ** 0.5).masked_fill(hidden, float("-inf")), dim=-1) @ v


def hides_the_past(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    scores[torch.tril(torch.ones(len(q), len(q)), diagonal=-1).bool()] = float("-inf")
    return softmax(scores, dim=-1) @ v


def normalises_columns(q, k, v):
    scores = (q @ k.T / q.shape[1] ** 0.5).masked_fill(torch.ones(len(q), len(q)).triu(1).bool(), float("-inf"))
    return scores.exp() / scores.exp().sum(0) @ v


def forgets_the_mask(q, k, v):
    return scaled_dot_product_attention(q, k, v)


def reshapes_at_once(q, k, v, n_heads):
    batch, n_tokens, width = q.shape
    q, k, v = (x.reshape(batch, n_heads, n_tokens, width // n_heads) for x in (q, k, v))
    return causal_attention(q, k, v).reshape(batch, n_tokens, width)


def views_back_without_transpose(q, k, v, n_heads):
    batch, n_tokens, width = q.shape
    q, k, v = (x.view(batch, n_tokens, n_heads, -1).transpose(1, 2) for x in (q, k, v))
    return causal_attention(q, k, v).contiguous().view(batch, n_tokens, width)


def never_transposes(q, k, v, n_heads):
    q, k, v = (x.unflatten(-1, (n_heads, -1)) for x in (q, k, v))
    return causal_attention(q, k, v).flatten(2)


def takes_every_other_channel(q, k, v, n_heads):
    out = torch.zeros_like(q)
    for head in range(n_heads):
        part = [x[:, None, :, head::n_heads] for x in (q, k, v)]
        out[:, :, head::n_heads] = causal_attention(*part)[:, 0]
    return out


def has_one_head(q, k, v, n_heads):
    return causal_attention(q[:, None], k[:, None], v[:, None])[:, 0]


def does_not_mask_heads(q, k, v, n_heads):
    q, k, v = (x.unflatten(-1, (n_heads, -1)).transpose(1, 2) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def takes_the_top_left(n_new, n_all):
    return torch.tril(torch.ones(n_new, n_all, dtype=torch.bool))


def says_what_is_hidden(n_new, n_all):
    return torch.ones(n_new, n_all).triu(n_all - n_new + 1) == 1


def compares_strictly(n_new, n_all):
    return torch.arange(n_all)[None] < torch.arange(n_all - n_new, n_all)[:, None]


def finds_duplicates(weights, ids):
    places = [(t, s) for t in range(len(ids)) for s in range(t) if ids[s] == ids[t] and ids[t] not in ids[s + 1 : t]]
    return torch.stack([weights[:, t, s] for t, s in places]).mean(0)


def finds_the_first(weights, ids):
    places = [(t, ids.index(token) + 1) for t, token in enumerate(ids) if token in ids[:t]]
    return sum(weights[:, t, k] for t, k in places) / len(places)


def adds_up(weights, ids):
    return sum(
        weights[:, t, max(s for s in range(t) if ids[s] == ids[t]) + 1] for t in range(len(ids)) if ids[t] in ids[:t]
    )


HANDWRITTEN = [
    (checks.check_attention, forgets_the_scale, "left out the scale"),
    (checks.check_attention, deletes_the_future_afterwards, "masked after the softmax"),
    (checks.check_attention, deletes_the_future_and_divides, "divided by what is left"),
    (checks.check_attention, raises_e_to_bare_scores, "large ones overflow"),
    (checks.check_attention, multiplies_by_the_mask, "set masked scores to 0"),
    (checks.check_attention, sees_the_next_token, "off by one and shows"),
    (checks.check_attention, does_not_see_itself, "off by one and hides"),
    (checks.check_attention, hides_the_past, "wrong way round"),
    (checks.check_attention, normalises_columns, "down the columns"),
    (checks.check_attention, forgets_the_mask, "left out the mask"),
    (checks.check_heads, scales_twice, "scaled twice"),
    (checks.check_heads, reshapes_at_once, "one reshape"),
    (checks.check_heads, views_back_without_transpose, "transpose back"),
    (checks.check_heads, never_transposes, "look at each other"),
    (checks.check_heads, takes_every_other_channel, "like cards"),
    (checks.check_heads, has_one_head, "left the heads together"),
    (checks.check_heads, does_not_mask_heads, "left out the mask"),
    (checks.check_mask, takes_the_top_left, "top left"),
    (checks.check_mask, says_what_is_hidden, "turned True and False around"),
    (checks.check_mask, compares_strictly, "hides the token itself"),
    (checks.check_induction_score, finds_duplicates, "the earlier occurrence itself"),
    (checks.check_induction_score, finds_the_first, "took the first occurrence"),
    (checks.check_induction_score, adds_up, "added up"),
]


@pytest.mark.parametrize(("check", "answer", "name"), HANDWRITTEN, ids=[row[1].__name__ for row in HANDWRITTEN])
def test_a_mistake_is_named_however_it_is_written(check, answer, name):
    with pytest.raises(WrongAnswer, match=name):
        check(answer)


def with_the_scale_in_the_queries(q, k, v):
    return scaled_dot_product_attention(q / q.shape[1] ** 0.5, k, v, is_causal=True, scale=1)


def in_a_loop_over_heads(q, k, v, n_heads):
    parts = zip(*(x.chunk(n_heads, dim=-1) for x in (q, k, v)), strict=True)
    return torch.cat([causal_attention(*(x[:, None] for x in part))[:, 0] for part in parts], dim=-1)


def by_matching_ids(weights, ids):
    ids = torch.tensor(ids)
    same = (ids[:, None] == ids).tril(-1)  # (T, T)
    last = same & (same.flip(1).cumsum(1).flip(1) == 1)
    return weights[:, :, 1:][:, last[:, :-1]].mean(1)


def test_right_answers_are_accepted(capsys):
    checks.check_attention(with_the_scale_in_the_queries)
    checks.check_heads(in_a_loop_over_heads)
    checks.check_mask(causal_mask)
    checks.check_induction_score(by_matching_ids)
    assert capsys.readouterr().out.count("right, on all") == 4


def test_an_untouched_stub_is_not_started(capsys):
    def stub(*arguments):
        raise NotImplementedError("your turn")

    for check in BANK:
        check(stub)
    assert capsys.readouterr().out.count("not started") == len(BANK)


@pytest.mark.parametrize("example", checks.HEADS_EXAMPLES, ids=lambda example: str(tuple(example[0].shape)))
def test_the_references_equal_the_packages_attention(example):
    q, k, v, n_heads = example
    parts = (x.unflatten(-1, (n_heads, -1)).transpose(1, 2) for x in (q, k, v))
    assert_close(checks.heads(q, k, v, n_heads), causal_attention(*parts).transpose(1, 2).flatten(2))


def test_no_reference_sees_the_future_and_each_sees_all_of_the_past():
    q, k, v = checks.ATTENTION_EXAMPLES[3]
    before = checks.attention(q, k, v)
    for token in range(len(q)):
        poked = v.clone()
        poked[token] += 1
        moved = (checks.attention(q, k, poked) - before).abs().amax(1) > 1e-6
        assert moved.tolist() == [t >= token for t in range(len(q))]


def test_the_induction_score_is_one_where_all_attention_lies_on_the_next_token():
    ids = [1, 5, 6, 7, 5, 6, 7]
    weights = torch.zeros(2, 7, 7)
    weights[0, 4, 2] = weights[0, 5, 3] = weights[0, 6, 4] = 1
    weights[1] = torch.eye(7)
    assert checks.induction_score(weights, ids).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("examples", "mistakes"),
    [
        (checks.ATTENTION_EXAMPLES, ATTENTION_MISTAKES),
        (checks.HEADS_EXAMPLES, HEADS_MISTAKES),
        (checks.MASK_EXAMPLES, MASK_MISTAKES),
        (checks.INDUCTION_EXAMPLES, INDUCTION_MISTAKES),
    ],
    ids=["attention", "heads", "mask", "induction"],
)
def test_no_two_mistakes_are_the_same_on_the_examples(examples, mistakes):
    results = [str([mistake(*example) for example in examples]) for mistake in mistakes.values()]
    assert len(set(results)) == len(results)
