"""Several processes that share a model out take the steps of one, and their states are taken up by any number."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from llama_lessons.batches import token_loss
from llama_lessons.checkpoints import load
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.parallel import WAYS, shard, whole_model
from llama_lessons.parallel.recompute import recompute_blocks
from llama_lessons.processes import process_group
from llama_lessons.training import Trainer
from tests.parallel_runs import (
    MORE,
    PROMPTS,
    RUN,
    RUNS,
    SHAPE,
    STEPS,
    TIED,
    first_gradients,
    new_model,
    torchrun,
    uneven,
)

NUMBERS = (2, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes and then four left: "2/0.pt" is of the first of two, "2/tp-tied" a state of both."""
    folder = tmp_path_factory.mktemp("parallel")
    for number, what in zip(NUMBERS, ("train", "train and go on"), strict=True):
        (folder / str(number)).mkdir()
        run = torchrun(what, folder / str(number), n=number)
        assert run.returncode == 0, run.stderr
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[int, list[dict]]:
    """For two and for four processes, what each found."""
    return {n: [torch.load(folder / f"{n}/{k}.pt", weights_only=False) for k in range(n)] for n in NUMBERS}


@pytest.fixture(scope="module")
def alone() -> dict[str, tuple]:
    """What one process finds: the metrics of all steps, and the weights after STEPS of them and after MORE."""
    results = {}
    for name, (shape, config) in RUNS.items():
        trainer = Trainer(new_model(shape), config, uneven)
        list(trainer.run(STEPS))
        after = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
        list(trainer.run(MORE))
        results[name] = trainer.history, after, dict(trainer.model.state_dict())
    return results


def assert_same_steps(theirs: list, ours: list) -> None:
    for their, our in zip(theirs, ours, strict=True):
        assert their.loss == pytest.approx(our.loss, rel=2e-6)
        assert their.grad_norm == pytest.approx(our.grad_norm, rel=1e-5)
        assert (their.step, their.n_tokens, their.lr) == (our.step, our.n_tokens, our.lr)


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n", NUMBERS)
def test_processes_that_share_a_model_take_the_steps_of_one(n: int, way: str, name: str, found: dict, alone: dict):
    history, after, _ = alone[name]
    metrics, weights = found[n][0][way, name]
    assert_same_steps(metrics, history[:STEPS])
    assert_close(weights, after, rtol=1e-4, atol=2e-6)
    for other in found[n][1:]:
        theirs, nothing = other[way, name]
        assert [step.loss for step in theirs] == [step.loss for step in metrics]  # to the bit: all know the same
        assert [step.grad_norm for step in theirs] == [step.grad_norm for step in metrics]
        assert nothing == {}
    assert min(step.grad_norm for step in metrics) > 2 * RUN.max_grad_norm  # clipping was at work


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n", NUMBERS)
def test_gradients_are_those_of_one_process(n: int, way: str, found: dict):
    """Not only after clipping and AdamW, which hide a factor. Two summands have one order: then to the bit."""
    for name, (shape, config) in RUNS.items():
        ours = first_gradients(Trainer(new_model(shape), config, uneven))
        exact = (n, way, name) == (2, "fsdp", "untied")
        for process in found[n]:
            assert_close(process[way, name, "gradients"], ours, **({"rtol": 0, "atol": 0} if exact else {}))


@pytest.mark.parametrize("n", NUMBERS)
def test_each_process_holds_its_part(n: int, found: dict):
    """Of 31 rows four processes hold 8, 8, 8 and 7; after three steps no more than before."""
    for name, (shape, _) in RUNS.items():
        assert sum(process["fsdp", name, "held"] for process in found[n]) == shape.n_params
        assert max(process["fsdp", name, "held"] for process in found[n]) < 1.1 * shape.n_params / n
        norms = (2 * shape.n_layers + 1) * shape.dim
        keys = 0 if shape.n_kv_heads % n == 0 else 2 * shape.n_layers * shape.dim * shape.n_kv_heads * shape.head_dim
        held = [process["tp", name, "held"] for process in found[n]]
        assert sum(held) == shape.n_params + (n - 1) * (norms + keys)  # these each of them has
        for way in WAYS:
            assert [p[way, name, "held after"] for p in found[n]] == [p[way, name, "held"] for p in found[n]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n", NUMBERS)
def test_a_shared_model_reads_and_writes_as_the_whole(n: int, way: str, found: dict, folder: Path):
    model = load(folder / f"{n}/{way}-saved")  # an ordinary checkpoint
    assert_close(dict(model.state_dict()), found[n][0][way, "tied"][1], rtol=0, atol=0)
    logits, text = model(torch.tensor(PROMPTS[:1])), generate(model, PROMPTS, 5, temperature=0)
    for process in found[n]:
        assert_close(process[way, "logits"], logits, rtol=1e-5, atol=1e-5)
        assert process[way, "text"] == text


@pytest.mark.parametrize("way", WAYS)
def test_recomputing_blocks_changes_nothing(way: str, found: dict):
    for n in NUMBERS:
        (theirs, weights), (metrics, wanted) = (found[n][0][key] for key in ((way, "recomputed"), (way, "untied")))
        assert [step.loss for step in theirs] == [step.loss for step in metrics]
        assert_close(weights, wanted, rtol=0, atol=0)


def kept_for_backward(model: Llama) -> int:
    """Bytes that a forward pass keeps, its weights aside."""
    weights, kept = {weight.data_ptr() for weight in model.parameters()}, {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = token_loss(model(uneven(0).tokens), uneven(0).targets)
    loss.backward()
    return sum(kept.values())


def test_recomputed_blocks_keep_less_and_give_the_same_gradients():
    usual, frugal = new_model(SHAPE), recompute_blocks(new_model(SHAPE))
    assert kept_for_backward(frugal) < kept_for_backward(usual) / 3
    ours, theirs = ({name: w.grad for name, w in model.named_parameters()} for model in (usual, frugal))
    assert_close(theirs, ours, rtol=0, atol=0)


@pytest.mark.parametrize("n", NUMBERS)
def test_bfloat16_is_for_computing_and_float32_for_keeping(n: int, found: dict, alone: dict):
    for process in found[n]:
        seen, gradients, kept, losses = process["bf16"]
        assert seen == {"weight": torch.bfloat16, "stream": torch.bfloat16, "angles": torch.float32}
        assert gradients == kept == {torch.float32}
        exact = [step.loss for step in alone["untied"][0][:STEPS]]
        assert losses == pytest.approx(exact, rel=0.02)
        assert losses != pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize(("begun", "name"), [("fsdp", "untied"), ("tp", "tied"), ("fsdp", "muon")])
def test_four_processes_and_one_go_on_where_two_stopped(begun: str, name: str, found: dict, alone: dict, folder: Path):
    """The last of them is taken up by four in the other way, tensor parallel."""
    history, _, after = alone[name]
    trainer = Trainer(new_model(RUNS[name][0], seed=9), RUNS[name][1], uneven)
    trainer.load(folder / f"2/{begun}-{name}")
    assert_same_steps(trainer.history, history[:STEPS])
    by_one = list(trainer.run(MORE)), dict(trainer.model.state_dict())
    for metrics, weights in (by_one, found[4][0][begun, name, "more"]):
        assert_same_steps(metrics, history[STEPS:])
        assert_close(weights, after, rtol=1e-4, atol=3e-6)


DAMAGE = {
    "a part is gone": lambda folder: (folder / "__1_0.distcp").unlink(),
    "a part is cut": lambda folder: (folder / "__1_0.distcp").write_bytes((folder / "__1_0.distcp").read_bytes()[:900]),
    "the list is cut": lambda folder: (folder / ".metadata").write_bytes((folder / ".metadata").read_bytes()[:90]),
    "the list is gone": lambda folder: (folder / ".metadata").unlink(),
    "the steps are cut": lambda folder: (folder / "run.pt").write_bytes((folder / "run.pt").read_bytes()[:90]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_refused_and_changes_nothing(damage: str, folder: Path, tmp_path: Path):
    shutil.copytree(folder / "2/fsdp-untied", tmp_path / "state")
    DAMAGE[damage](tmp_path / "state")
    straight, trainer = (Trainer(new_model(SHAPE), RUN, uneven) for _ in range(2))
    with pytest.raises(ValueError, match=r"state.*Nothing was changed: name a f"):
        trainer.load(tmp_path / "state")
    for each in (straight, trainer):
        list(each.run(1))
    assert_close(trainer.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)


OTHERS = {
    "another config": ("untied", SHAPE, replace(RUN, peak_lr=1e-3), "peak_lr 0.003, here 0.001"),
    "a wider model": ("untied", replace(SHAPE, hidden_dim=24), RUN, "of another model"),
    "a deeper model": ("untied", replace(SHAPE, n_layers=3), RUN, "of another model"),
    "a shallower model": ("muon", replace(TIED, n_layers=1), RUNS["muon"][1], "of another model"),  # a part would fit
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_state_of_another_training_is_refused(other: str, folder: Path):
    name, shape, config, message = OTHERS[other]
    with pytest.raises(ValueError, match=message):
        Trainer(new_model(shape), config, uneven).load(folder / f"2/fsdp-{name}")


def test_what_cannot_be_shared_out_is_refused_by_name(found: dict, folder: Path):
    for n in NUMBERS:
        for process in found[n]:
            messages = process["refused"]
            assert messages["way"] == "way must be one of fsdp, tp, got 'pp'"
            assert messages["heads"] == f"n_heads must be a multiple of the {n} processes, got 9"
            assert messages["channels"] == f"hidden_dim must be a multiple of the {n} processes, got 21"
            assert messages["bf16"].startswith("bf16 must be False for tensor parallel, got True")
            assert "it holds NaN or infinity" in messages["NaN"]
            assert ".file is no folder of a training. Nothing was changed" in messages["file"]
            assert messages["save"].endswith("save what `parallel.whole_model` makes of it")
    with pytest.raises(ValueError, match="here is 1: start them with `torchrun`"):
        shard(new_model(SHAPE), "fsdp")


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="a GPU for each of 2 processes, got 1"), process_group("cuda"):
        pass


def test_the_whole_of_a_plain_model_is_a_copy():
    model = new_model(TIED)
    model.n_ids = 29
    whole = whole_model(model)
    assert_close(dict(whole.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    assert whole.output.weight is whole.embedding.weight
    assert whole.n_ids == 29
    with torch.no_grad():
        whole.norm.weight.fill_(math.pi)
    assert_close(model.norm.weight.detach(), torch.ones(48), rtol=0, atol=0)
