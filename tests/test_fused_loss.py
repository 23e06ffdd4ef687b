"""The loss that is fused with the head is the loss of the plain road, and is taken only where nothing is lost by it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.module import register_module_forward_hook
from torch.testing import assert_close

from llama_lessons import training
from llama_lessons.batches import IGNORE, Batch
from llama_lessons.config import LlamaConfig
from llama_lessons.fused_loss import can_fuse
from llama_lessons.lora import add_lora
from llama_lessons.lora.adapters import LoraLinear
from llama_lessons.model import Llama
from llama_lessons.training import TrainConfig, Trainer, next_token_loss

SHAPE = {
    "dim": 8,
    "n_layers": 2,
    "n_heads": 2,
    "n_kv_heads": 1,
    "vocab_size": 150,
    "hidden_dim": 12,
    "max_seq_len": 160,
}
fused_here = pytest.mark.skipif(
    not hasattr(nn, "LinearCrossEntropyOptions"), reason="this PyTorch cannot fuse head and loss"
)


def make_model(**other) -> Llama:
    torch.manual_seed(0)
    return Llama(LlamaConfig(**(SHAPE | other)))


def batch(n_rows: int = 3) -> Batch:
    """More places than are computed at once, some of which ask for nothing."""
    rows = torch.randint(150, (n_rows, 151), generator=torch.Generator().manual_seed(1))
    targets = rows[:, 1:].clone()
    targets[:, ::7] = IGNORE
    return Batch(rows[:, :-1], targets)


def plain_loss(model: Llama, part: Batch) -> torch.Tensor:
    logits = model(part.tokens)
    return functional.cross_entropy(logits.flatten(0, 1), part.targets.flatten(), ignore_index=IGNORE, reduction="sum")


def gradients(model: Llama, loss) -> dict[str, torch.Tensor]:
    model.zero_grad()
    (loss(model, batch()) / 7).backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("tied", [False, True], ids=["a head of its own", "tied"])
@pytest.mark.parametrize("frozen", [False, True], ids=["trained", "head frozen"])
def test_loss_and_gradients_are_those_of_the_plain_road(tied, frozen):
    model = make_model(tie_embeddings=tied)
    model.output.requires_grad_(not frozen)
    assert_close(next_token_loss(model, batch()), plain_loss(model, batch()), rtol=1e-5, atol=0)
    assert_close(gradients(model, next_token_loss), gradients(model, plain_loss), rtol=1e-4, atol=1e-5)


def test_training_is_the_same_without_the_fused_operation(monkeypatch):
    runs = []
    for _ in range(2):
        trainer = Trainer(make_model(), TrainConfig(n_steps=4, peak_lr=3e-3), lambda step: batch())
        runs.append(([metrics.loss for metrics in trainer.run()], trainer.model.state_dict()))
        monkeypatch.delattr(nn, "LinearCrossEntropyOptions", raising=False)
    assert runs[0][0] == pytest.approx(runs[1][0], rel=1e-5)
    assert_close(runs[0][1], runs[1][1], rtol=1e-3, atol=1e-5)


@fused_here
def test_a_wide_float32_matrix_is_fused_and_nothing_else():
    model, hidden = make_model(), torch.randn(5, 8)
    assert can_fuse(model.output, hidden)
    assert not can_fuse(nn.Linear(8, 150), hidden)  # a bias
    assert not can_fuse(nn.Linear(8, 63, bias=False), hidden)  # too narrow for it to pay
    assert not can_fuse(model.output, hidden.bfloat16())
    assert not can_fuse(model.output.double(), hidden.double())
    with torch.autocast("cpu", torch.bfloat16):
        assert not can_fuse(make_model().output, hidden)


def test_an_adapter_on_the_head_is_trained():
    model = make_model()
    add_lora(model, 2, 4)
    model.output = LoraLinear(model.output, 3, 6)
    nn.init.normal_(model.output.lora_b)
    assert_close(next_token_loss(model, batch()), plain_loss(model, batch()), rtol=1e-5, atol=0)
    ours, theirs = gradients(model, next_token_loss), gradients(model, plain_loss)
    assert "output.lora_a" in ours
    assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def _double(head: nn.Linear) -> None:
    head.register_forward_hook(lambda module, inputs, logits: 2 * logits)


def _halve_input(head: nn.Linear) -> None:
    head.register_forward_pre_hook(lambda module, inputs: (inputs[0] / 2,))


def _own_forward(head: nn.Linear) -> None:
    head.forward = lambda hidden: functional.linear(hidden, head.weight).tanh()


def _normed(head: nn.Linear) -> None:
    nn.utils.parametrizations.weight_norm(head)


@pytest.mark.parametrize("change", [_double, _halve_input, _own_forward, _normed])
def test_what_is_hung_on_the_head_counts(change):
    model = make_model()
    change(model.output)
    assert_close(next_token_loss(model, batch()), plain_loss(model, batch()), rtol=1e-5, atol=0)


def test_a_hook_on_all_modules_counts():
    model = make_model()
    with register_module_forward_hook(lambda module, inputs, out: 2 * out if module is model.output else None):
        assert_close(next_token_loss(model, batch()), plain_loss(model, batch()), rtol=1e-5, atol=0)


def test_a_part_that_asks_for_nothing_has_no_loss():
    nothing = Batch(torch.ones(2, 5, dtype=torch.int64), torch.full((2, 5), IGNORE))
    assert next_token_loss(make_model(), nothing).item() == 0


def test_a_token_loss_in_place_of_the_packages_is_asked(monkeypatch):
    monkeypatch.setattr(training, "token_loss", lambda logits, targets: logits.sum() + targets.sum())
    model, part = make_model(), batch()
    asks = part.targets != IGNORE
    assert_close(next_token_loss(model, part), model(part.tokens)[asks].sum() + part.targets[asks].sum())
