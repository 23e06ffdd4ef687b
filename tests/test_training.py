import copy
import math
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import pytest
import torch
from torch import nn
from torch.nn.functional import logsigmoid
from torch.testing import assert_close

from llama_lessons import training
from llama_lessons.batches import IGNORE, Batch, token_loss
from llama_lessons.config import LlamaConfig
from llama_lessons.lora import add_lora
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig, make_optimizers
from llama_lessons.training import Trainer

ROOT = Path(__file__).parents[1]
CONFIG = LlamaConfig(dim=24, n_layers=2, n_heads=6, n_kv_heads=3, vocab_size=31, hidden_dim=20, max_seq_len=16)
RUN = TrainConfig(n_steps=12, peak_lr=3e-3, warmup_steps=3)
MUON = replace(RUN, muon_lr=0.02, grad_accum_steps=2)


def batch_at(step: int) -> Batch:
    rows = torch.randint(31, (5, 9), generator=torch.Generator().manual_seed(step))
    return Batch(rows[:, :-1], rows[:, 1:])


def make_trainer(config: TrainConfig = RUN) -> Trainer:
    torch.manual_seed(0)
    return Trainer(Llama(CONFIG), config, batch_at)


def test_the_learning_rate_warms_up_and_falls_to_a_tenth():
    config = TrainConfig(n_steps=104, warmup_steps=4)
    shares = [config.lr_factor(step) for step in range(104)]
    assert shares[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert shares[4:] == sorted(shares[4:], reverse=True)
    assert shares[103] == pytest.approx(0.1)
    assert shares[4 + 33] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 3)) / 2)  # a third of the way


def test_one_step_is_adamw_by_hand():
    """The first step of AdamW moves every weight by lr * g / (|g| + eps), after decaying matrices by lr * decay."""
    trainer = make_trainer(replace(RUN, n_steps=1, warmup_steps=0, max_grad_norm=0.5, weight_decay=0.3))
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
    whole, parts = make_trainer(), make_trainer(replace(RUN, grad_accum_steps=3))
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
    trainer = Trainer(Llama(CONFIG), replace(RUN, n_steps=1), batch_at, bf16=True)
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
    [adamw] = make_optimizers(model, RUN)
    assert all(weight is not model.embedding.weight for group in adamw.param_groups for weight in group["params"])


def test_training_lowers_the_loss_on_what_repeats():
    trainer = make_trainer(replace(RUN, n_steps=60))
    trainer.batch_at = lambda step: batch_at(0)
    losses = [record.loss for record in trainer.run()]
    assert losses[0] == pytest.approx(math.log(31), rel=0.02)
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("config", [RUN, MUON])
def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path, config):
    straight, first, second = make_trainer(config), make_trainer(config), make_trainer(config)
    list(straight.run())
    list(first.run(7))
    first.save(tmp_path / "state.pt")
    second.load(tmp_path / "state.pt")
    list(second.run())
    assert_close(second.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)
    for ours, theirs in zip(second.history, straight.history, strict=True):
        assert replace(ours, seconds=0) == replace(theirs, seconds=0)


def test_an_interrupted_step_is_done_again(monkeypatch):
    straight, stopped = make_trainer(), make_trainer()
    list(straight.run())

    def interrupt(batch):
        raise KeyboardInterrupt

    list(stopped.run(5))
    with monkeypatch.context() as patch:
        patch.setattr(stopped, "_compute_gradients", interrupt)
        with pytest.raises(KeyboardInterrupt):
            list(stopped.run())
    list(stopped.run())
    assert_close(stopped.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises KeyboardInterrupt, as at a prompt: in the background a shell may have it ignored."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_an_interrupted_update_is_done_to_its_end(place):
    """Ctrl-C while the optimizers write: what they write is neither lost nor done twice, and then it is heard."""
    straight, stopped = make_trainer(MUON), make_trainer(MUON)
    list(straight.run())
    first, second = stopped.optimizers
    interrupted = first if place == "before" else second
    once = iter([True])

    def step(own=interrupted.step):
        if place == "after":
            own()
        if next(once, False):
            signal.raise_signal(signal.SIGINT)
        if place != "after":
            own()

    interrupted.step = step
    with pytest.raises(KeyboardInterrupt):
        list(stopped.run())
    assert stopped.step == len(stopped.history) == 1
    list(stopped.run())
    assert_close(stopped.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)


def test_where_ctrl_c_is_ignored_it_stays_ignored():
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        trainer = make_trainer()
        trainer.optimizers[0].register_step_pre_hook(lambda *_: signal.raise_signal(signal.SIGINT))
        assert len(list(trainer.run(2))) == 2
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, usual)


def test_training_works_in_a_thread_where_signals_cannot_be_held_back():
    trainer, straight = make_trainer(), make_trainer()
    thread = threading.Thread(target=lambda: list(trainer.run(2, bar=False)))
    thread.start()
    thread.join()
    list(straight.run(2))
    assert_close(trainer.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)


def test_frozen_weights_have_no_say_in_clipping_and_no_gradient_is_kept():
    trainers = [make_trainer(replace(RUN, max_grad_norm=0.1)) for _ in range(2)]
    for trainer, left_over in zip(trainers, (None, torch.full((31, 24), 1e3)), strict=True):
        trainer.model.output.requires_grad_(False)
        trainer.model.output.weight.grad = left_over  # from a pass of the reader's own
        list(trainer.run(2))
        assert all(weight.grad is None for weight in trainer.model.parameters())
    assert trainers[0].history[0].grad_norm == trainers[1].history[0].grad_norm > 0.1
    assert_close(trainers[0].model.state_dict(), trainers[1].model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_too_narrow_for_small_steps_are_refused(dtype):
    with pytest.raises(ValueError, match=rf"embedding.weight in {dtype}.*dtype=torch.float32"):
        Trainer(Llama(CONFIG).to(dtype), RUN, batch_at)
    adapted = Llama(CONFIG).to(dtype)
    add_lora(adapted, 2, 4)
    list(Trainer(adapted, RUN, batch_at).run(1))  # what is frozen may be narrow


def test_a_model_with_nothing_to_train_is_refused():
    with pytest.raises(ValueError, match="all are frozen"):
        Trainer(Llama(CONFIG).requires_grad_(False), RUN, batch_at)


SPOILED = {  # what comes down from the loss
    "the loss is nan": lambda loss: loss * math.nan,
    "the loss is infinite": lambda loss: loss + math.inf,
    "a gradient is infinite": lambda loss: loss.register_hook(lambda gradient: gradient * math.inf) and loss,
}


@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize(
    "config", [RUN, MUON, replace(RUN, max_grad_norm=math.inf)], ids=["adamw", "muon", "unclipped"]
)
def test_a_step_that_is_not_finite_changes_nothing(how, config, tmp_path):
    straight, stopped = make_trainer(config), make_trainer(config)
    list(straight.run())
    whole = stopped.loss

    list(stopped.run(3))
    stopped.save(tmp_path / "state.pt")
    state, before = (tmp_path / "state.pt").read_bytes(), copy.deepcopy(stopped.model.state_dict())
    stopped.loss = lambda model, part: SPOILED[how](whole(model, part))
    with pytest.raises(FloatingPointError, match=r"step 4 stops, on batch_at\(3\).*No weight was changed"):
        list(stopped.run())
    assert stopped.step == len(stopped.history) == 3
    assert_close(stopped.model.state_dict(), before, rtol=0, atol=0)
    assert (tmp_path / "state.pt").read_bytes() == state
    stopped.loss = whole  # nor do the optimizers remember it
    list(stopped.run())
    assert_close(stopped.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)


def test_weights_that_are_no_numbers_are_not_saved_over_a_good_state(tmp_path):
    trainer = make_trainer()
    trainer.save(tmp_path / "state.pt")
    good = (tmp_path / "state.pt").read_bytes()
    with torch.no_grad():
        trainer.model.norm.weight[3] = math.inf
    with pytest.raises(ValueError, match=r"norm.weight and 0 more hold NaN or infinity.*state.pt"):
        trainer.save(tmp_path / "state.pt")
    assert (tmp_path / "state.pt").read_bytes() == good


@dataclass(frozen=True)
class Pairs:
    """Better and worse answers, as a reward model reads them: rows (P, T), and how much better, (P,)."""

    better: torch.Tensor
    worse: torch.Tensor
    margin: torch.Tensor

    @property
    def n_targets(self) -> int:
        return len(self.margin)

    @property
    def n_tokens(self) -> int:
        return self.better.numel() + self.worse.numel()

    def to(self, device):
        return Pairs(self.better.to(device), self.worse.to(device), self.margin.to(device))

    def split(self, n_parts):
        return [Pairs(*rows) for rows in zip(*(x.tensor_split(n_parts) for x in vars(self).values()), strict=True)]


def pair_loss(model, part):
    better, worse = (model.hidden(rows)[:, -1, 0] for rows in (part.better, part.worse))
    return -logsigmoid(better - worse - part.margin).sum()


def test_a_reward_model_is_trained_by_the_same_loop():
    """Pairs instead of rows, another loss: three parts of one, two and no targets take the step of the mean by hand."""
    generator = torch.Generator().manual_seed(0)
    pairs = Pairs(*torch.randint(31, (2, 5, 7), generator=generator), torch.rand(5, generator=generator))
    torch.manual_seed(0)
    model = Llama(CONFIG)
    head, by_hand = model.output.weight.detach().clone(), copy.deepcopy(model)
    trainer = Trainer(model, replace(RUN, grad_accum_steps=3, warmup_steps=0), lambda step: pairs, pair_loss)
    [metrics] = trainer.run(1)
    loss = pair_loss(by_hand, pairs) / 5
    loss.backward()
    by_hand.output.weight.grad = None
    nn.utils.clip_grad_norm_(by_hand.parameters(), 1.0)
    make_optimizers(by_hand, RUN)[0].step()
    assert metrics.loss == pytest.approx(float(loss.detach()), rel=1e-5) and metrics.n_tokens == 2 * 5 * 7
    assert_close(model.state_dict(), by_hand.state_dict(), rtol=1e-4, atol=1e-6)
    assert torch.equal(model.output.weight, head)  # no part of the loss, so not decayed either


def test_the_default_loss_asks_token_loss(monkeypatch):
    monkeypatch.setattr(training, "token_loss", lambda logits, targets: token_loss(logits, targets) * math.nan)
    with pytest.raises(FloatingPointError):
        list(make_trainer().run(1))


def test_the_progress_bar_can_be_left_out(capsys):
    trainer = make_trainer()
    list(trainer.run(3, bar=False))
    assert capsys.readouterr().err == ""
    list(trainer.run(3))
    assert "training" in capsys.readouterr().err


def test_another_config_is_refused(tmp_path):
    make_trainer().save(tmp_path / "state.pt")
    with pytest.raises(ValueError, match=r"written with another config: peak_lr 0.003, here 0.001\. "):
        make_trainer(replace(RUN, peak_lr=1e-3)).load(tmp_path / "state.pt")


def test_a_run_goes_on_where_products_are_computed_otherwise(tmp_path):
    first, second = Trainer(Llama(CONFIG), RUN, batch_at, bf16=True), make_trainer()
    list(first.run(5))
    first.save(tmp_path / "state.pt")
    second.load(tmp_path / "state.pt")
    assert_close(second.model.state_dict(), first.model.state_dict(), rtol=0, atol=0)
    assert len(list(second.run())) == 7


@pytest.mark.parametrize("compiled", ["saves", "loads"])
def test_a_compiled_model_has_the_states_of_the_model_itself(compiled, tmp_path):
    plain, other = make_trainer(MUON), Trainer(torch.compile(Llama(CONFIG)), MUON, batch_at)
    assert [len(group["params"]) for group in other.optimizers[1].param_groups] == [2 * 7]
    saves, loads = (other, plain) if compiled == "saves" else (plain, other)
    list(saves.run(3))
    saves.save(tmp_path / "state.pt")
    loads.load(tmp_path / "state.pt")
    for trainer in (saves, loads):
        list(trainer.run(2))
    for ours, theirs in zip(saves.model.parameters(), loads.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    make_trainer().save("~/mine/state.pt")
    assert (tmp_path / "mine" / "state.pt").is_file()
    make_trainer().load("~/mine/state.pt")


def _without(key):
    return lambda state: state.pop(key)


DAMAGE = {  # what is done to a whole state
    "no step": _without("step"),
    "no history": _without("history"),
    "no optimizers": _without("optimizers"),
    "no model": _without("model"),
    "a weight less": lambda state: state["model"].pop("norm.weight"),
    "a weight of another shape": lambda state: state["model"].update({"norm.weight": torch.ones(23)}),
    "a weight that is none": lambda state: state["model"].update({"norm.weight": "ones"}),
    "a shorter history": lambda state: state["history"].pop(),
    "a history of other rows": lambda state: state["history"][1].pop(),
    "a step before the first": lambda state: state.update(step=-1, history=[]),
    "a step that is no number": lambda state: state.update(step="2"),
    "one optimizer": lambda state: state["optimizers"].pop(),
    "an empty optimizer": lambda state: state.update(optimizers=[{"state": {}, "param_groups": []}] * 2),
    "an optimizer without memory": lambda state: state["optimizers"][1].update(state={}),
    "no mean of the squares": lambda state: state["optimizers"][0]["state"][0].pop("exp_avg_sq"),
    "a mean of another shape": lambda state: state["optimizers"][1]["state"][0].update(momentum_buffer=torch.ones(3)),
    "an optimizer of other weights": lambda state: state["optimizers"][0]["param_groups"][0]["params"].pop(),
    "no config": lambda state: state.update(config=None),
}


@pytest.mark.parametrize("damage", [*DAMAGE, "cut", "empty", "text", "a list", "a folder", "not there"])
def test_a_state_that_is_not_whole_is_refused_and_changes_nothing(damage, tmp_path):
    path, trainer = tmp_path / "state.pt", make_trainer(MUON)
    list(trainer.run(2))
    trainer.save(path)
    whole = path.read_bytes()
    if damage in DAMAGE:
        state = torch.load(path)
        DAMAGE[damage](state)
        torch.save(state, path)
    else:
        path.unlink()
        cut = {"cut": whole[: len(whole) // 2], "empty": b"", "text": b"hello"}
        if damage in cut:
            path.write_bytes(cut[damage])
        elif damage == "a list":
            torch.save([1], path)
        elif damage == "a folder":
            path.mkdir()
    straight, fresh = make_trainer(MUON), make_trainer(MUON)
    with pytest.raises(ValueError, match=r"state\.pt .*Nothing was changed: name a file"):
        fresh.load(path)
    for each in (straight, fresh):
        list(each.run(2))
    assert_close(fresh.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_steps", 0), ("n_steps", -1), ("n_steps", "4"), ("n_steps", 4.0), ("n_steps", True),
        ("peak_lr", 0), ("peak_lr", -1e-3), ("peak_lr", math.nan), ("peak_lr", math.inf), ("peak_lr", "1e-3"),
        ("warmup_steps", -5), ("warmup_steps", 0.5),
        ("min_lr_ratio", -0.1), ("min_lr_ratio", 1.5), ("min_lr_ratio", None),
        ("betas", 0.9), ("betas", (0.9,)), ("betas", (0.9, 1.0)), ("betas", (-0.1, 0.9)), ("betas", ("0.9", 0.9)),
        ("eps", 0.0), ("eps", -1e-8), ("eps", math.nan),
        ("weight_decay", -5), ("weight_decay", math.inf),
        ("max_grad_norm", -1.0), ("max_grad_norm", 0), ("max_grad_norm", math.nan),
        ("grad_accum_steps", 0), ("grad_accum_steps", 1.5),
        ("muon_lr", 0.0), ("muon_lr", -0.02), ("muon_lr", math.nan),
    ],
)  # fmt: skip
def test_a_config_out_of_range_is_refused_with_field_and_value(field, value):
    with pytest.raises(ValueError, match=re.escape(f"{field} must be ") + ".*, got " + re.escape(repr(value))):
        TrainConfig(**({"n_steps": 4} | {field: value}))


def test_numbers_of_numpy_are_taken_and_can_be_saved(tmp_path):
    config = TrainConfig(n_steps=numpy.int64(2), peak_lr=numpy.float64(3e-3), betas=[numpy.float32(0.5), 0.9])
    assert config == TrainConfig(n_steps=2, peak_lr=3e-3, betas=(0.5, 0.9))
    make_trainer(config).save(tmp_path / "state.pt")
    make_trainer(config).load(tmp_path / "state.pt")


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


def test_training_alone_loads_nothing_of_what_only_shards_need():
    """DTensor and torch.distributed.checkpoint take longer to load than all else of a lesson's set-up."""
    asked = (
        "import sys, llama_lessons.training; print([name for name in sys.modules if name.startswith('torch.distr')])"
    )
    run = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert "torch.distributed.distributed_c10d" in run.stdout
    assert "torch.distributed.tensor" not in run.stdout and "torch.distributed.checkpoint" not in run.stdout
