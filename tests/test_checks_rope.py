"""The checks of lesson 03 accept right answers, and name the mistake of wrong ones, however those are written."""

from __future__ import annotations

import math

import pytest
import torch

from llama_lessons.attention import Attention, KVCache
from llama_lessons.checkpoints.names import interleaved_to_half_split
from llama_lessons.checks import rope as checks
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.checks.rope_mistakes import ANGLES_MISTAKES, ROTATE_MISTAKES
from llama_lessons.checks.rope_model_mistakes import EXPORT_MISTAKES, SCORES_MISTAKES
from llama_lessons.config import LlamaConfig
from llama_lessons.rope import rope_angles, rotate
from tests.banks import said

BANK = {
    checks.check_angles: ANGLES_MISTAKES,
    checks.check_rotate: ROTATE_MISTAKES,
    checks.check_scores: SCORES_MISTAKES,
    checks.check_export: EXPORT_MISTAKES,
}
CASES = [(check, advice) for check, mistakes in BANK.items() for advice in mistakes]


@pytest.mark.parametrize(("check", "advice"), CASES, ids=[advice.split(":")[0] for _, advice in CASES])
def test_every_mistake_of_the_bank_is_rejected_and_named(check, advice):
    with pytest.raises(WrongAnswer) as caught:
        check(BANK[check][advice])
    assert " ".join(advice.split()) in said(caught)


# The same mistakes once more, written as a reader would write them: the bank must know them by what they do.


def forgets_the_pair(positions, head_dim, theta):
    return positions[:, None].float().repeat(1, head_dim // 2)


def counts_in_bfloat16(positions, head_dim, theta):
    return positions.bfloat16()[:, None] * theta ** (-torch.arange(0, head_dim, 2) / head_dim)


def gives_all_one_place(q, k, cached):
    angles = rope_angles(torch.tensor([len(cached)]), q.shape[1])  # one row, which serves for all tokens
    q, k = (rotate(x[None, :, None], angles.cos(), angles.sin())[0, :, 0] for x in (q, k))
    return q @ torch.cat((cached, k)).T


def swaps_heads_and_pairs(wq, wk, n_heads, n_kv_heads):
    cut = ((w, w.unflatten(0, (n, -1, 2))) for w, n in ((wq, n_heads), (wk, n_kv_heads)))
    return tuple(by_pair.transpose(0, 1).reshape(w.shape) for w, by_pair in cut)


def doubles_channels(positions, head_dim, theta):
    return torch.outer(positions.float(), theta ** (-2 * torch.arange(0, head_dim, 2) / head_dim))


def pairs_from_one(positions, head_dim, theta):
    return torch.outer(positions.float(), theta ** (-2 * torch.arange(1, head_dim // 2 + 1) / head_dim))


def counts_tokens(positions, head_dim, theta):
    speed = 1 / theta ** (torch.arange(0, head_dim, 2) / head_dim)
    return torch.arange(len(positions))[:, None] * speed


def evenly_spaced_to_the_end(positions, head_dim, theta):
    return positions[:, None] * torch.logspace(0, -math.log10(theta), head_dim // 2)


def ten_thousand(positions, head_dim, theta):
    return positions[:, None] * 10_000 ** -(torch.arange(0, head_dim, 2) / head_dim)


def rotate_half(x):
    a, b = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return torch.cat((-b, a), -1)


def as_transformers_does(x, cos, sin):
    cos, sin = torch.cat((cos, cos), -1)[:, None], torch.cat((sin, sin), -1)[:, None]
    return x * cos + rotate_half(x) * sin


def half_of_both_layouts(x, cos, sin):
    cos, sin = cos.repeat_interleave(2, -1)[:, None], sin.repeat_interleave(2, -1)[:, None]
    return x * cos + rotate_half(x) * sin


def complex_conjugate(x, cos, sin):
    z = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(z * torch.complex(cos, sin).conj()[:, None]).flatten(-2)


def overwrites(x, cos, sin):
    new, cos, sin = x.clone(), cos[:, None], sin[:, None]
    new[..., 0::2] = new[..., 0::2] * cos - new[..., 1::2] * sin
    new[..., 1::2] = new[..., 0::2] * sin + new[..., 1::2] * cos
    return new


def puts_back_as_halves(x, cos, sin):
    even, odd = x[..., ::2], x[..., 1::2]
    cos, sin = cos[:, None, :], sin[:, None, :]
    return torch.cat([even * cos - odd * sin, even * sin + odd * cos], dim=-1)


def broadcasts_over_heads(x, cos, sin):
    out = torch.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return out


def turn(x, positions):
    angles = rope_angles(positions, x.shape[-1])
    return rotate(x[None, :, None], angles.cos(), angles.sin())[0, :, 0]


def starts_at_zero(q, k, cached):
    places = torch.arange(len(q))
    return turn(q, places) @ torch.cat((cached, turn(k, places))).T


def turns_all_keys(q, k, cached):
    n_all = len(cached) + len(k)
    keys = turn(torch.cat((cached, k)), torch.arange(n_all))
    return turn(q, torch.arange(len(cached), n_all)) @ keys.T


def forgets_the_keys(q, k, cached):
    return turn(q, torch.arange(len(q)) + len(cached)) @ torch.cat((cached, k)).T


def one_too_far(q, k, cached):
    places = torch.arange(len(q)) + len(cached) + 1
    return turn(q, places) @ torch.cat((cached, turn(k, places))).T


def permute(weight, n_heads):
    """As the script in transformers spells it."""
    rows, columns = weight.shape
    return weight.view(n_heads, rows // n_heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def permutes_keys_like_queries(wq, wk, n_heads, n_kv_heads):
    return permute(wq, n_heads), permute(wk, n_heads)


def permutes_queries_only(wq, wk, n_heads, n_kv_heads):
    return permute(wq, n_heads), wk.clone()


def permutes_backwards(wq, wk, n_heads, n_kv_heads):
    def back(w, n):
        return w.view(n, 2, len(w) // n // 2, w.shape[1]).transpose(1, 2).reshape(w.shape)

    return back(wq, n_heads), back(wk, n_kv_heads)


def ignores_heads(wq, wk, n_heads, n_kv_heads):
    return torch.cat((wq[0::2], wq[1::2])), torch.cat((wk[0::2], wk[1::2]))


HANDWRITTEN = [
    (checks.check_angles, forgets_the_pair, "one speed"),
    (checks.check_angles, counts_in_bfloat16, "which has no 1001"),
    (checks.check_angles, doubles_channels, "exponent is doubled"),
    (checks.check_angles, pairs_from_one, "counted the pairs from 1"),
    (checks.check_angles, counts_tokens, "counted the tokens anew"),
    (checks.check_angles, evenly_spaced_to_the_end, "head_dim - 2"),
    (checks.check_angles, ten_thousand, "fixed at 10 000"),
    (checks.check_rotate, as_transformers_does, "the two halves, not adjacent pairs"),
    (checks.check_rotate, half_of_both_layouts, "two layouts in one"),
    (checks.check_rotate, complex_conjugate, "the wrong way"),
    (checks.check_rotate, overwrites, "used the new first channel"),
    (checks.check_rotate, puts_back_as_halves, "put them back as two halves"),
    (checks.check_rotate, broadcasts_over_heads, "gave the angles to the heads"),
    (checks.check_scores, starts_at_zero, "ignored the offset: with a cache"),
    (checks.check_scores, gives_all_one_place, "all new tokens one place"),
    (checks.check_scores, turns_all_keys, "cached keys once more"),
    (checks.check_scores, forgets_the_keys, "the keys are not turned"),
    (checks.check_scores, one_too_far, "one too large"),
    (checks.check_export, permutes_keys_like_queries, "you cut wk into n_heads heads"),
    (checks.check_export, swaps_heads_and_pairs, "axis of heads with that of pairs"),
    (checks.check_export, permutes_queries_only, "you left wk as it is"),
    (checks.check_export, permutes_backwards, "the way back"),
    (checks.check_export, ignores_heads, "each head is sorted by itself"),
]


@pytest.mark.parametrize(("check", "answer", "name"), HANDWRITTEN, ids=[row[1].__name__ for row in HANDWRITTEN])
def test_a_mistake_is_named_however_it_is_written(check, answer, name):
    with pytest.raises(WrongAnswer) as caught:
        check(answer)
    assert name in said(caught)


def by_complex_numbers(x, cos, sin):
    z = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(z * torch.complex(cos, sin)[:, None]).flatten(-2)


def by_a_shift(q, k, cached):
    """All places 1000 further: the cached keys are turned on as well, and the scores are the same."""
    new = torch.arange(len(q)) + len(cached) + 1000
    moved = turn(cached, torch.full((len(cached),), 1000))
    return turn(q, new) @ torch.cat((moved, turn(k, new))).T


def test_right_answers_are_accepted(capsys):
    checks.check_angles(rope_angles)
    checks.check_angles(lambda p, d, theta: torch.outer(p.float(), 1 / theta ** (torch.arange(0, d, 2) / d)))
    checks.check_rotate(rotate)
    checks.check_rotate(by_complex_numbers)
    checks.check_scores(lambda q, k, c: turn(q, (n := torch.arange(len(q)) + len(c))) @ torch.cat((c, turn(k, n))).T)
    checks.check_scores(by_a_shift)
    checks.check_export(lambda wq, wk, n, m: (interleaved_to_half_split(wq, n), interleaved_to_half_split(wk, m)))
    checks.check_export(lambda wq, wk, n, m: [permute(wq, n), permute(wk, m)])
    assert capsys.readouterr().out.count("right, on all") == 8


def test_the_reference_scores_are_those_of_the_packages_attention():
    config = LlamaConfig(dim=8, n_layers=1, n_heads=1, n_kv_heads=1, vocab_size=9, hidden_dim=10, max_seq_len=7)
    module, cache = Attention(config), KVCache(config)
    x = torch.randn(1, 7, 8, generator=torch.Generator().manual_seed(0))
    seen = []
    module.observer = seen.append
    with torch.no_grad():
        for part in (slice(0, 4), slice(4, 7)):
            kept = cache.keys[0][0, 0, : cache.length].clone()
            angles = rope_angles(torch.arange(part.start, part.stop), 8)
            module(x[:, part], angles.cos(), angles.sin(), cache)
            cache.length = part.stop
        scores = checks.scores(module.wq(x[0, part]), module.wk(x[0, part]), kept) / 8**0.5
    future = ~torch.ones(3, 7).tril(4).bool()
    torch.testing.assert_close(scores.masked_fill(future, -torch.inf).softmax(-1), seen[-1][0, 0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("examples", "mistakes"),
    [
        (checks.ANGLES_EXAMPLES, ANGLES_MISTAKES),
        (checks.ROTATE_EXAMPLES, ROTATE_MISTAKES),
        (checks.SCORES_EXAMPLES, SCORES_MISTAKES),
        (checks.EXPORT_EXAMPLES, EXPORT_MISTAKES),
    ],
    ids=["angles", "rotate", "scores", "export"],
)
def test_no_two_mistakes_are_the_same_on_the_examples(examples, mistakes):
    def results(mistake):
        found = []
        for example in examples:
            try:
                found.append(mistake(*example))
            except RuntimeError as error:
                found.append(error)
        return str(found)

    assert len({results(mistake) for mistake in mistakes.values()}) == len(mistakes)
