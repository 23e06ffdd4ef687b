"""What `torchrun` starts for tests/test_parallel_*.py, in several processes: `-m tests.parallel_runs WHAT FOLDER`.

All that several processes shall show is computed here, in as few starts as can be, and left in FOLDER for the test.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from llama_lessons import pretrain
from llama_lessons.batches import IGNORE, Batch
from llama_lessons.checkpoints import save
from llama_lessons.config import LlamaConfig
from llama_lessons.files import data_path
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.parallel import WAYS, shard, whole_model
from llama_lessons.processes import is_shard, process_group, rank
from llama_lessons.training import Trainer

ROOT = Path(__file__).parents[1]
SHAPE = LlamaConfig(dim=48, n_layers=2, n_heads=12, n_kv_heads=4, vocab_size=31, hidden_dim=20, max_seq_len=16)
TIED = replace(SHAPE, n_kv_heads=3, tie_embeddings=True)  # 3: neither for 2 nor for 4 processes
RUN = TrainConfig(n_steps=8, peak_lr=3e-3, warmup_steps=2, max_grad_norm=0.5, grad_accum_steps=2)
RUNS = {"untied": (SHAPE, RUN), "tied": (TIED, RUN), "muon": (TIED, replace(RUN, muon_lr=0.02))}
STEPS, MORE = 3, 2
PROMPTS = [[1, 5, 7, 2], [1, 9]]


def uneven(step: int) -> Batch:
    """Five rows, of which the first are asked for ever less; at step 2 one row alone, so that a process has none."""
    rows = torch.randint(31, (5, 10), generator=torch.Generator().manual_seed(step))
    targets = rows[:, 1:].clone()
    targets[:2, 2 * step :] = IGNORE
    return Batch(rows[: 1 if step == 2 else 5, :-1], targets[: 1 if step == 2 else 5])


def new_model(shape: LlamaConfig, seed: int = 0) -> Llama:
    """A Llama of random weights."""
    torch.manual_seed(seed)
    return Llama(shape)


def weights_of(model: Llama) -> dict[str, Tensor]:
    """All weights, whole; in other processes than the first none."""
    whole = whole_model(model)
    return dict(whole.state_dict()) if whole else {}


def first_gradients(trainer: Trainer) -> dict[str, Tensor]:
    """The gradients of the first batch, whole, before clipping."""
    trainer._compute_gradients(uneven(0))
    found = {name: weight.grad for name, weight in trainer.model.named_parameters()}
    found = {name: gradient.full_tensor() if is_shard(gradient) else gradient for name, gradient in found.items()}
    trainer.model.zero_grad()
    return found


def held(model: Llama) -> int:
    """Numbers of a model's weights that this process holds."""
    return sum((weight.to_local() if is_shard(weight) else weight).numel() for weight in model.parameters())


def train(folder: Path) -> dict:
    """Three steps of every run, in each way, from the weights of the first process; the state after them is kept."""
    found = {}
    for way in WAYS:
        for name, (shape, config) in RUNS.items():
            trainer = Trainer(shard(new_model(shape, seed=rank()), way), config, uneven)
            found[way, name, "held"] = held(trainer.model)
            found[way, name, "gradients"] = first_gradients(trainer)
            metrics = list(trainer.run(STEPS))
            found[way, name] = metrics, weights_of(trainer.model)
            found[way, name, "held after"] = held(trainer.model)
            trainer.save(folder / f"{way}-{name}")
            if name == "tied":
                found[way, "logits"] = trainer.model(torch.tensor(PROMPTS[:1])).detach()
                found[way, "text"] = generate(trainer.model, PROMPTS, 5, temperature=0)
                if whole := whole_model(trainer.model):
                    save(whole, folder / f"{way}-saved")
        recomputed = Trainer(shard(new_model(SHAPE), way, recompute=True), RUN, uneven)
        found[way, "recomputed"] = list(recomputed.run(STEPS)), weights_of(recomputed.model)
    return found | in_bfloat16() | refused(folder)


def in_bfloat16() -> dict:
    """Mixed precision: what a block computes with, what is kept, and the losses."""
    model, seen = shard(new_model(SHAPE), "fsdp", bf16=True), {}

    def look(layer: torch.nn.Linear, inputs: tuple) -> None:
        seen.update(weight=layer.weight.dtype, stream=inputs[0].dtype)

    model.blocks[1].attention.wq.register_forward_pre_hook(look)
    model.blocks[1].register_forward_pre_hook(lambda block, inputs: seen.update(angles=inputs[1].dtype))
    trainer = Trainer(model, RUN, uneven)
    gradients = {gradient.dtype for gradient in first_gradients(trainer).values()}
    kept = {weight.dtype for weight in model.parameters()}
    return {"bf16": (seen, gradients, kept, [metrics.loss for metrics in trainer.run(STEPS)])}


def refused(folder: Path) -> dict:
    """The messages of what must not be."""
    messages = {}

    def refuse(what: str, call: object) -> None:
        try:
            call()
        except ValueError as error:
            messages[what] = str(error)

    refuse("way", lambda: shard(new_model(SHAPE), "pp"))
    refuse("heads", lambda: shard(new_model(replace(SHAPE, dim=36, n_heads=9, n_kv_heads=9)), "tp"))
    refuse("channels", lambda: shard(new_model(replace(SHAPE, hidden_dim=21)), "tp"))
    refuse("bf16", lambda: shard(new_model(SHAPE), "tp", bf16=True))
    torch.save(1, folder / f"{rank()}.file")
    refuse("file", lambda: Trainer(shard(new_model(SHAPE), "tp"), RUN, uneven).load(folder / f"{rank()}.file"))
    refuse("save", lambda: save(shard(new_model(SHAPE), "fsdp"), folder / "never"))
    broken = Trainer(shard(new_model(SHAPE), "fsdp"), RUN, uneven)
    if rank() == 1:
        next(broken.model.parameters()).detach().to_local()[-1] = torch.nan  # in the part of one process only
    refuse("NaN", lambda: broken.save(folder / "fsdp-untied"))
    return {"refused": messages}


def go_on(folder: Path) -> dict:
    """Take up what two processes wrote, and train on; the last run in the other way than it was begun."""
    found = {}
    for begun, way, name in (("fsdp", "fsdp", "untied"), ("tp", "tp", "tied"), ("fsdp", "tp", "muon")):
        trainer = Trainer(shard(new_model(RUNS[name][0], seed=7), way), RUNS[name][1], uneven)
        trainer.load(folder.with_name("2") / f"{begun}-{name}")
        found[begun, name, "more"] = list(trainer.run(MORE)), weights_of(trainer.model)
    return found


def train_and_go_on(folder: Path) -> dict:
    """In four processes."""
    return train(folder) | go_on(folder)


def small_valley(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make pretraining so small that a run takes a moment, in a folder of its own."""
    shape = replace(LlamaConfig.preset("valley"), dim=24, n_layers=1, n_heads=6, n_kv_heads=3, hidden_dim=20)
    shipped = data_path("checkpoints/base/tokenizer.model").read_bytes()
    patch.setattr(LlamaConfig, "preset", lambda name: shape)
    patch.setattr(pretrain, "work_dir", lambda: folder / "work")
    patch.setattr(pretrain, "make_tokenizer", lambda path: path.write_bytes(shipped))
    patch.setattr(pretrain, "multiplies_bfloat16", lambda: False)
    patch.setattr(pretrain, "TOKENS_PER_STEP", 512)
    patch.setattr(pretrain, "SAVE_EVERY", 2)
    patch.setattr(pretrain, "SNAPSHOT_EVERY", 3)


def valley(folder: Path, ways: tuple[str, ...], dies: bool) -> None:
    """`python -m llama_lessons.pretrain --steps 5 --shard ...`; a process can be killed in the middle of step 4."""
    with pytest.MonkeyPatch.context() as patch:
        small_valley(patch, folder)
        draw = pretrain.batch_at

        def batch_at(step: int, *rest: object) -> Batch:
            if dies and step == 3 and rank() == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return draw(step, *rest)

        patch.setattr(pretrain, "batch_at", batch_at)
        with process_group() if len(ways) > 1 else nullcontext():  # they join once only
            if len(ways) > 1:
                patch.setattr(pretrain, "process_group", lambda device: nullcontext())
            for way in ways:
                sys.argv[1:] = ["--steps", "5", "--shard", way, "--out", str(folder / way)]
                pretrain.main()


def torchrun(*words: str | Path, n: int = 2, module: str = "tests.parallel_runs") -> subprocess.CompletedProcess:
    """Run a module in n processes, with these words on its command line; this one takes WHAT FOLDER WAYS."""
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n), "-m", module]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    command = [sys.executable, *command, *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes) as started:
        try:
            out, err = started.communicate(timeout=300)
        finally:
            started.terminate()  # then torchrun ends those that it started
    return subprocess.CompletedProcess(command, started.returncode, out, err)


def main(what: str, folder: Path, *ways: str) -> None:
    """One of the processes."""
    if what.endswith("valley"):
        valley(folder, ways, dies=what == "dying valley")
        return
    with process_group():
        found = {"train": train, "train and go on": train_and_go_on}[what](folder)
        torch.save(found, folder / f"{rank()}.pt")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
