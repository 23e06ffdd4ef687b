"""The checks of lesson 05 accept right answers, and name the mistake of wrong ones, however those are written."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from llama_lessons.checks import full_model, model_parts
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.checks.full_model_mistakes import BLOCK_MISTAKES, COUNT_MISTAKES
from llama_lessons.checks.model_parts_mistakes import FEED_FORWARD_MISTAKES, NORM_MISTAKES
from llama_lessons.config import PRESETS, LlamaConfig
from llama_lessons.feed_forward import FeedForward
from llama_lessons.norm import RMSNorm
from tests.banks import or_fails, said, twins

BANK = {
    model_parts.check_rms_norm: (NORM_MISTAKES, model_parts.NORM_EXAMPLES),
    model_parts.check_feed_forward: (FEED_FORWARD_MISTAKES, model_parts.FEED_FORWARD_EXAMPLES),
    full_model.check_block: (BLOCK_MISTAKES, full_model.BLOCK_EXAMPLES),
    full_model.check_count: (COUNT_MISTAKES, full_model.COUNT_EXAMPLES),
}
CASES = [(check, advice) for check, (mistakes, _) in BANK.items() for advice in mistakes]


@pytest.mark.parametrize(("check", "advice"), CASES, ids=[f"{c.__name__[6:]}: {a.split(':')[0]}" for c, a in CASES])
def test_every_mistake_of_the_bank_is_rejected_and_named(check, advice):
    with pytest.raises(WrongAnswer) as error:
        check(BANK[check][0][advice])
    if "Its shape is" in said(error):  # the shape alone gives it away
        assert advice.startswith(("you forgot w_down", "you forgot to transpose")), said(error)
    else:
        assert f"It looks as if {advice}." in said(error)


@pytest.mark.parametrize("check", BANK, ids=lambda check: check.__name__)
def test_no_two_mistakes_are_the_same_on_the_examples(check):
    mistakes, examples = BANK[check]
    assert twins({advice: or_fails(mistake) for advice, mistake in mistakes.items()}, examples) == []


# The same mistakes once more, written as a reader would write them: the bank must know them by what they do.


def layer_norm(x, weight, eps):
    return nn.functional.layer_norm(x.float(), x.shape[-1:], eps=eps).type_as(x) * weight


def eps_behind_the_root(x, weight, eps):
    length = torch.linalg.vector_norm(x.float(), dim=-1, keepdim=True) / x.shape[-1] ** 0.5
    return weight * (x / (length + eps)).type_as(x)


def eps_as_least_length(x, weight, eps):
    length = torch.linalg.vector_norm(x.float(), dim=-1, keepdim=True) / x.shape[-1] ** 0.5
    return weight * (x / length.clamp(min=eps)).type_as(x)


def no_root(x, weight, eps):
    return (x.float() / (x.float().pow(2).mean(dim=-1, keepdim=True) + eps)).to(x.dtype) * weight


def weight_first(x, weight, eps):
    scaled = weight * x
    return (scaled.float() * torch.rsqrt(scaled.float().pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype)


def over_the_tokens(x, weight, eps):
    y = x.float().transpose(-1, -2)
    return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps)).transpose(-1, -2).to(x.dtype) * weight


def in_half_precision(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def unit_length(x, weight, eps):
    return x * torch.rsqrt((x.float() ** 2).sum(-1, keepdim=True) + eps).to(x.dtype) * weight


def gate_and_up_swapped(x, w_gate, w_up, w_down):
    up = nn.functional.linear(x, w_up)
    return nn.functional.linear(nn.functional.linear(x, w_gate) * (up * torch.sigmoid(up)), w_down)


def first_glu(x, w_gate, w_up, w_down):
    hidden = nn.functional.glu(torch.cat((x @ w_up.T, x @ w_gate.T), -1), -1)
    return hidden @ w_down.T


def reglu(x, w_gate, w_up, w_down):
    return ((x @ w_gate.T).clamp(min=0) * (x @ w_up.T)) @ w_down.T


def with_residual(x, w_gate, w_up, w_down):
    return x + (nn.functional.silu(x @ w_gate.T) * (x @ w_up.T)) @ w_down.T


def of_2017(x, attention, attention_norm, feed_forward, feed_forward_norm):
    h = attention_norm(attention(x) + x)
    out = feed_forward(h)
    return feed_forward_norm(out + h)


def no_residual(x, attention, attention_norm, feed_forward, feed_forward_norm):
    return feed_forward(feed_forward_norm(attention(attention_norm(x))))


def reads_the_old_x(x, attention, attention_norm, feed_forward, feed_forward_norm):
    a = attention(attention_norm(x))
    f = feed_forward(feed_forward_norm(x))
    return x + a + f


def keeps_the_copy(x, attention, attention_norm, feed_forward, feed_forward_norm):
    h = attention_norm(x)
    h = h + attention(h)
    n = feed_forward_norm(h)
    return n + feed_forward(n)


def no_norm(x, attention, attention_norm, feed_forward, feed_forward_norm):
    h = attention(x) + x
    return feed_forward(h) + h


def counts(config, tables=None, norms=2, kv=None, last=1):
    c, kv = config.dim, config.n_kv_heads * config.head_dim if kv is None else kv
    tables = (1 if config.tie_embeddings else 2) if tables is None else tables
    layer = c * c + 2 * kv * c + c * c + 3 * c * config.hidden_dim + norms * c
    return tables * config.vocab_size * c + config.n_layers * layer + last * c


HANDWRITTEN = [
    (model_parts.check_rms_norm, layer_norm, "LayerNorm"),
    (model_parts.check_rms_norm, eps_behind_the_root, "eps outside the root"),
    (model_parts.check_rms_norm, eps_as_least_length, "least length"),
    (model_parts.check_rms_norm, no_root, "forgot the root"),
    (model_parts.check_rms_norm, weight_first, "weight before the norm"),
    (model_parts.check_rms_norm, over_the_tokens, "mean over the tokens"),
    (model_parts.check_rms_norm, in_half_precision, "squared in float16"),
    (model_parts.check_rms_norm, unit_length, "sum of the squares"),
    (model_parts.check_feed_forward, gate_and_up_swapped, "swapped gate and up"),
    (model_parts.check_feed_forward, first_glu, "sigmoid instead of silu"),
    (model_parts.check_feed_forward, reglu, "relu instead of silu"),
    (model_parts.check_feed_forward, with_residual, "added x to the result"),
    (full_model.check_block, of_2017, "post-norm"),
    (full_model.check_block, no_residual, "forgot both residuals"),
    (full_model.check_block, reads_the_old_x, "read the old x"),
    (full_model.check_block, keeps_the_copy, "normalised copy"),
    (full_model.check_block, no_norm, "forgot both norms"),
    (full_model.check_count, lambda config: counts(config, tables=1), "counted one table"),
    (full_model.check_count, lambda config: counts(config, tables=2), "counted a tied table twice"),
    (full_model.check_count, lambda config: counts(config, norms=0, last=0), "forgot the norms"),
    (full_model.check_count, lambda config: counts(config, norms=1), "one norm a block"),
    (full_model.check_count, lambda config: counts(config, last=0), "forgot the last norm"),
    (full_model.check_count, lambda config: counts(config, kv=config.dim), "ignored the key-value heads"),
    (full_model.check_count, lambda config: counts(config, kv=config.n_kv_heads), "n_kv_heads rows"),
]


@pytest.mark.parametrize(("check", "answer", "name"), HANDWRITTEN, ids=[row[2] for row in HANDWRITTEN])
def test_a_mistake_is_named_however_it_is_written(check, answer, name):
    with pytest.raises(WrongAnswer) as error:
        check(answer)
    assert "It looks as if" in said(error) and name in said(error)


def torch_norm(x, weight, eps):
    return nn.functional.rms_norm(x.float(), x.shape[-1:], eps=eps).type_as(x) * weight


def linear_layers(x, w_gate, w_up, w_down):
    layer = FeedForward(w_gate.shape[1], w_gate.shape[0])
    layer.load_state_dict({"w_gate.weight": w_gate, "w_up.weight": w_up, "w_down.weight": w_down})
    return layer(x).detach()


def two_lines(x, attention, attention_norm, feed_forward, feed_forward_norm):
    x = x + attention(attention_norm(x))
    return x + feed_forward(feed_forward_norm(x))


def test_right_answers_are_accepted(capsys):
    model_parts.check_rms_norm(torch_norm)
    model_parts.check_feed_forward(linear_layers)
    full_model.check_block(two_lines)
    full_model.check_count(counts)
    full_model.check_count(lambda config: config.n_params)
    assert capsys.readouterr().out.count("right, on all") == 5


def test_weighting_before_or_after_the_rounding_to_float16_are_both_right(capsys):
    model_parts.check_rms_norm(lambda x, weight, eps: (torch_norm(x.float(), weight.float(), eps)).type_as(x))
    assert "right, on all" in capsys.readouterr().out


def test_who_forgets_head_and_norms_is_not_told_of_the_feed_forward_layer():
    with pytest.raises(WrongAnswer) as told:
        full_model.check_count(lambda config: counts(config, tables=1, norms=0, last=0))
    assert "two matrices" not in str(told.value)


@pytest.mark.parametrize("check", BANK, ids=lambda check: check.__name__)
def test_a_stub_stops_nothing(check, capsys):
    def my_answer(*arguments):
        raise NotImplementedError("your turn")

    check(my_answer)
    assert capsys.readouterr().out == "my_answer: not started\n"


def test_the_references_are_what_the_package_computes():
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    norm = RMSNorm(4, eps=0.01)
    norm.weight.data = torch.tensor([1.0, -2.0, 3.0, 0.5])
    assert_close(model_parts.rms_norm(x, norm.weight.data, 0.01), norm(x).detach())
    layer = FeedForward(4, 7)
    weights = [matrix.weight.data for matrix in (layer.w_gate, layer.w_up, layer.w_down)]
    assert_close(model_parts.feed_forward(x, *weights), layer(x).detach())


@pytest.mark.parametrize("name", PRESETS)
def test_the_count_of_what_is_built_is_the_config_s_own(name):
    assert full_model.count(LlamaConfig.preset(name)) == LlamaConfig.preset(name).n_params


def test_a_block_s_message_shows_the_parts_by_their_rules():
    with pytest.raises(WrongAnswer) as error:
        full_model.check_block(of_2017)
    assert "<attention: 10 * x>" in str(error.value) and "0x" not in str(error.value)
