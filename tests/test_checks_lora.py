"""The checks of lesson 08 accept right answers, and name the mistake of wrong ones, however those are written."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from llama_lessons.checks import lora, lora_cost
from llama_lessons.checks.exercise import WrongAnswer
from llama_lessons.checks.lora_cost_mistakes import BYTES_MISTAKES, COUNT_MISTAKES
from llama_lessons.checks.lora_mistakes import LORA_MISTAKES, MERGE_MISTAKES
from llama_lessons.config import PRESETS, LlamaConfig
from llama_lessons.lora import LoraLinear, add_lora
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig, make_optimizers
from llama_lessons.widgets.adapters import TARGETS, lora_params, training_bytes
from tests.banks import or_fails, said, twins

BANK = {
    lora.check_lora: (LORA_MISTAKES, lora.LORA_EXAMPLES),
    lora.check_merge: (MERGE_MISTAKES, lora.MERGE_EXAMPLES),
    lora_cost.check_count: (COUNT_MISTAKES, lora_cost.COUNT_EXAMPLES),
    lora_cost.check_training_gb: (BYTES_MISTAKES, lora_cost.BYTES_EXAMPLES),
}
CASES = [(check, advice) for check, (mistakes, _) in BANK.items() for advice in mistakes]


@pytest.mark.parametrize(("check", "advice"), CASES, ids=[f"{c.__name__[6:]}: {a.split(':')[0]}" for c, a in CASES])
def test_every_mistake_of_the_bank_is_rejected_and_named(check, advice):
    with pytest.raises(WrongAnswer) as error:
        check(BANK[check][0][advice])
    assert f"It looks as if {advice}." in said(error)


@pytest.mark.parametrize("check", BANK, ids=lambda check: check.__name__)
def test_no_two_mistakes_are_the_same_on_the_examples(check):
    mistakes, examples = BANK[check]
    run = lora._Observed if check is lora.check_lora else lambda mistake: mistake
    assert twins({advice: or_fails(run(mistake)) for advice, mistake in mistakes.items()}, examples) == []


# The same mistakes once more, written as a reader would write them: the bank must know them by what they do.


class Adapter(nn.Module):
    """A right answer by other means than the lesson's: two linear layers."""

    noise = (True, False)  # of a, of b
    frozen = True

    def __init__(self, layer, rank, alpha):
        super().__init__()
        self.layer = layer
        if self.frozen:
            for weight in layer.parameters():
                weight.requires_grad = False
        self.down, self.up = nn.Linear(layer.in_features, rank, False), nn.Linear(rank, layer.out_features, False)
        for part, noise in zip((self.down, self.up), self.noise, strict=True):
            if not noise:
                nn.init.zeros_(part.weight)
        self.a, self.b, self.alpha, self.rank = self.down.weight, self.up.weight, alpha, rank

    def forward(self, x):
        return self.layer(x) + self.up(self.down(x)) * self.scale()

    def scale(self):
        return self.alpha / self.rank


class NoisyB(Adapter):
    noise = (True, True)


class AllZero(Adapter):
    noise = (False, False)


class Thawed(Adapter):
    frozen = False


class AlphaOnly(Adapter):
    def scale(self):
        return self.alpha


class NoScale(Adapter):
    def scale(self):
        return 1


class RootOfRank(Adapter):
    def scale(self):
        return self.alpha / math.sqrt(self.rank)


class ChangeOnly(Adapter):
    def forward(self, x):
        return self.up(self.down(x)) * self.scale()


class ScalesAll(Adapter):
    def forward(self, x):
        return (self.layer(x) + self.up(self.down(x))) * self.scale()


class Detached(Adapter):
    def forward(self, x):
        return self.layer(x) + (self.up(self.down(x)) * self.scale()).detach()


def no_scale(weight, a, b, alpha):
    return torch.addmm(weight.float(), b, a).to(weight.dtype)


def transposed(weight, a, b, alpha):
    return (weight + (alpha / a.shape[0]) * (a.T @ b.T)).to(weight.dtype)


def wrong_order(weight, a, b, alpha):
    return weight + (a @ b) * alpha / a.shape[0]


def twice(weight, a, b, alpha):
    for _ in range(2):
        weight = (weight.float() + b @ a * alpha / a.shape[0]).to(weight.dtype)
    return weight


def rounds_first(weight, a, b, alpha):
    return weight + ((b @ a) * alpha / a.shape[0]).to(weight.dtype)


def count(config, rank, targets, kv=None, layers=None, parts=(1, 1)):
    kv = config.n_kv_heads * config.head_dim if kv is None else kv
    sizes = {"wq": config.dim, "wo": config.dim, "wk": kv, "wv": kv, "w_down": config.dim}
    n = 0
    for name in targets:
        n_in = config.hidden_dim if name == "w_down" else config.dim
        n += rank * (parts[0] * n_in + parts[1] * sizes.get(name, config.hidden_dim))
    return n * (config.n_layers if layers is None else layers)


HANDWRITTEN = [
    (lora.check_lora, NoisyB, "started b as noise"),
    (lora.check_lora, AllZero, "started both at zero"),
    (lora.check_lora, Thawed, "left the weight to be trained"),
    (lora.check_lora, AlphaOnly, "scaled by alpha:"),
    (lora.check_lora, NoScale, "forgot the scale"),
    (lora.check_lora, RootOfRank, "rsLoRA"),
    (lora.check_lora, ChangeOnly, "left out the layer"),
    (lora.check_lora, ScalesAll, "scaled the layer's own output too"),
    (lora.check_lora, Detached, "without gradients"),
    (lora.check_merge, no_scale, "forgot the scale"),
    (lora.check_merge, transposed, "transposed the product"),
    (lora.check_merge, twice, "merged twice"),
    (lora.check_merge, rounds_first, "rounded the change"),
    (lora_cost.check_count, lambda *example: count(*example, layers=1), "forgot the layers"),
    (lora_cost.check_count, lambda *example: count(*example, parts=(1, 0)), "counted a alone"),
    (lora_cost.check_count, lambda *example: count(*example, parts=(0, 1)), "counted b alone"),
    (lora_cost.check_count, lambda *example: count(*example, kv=example[0].dim), "ignored the key-value heads"),
    (lora_cost.check_count, lambda *example: count(*example, kv=example[0].n_kv_heads), "n_kv_heads rows"),
    (lora_cost.check_training_gb, lambda f, t, size: 16 * (f + t) / 1e9, "as if they were trained"),
    (lora_cost.check_training_gb, lambda f, t, size: (size * f + 12 * t) / 1e9, "12 bytes"),
    (lora_cost.check_training_gb, lambda f, t, size: (size * f + 16 * t) / 2**30, "gave GiB"),
]


@pytest.mark.parametrize(("check", "answer", "name"), HANDWRITTEN, ids=[row[2] for row in HANDWRITTEN])
def test_a_mistake_is_named_however_it_is_written(check, answer, name):
    with pytest.raises(WrongAnswer) as error:
        check(answer)
    assert "It looks as if" in said(error) and name in said(error)


def test_a_product_in_the_wrong_order_is_named_where_it_can_be_computed():
    with pytest.raises(WrongAnswer, match="b @ a, not a @ b"):
        lora.check_merge(wrong_order)


def test_an_answer_that_fails_is_told_its_own_line():
    class MyLora(Adapter):
        def __init__(self, layer, rank, alpha):
            raise TypeError("no such thing")  # here

    with pytest.raises(WrongAnswer) as error:
        lora.check_lora(MyLora)
    assert "MyLora stopped with TypeError: no such thing" in said(error) and "# here" in said(error)


class Package(nn.Module):
    """The package's layer under the names of the exercise."""

    def __init__(self, layer, rank, alpha):
        super().__init__()
        self.layer = LoraLinear(layer.requires_grad_(False), rank, alpha)
        self.a, self.b = self.layer.lora_a, self.layer.lora_b

    def forward(self, x):
        return self.layer(x)


def test_right_answers_are_accepted(capsys):
    lora.check_lora(Adapter)
    lora.check_lora(Package)
    lora.check_merge(lambda w, a, b, alpha: torch.addmm(w.float(), b, a, alpha=alpha / a.shape[0]).type_as(w))
    lora_cost.check_count(count)
    lora_cost.check_count(lora_params)
    lora_cost.check_training_gb(lambda f, t, size: (f * size + t * 16) / 1e9)
    assert capsys.readouterr().out.count("right, on all") == 6


def test_a_at_zero_and_b_as_noise_would_do_as_well(capsys):
    class Reversed(Adapter):
        noise = (False, True)

    lora.check_lora(Reversed)
    assert "right, on all" in capsys.readouterr().out


@pytest.mark.parametrize("check", BANK, ids=lambda check: check.__name__)
def test_a_stub_stops_nothing(check, capsys):
    def my_answer(*arguments):
        raise NotImplementedError("your turn")

    class MyLora(nn.Module):
        def __init__(self, layer, rank, alpha):
            raise NotImplementedError("your turn")

    stub = MyLora if check is lora.check_lora else my_answer
    check(stub)
    assert capsys.readouterr().out == f"{stub.__name__}: not started\n"


def test_a_check_leaves_the_dice_as_they_were():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    lora.check_lora(Adapter)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_reference_is_what_the_package_merges():
    layer = LoraLinear(nn.Linear(5, 4, bias=False), 3, 7.0)
    nn.init.normal_(layer.lora_b)
    wanted = layer.weight + layer.change()
    assert_close(lora.effective_weight(layer.weight, layer.lora_a, layer.lora_b, 7.0), wanted)


@pytest.mark.parametrize("place", TARGETS)
def test_the_counts_are_those_of_real_adapters(place):
    for name in PRESETS:
        config = replace(LlamaConfig.preset(name), n_layers=3)
        with torch.device("meta"):
            n = sum(weight.numel() for weight in add_lora(Llama(config), 4, 8, TARGETS[place]))
        assert n == lora_cost.lora_numbers(config, 4, TARGETS[place]) == lora_params(config, 4, TARGETS[place])


def test_the_memory_is_what_an_optimizer_really_keeps():
    config = LlamaConfig(dim=48, n_layers=2, n_heads=6, n_kv_heads=3, vocab_size=61, hidden_dim=40, max_seq_len=32)
    model = Llama(config)
    trained = add_lora(model, 3, 6)
    [optimizer] = make_optimizers(model, TrainConfig(n_steps=1))
    model(torch.arange(14).reshape(2, 7)).sum().backward()
    optimizer.step()
    weights = sum(weight.nbytes for weight in model.parameters())
    gradients = sum(weight.grad.nbytes for weight in model.parameters() if weight.grad is not None)
    means = sum(state[name].nbytes for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq"))
    n_trained = sum(weight.numel() for weight in trained)
    assert weights + gradients + means == lora_cost.training_gb(config.n_params, n_trained, 4) * 1e9
    parts = training_bytes(config.n_params, n_trained)
    frozen = 2 * config.n_params  # the view counts frozen numbers in 16 bits
    assert list(parts.values()) == [weights - frozen, gradients, means]
