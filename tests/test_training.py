import math
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from llama_lessons.batches import IGNORE, Batch, token_loss
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.training import TrainConfig, Trainer, make_optimizers

ROOT = Path(__file__).parents[1]
CONFIG = LlamaConfig(dim=24, n_layers=2, n_heads=6, n_kv_heads=3, vocab_size=31, hidden_dim=20, max_seq_len=16)
RECIPE = TrainConfig(n_steps=12, peak_lr=3e-3, warmup_steps=3)
MUON = replace(RECIPE, muon_lr=0.02, grad_accum_steps=2)


def batch_at(step: int) -> Batch:
    rows = torch.randint(31, (5, 9), generator=torch.Generator().manual_seed(step))
    return Batch(rows[:, :-1], rows[:, 1:])


def make_trainer(recipe: TrainConfig = RECIPE) -> Trainer:
    torch.manual_seed(0)
    return Trainer(Llama(CONFIG), recipe, batch_at)


def test_the_learning_rate_warms_up_and_falls_to_a_tenth():
    recipe = TrainConfig(n_steps=104, warmup_steps=4)
    shares = [recipe.lr_factor(step) for step in range(104)]
    assert shares[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert shares[4:] == sorted(shares[4:], reverse=True)
    assert shares[103] == pytest.approx(0.1)
    assert shares[4 + 33] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 3)) / 2)  # a third of the way


def test_one_step_is_adamw_by_hand():
    """The first step of AdamW moves every weight by lr * g / (|g| + eps), after decaying matrices by lr * decay."""
    trainer = make_trainer(replace(RECIPE, n_steps=1, warmup_steps=0, max_grad_norm=0.5, weight_decay=0.3))
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    batch = batch_at(0)
    (token_loss(trainer.model(batch.tokens), batch.targets) / 40).backward()
    gradients = {name: weight.grad.clone() for name, weight in trainer.model.named_parameters()}
    norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients.values()))
    [record] = trainer.run()
    assert record.grad_norm == pytest.approx(norm, rel=1e-5)
    assert norm > 0.5
    for name, weight in trainer.model.named_parameters():
        gradient = gradients[name] * 0.5 / norm
        decayed = before[name] * (1 - 3e-3 * 0.3) if weight.dim() == 2 else before[name]
        assert_close(weight.detach(), decayed - 3e-3 * gradient / (gradient.abs() + 1e-5), rtol=1e-4, atol=1e-6)


def test_accumulated_parts_make_the_step_of_the_whole():
    whole, parts = make_trainer(), make_trainer(replace(RECIPE, grad_accum_steps=3))
    losses = [[record.loss for record in trainer.run(4)] for trainer in (whole, parts)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert_close(whole.model.state_dict(), parts.model.state_dict(), rtol=1e-3, atol=1e-5)


def test_muon_gets_the_matrices_of_the_blocks_and_adamw_the_rest():
    model = Llama(CONFIG)
    adamw, muon = make_optimizers(model, MUON)
    names = {id(weight): name for name, weight in model.named_parameters()}
    theirs = [names[id(weight)] for group in muon.param_groups for weight in group["params"]]
    assert len(theirs) == 2 * 7
    assert all(name.startswith("blocks.") and "norm" not in name for name in theirs)
    matrices, vectors = ([names[id(weight)] for weight in group["params"]] for group in adamw.param_groups)
    assert matrices == ["embedding.weight", "output.weight"]
    assert len(vectors) == 5
    assert [group["weight_decay"] for group in adamw.param_groups] == [0.1, 0.0]


def test_muon_keeps_its_own_rate_and_decay():
    trainer = make_trainer(replace(MUON, n_steps=1, warmup_steps=0, weight_decay=0.5))
    weight = trainer.model.blocks[1].attention.wo.weight
    before = weight.detach().clone()
    list(trainer.run())
    step = weight.detach() - before * (1 - 3e-3 * 0.5)
    sizes = torch.linalg.svdvals(step) / 0.02  # Muon turns the gradient into a step of size 1 in every direction it has
    assert 0.8 < sizes.max() < 1.3
    assert (sizes > 0.5).sum() > 10
    [group] = trainer.optimizers[1].param_groups
    assert group["lr"] * group["weight_decay"] == pytest.approx(3e-3 * 0.5)  # as much as AdamW's matrices shrink


def test_bf16_computes_products_in_bfloat16_and_keeps_weights_in_float32():
    trainer = make_trainer(replace(RECIPE, n_steps=1, bf16=True))
    seen = []
    trainer.model.output.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    list(trainer.run())
    assert seen == [torch.bfloat16]
    assert {weight.dtype for weight in trainer.model.parameters()} == {torch.float32}


def test_a_batch_that_asks_for_nothing_is_an_error():
    trainer = make_trainer()
    trainer.batch_at = lambda step: Batch(torch.ones(2, 3, dtype=torch.int64), torch.full((2, 3), IGNORE))
    with pytest.raises(ValueError, match="the batch of step 0 asks for nothing"):
        next(trainer.run())
    assert trainer.step == 0


def test_frozen_weights_stay_out_of_the_optimizer():
    model = Llama(CONFIG)
    model.embedding.requires_grad_(False)
    [adamw] = make_optimizers(model, RECIPE)
    assert all(weight is not model.embedding.weight for group in adamw.param_groups for weight in group["params"])


def test_training_lowers_the_loss_on_what_repeats():
    trainer = make_trainer(replace(RECIPE, n_steps=60))
    trainer.batch_at = lambda step: batch_at(0)
    losses = [record.loss for record in trainer.run()]
    assert losses[0] == pytest.approx(math.log(31), rel=0.02)
    assert losses[-1] < losses[0] / 2


def test_two_workers_make_the_bits_of_one():
    one, two = (
        make_trainer(replace(RECIPE, grad_accum_steps=3)),
        make_trainer(replace(RECIPE, grad_accum_steps=3, workers=2)),
    )
    losses = [[record.loss for record in trainer.run(4)] for trainer in (one, two)]
    assert losses[0] == losses[1]
    assert_close(two.model.state_dict(), one.model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("recipe", [RECIPE, MUON])
def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path, recipe):
    straight, first, second = make_trainer(recipe), make_trainer(recipe), make_trainer(recipe)
    list(straight.run())
    list(first.run(7))
    first.save(tmp_path / "state.pt")
    second.load(tmp_path / "state.pt")
    list(second.run())
    assert_close(second.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)
    for ours, theirs in zip(second.records, straight.records, strict=True):
        assert replace(ours, seconds=0) == replace(theirs, seconds=0)


def test_an_interrupted_step_is_done_again(monkeypatch):
    straight, stopped = make_trainer(), make_trainer()
    list(straight.run())

    def interrupt(batch):
        raise KeyboardInterrupt

    list(stopped.run(5))
    with monkeypatch.context() as patch:
        patch.setattr(stopped, "_accumulate_gradients", interrupt)
        with pytest.raises(KeyboardInterrupt):
            list(stopped.run())
    list(stopped.run())
    assert_close(stopped.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no pthread_kill on this system")
@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_an_interrupted_update_is_done_to_its_end(place):
    """Ctrl-C while the optimizers write: the wait ends at once, and what they write is neither lost nor done twice."""
    straight, stopped = make_trainer(MUON), make_trainer(MUON)
    list(straight.run())
    first, second = stopped.optimizers
    interrupted = first if place == "before" else second
    once = iter([True])

    def step(own=interrupted.step):
        if place == "after":
            own()
        if next(once, False):
            main = threading.main_thread().ident
            signal.pthread_kill(main, signal.SIGINT)  # as the interrupt button does: only the main thread hears it
            time.sleep(0.05)  # it has stopped waiting when the weights are written
        if place != "after":
            own()

    interrupted.step = step
    with pytest.raises(KeyboardInterrupt):
        list(stopped.run())
    list(stopped.run())
    assert len(stopped.records) == 12
    assert_close(stopped.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)


def test_the_progress_bar_can_be_left_out(capsys):
    trainer = make_trainer()
    list(trainer.run(3, bar=False))
    assert capsys.readouterr().err == ""
    list(trainer.run(3))
    assert "training" in capsys.readouterr().err


def test_another_recipe_is_refused(tmp_path):
    make_trainer().save(tmp_path / "state.pt")
    with pytest.raises(ValueError, match=r"written with another recipe: .*'peak_lr': 0.003"):
        make_trainer(replace(RECIPE, peak_lr=1e-3)).load(tmp_path / "state.pt")


CHILD = """
import sys
from tests.test_training import MUON, make_trainer
trainer = make_trainer(MUON)
for record in trainer.run():
    trainer.save(sys.argv[1])
    print(record.step, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_process_loses_nothing_it_saved(tmp_path):
    state = tmp_path / "state.pt"
    process = subprocess.Popen([sys.executable, "-c", CHILD, state], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    while process.stdout.readline().strip() != "4":
        assert process.poll() is None
    process.kill()
    process.wait()
    resumed, straight = make_trainer(MUON), make_trainer(MUON)
    resumed.load(state)
    assert resumed.step >= 4
    list(resumed.run())
    list(straight.run())
    assert_close(resumed.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)
