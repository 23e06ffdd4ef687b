"""The trials of lesson 13 on PyTorch's own engines, compared with one process: DDP, FSDP2, tensor parallel.

    torchrun --nproc-per-node 2 -m llama_lessons.checks.parallel_engines FOLDER [fsdp] [tp]

Sharded runs leave their state in FOLDER. Where one lies there already, it is taken up, in as many processes as there
are now, and trained on.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from llama_lessons.batches import IGNORE, Batch
from llama_lessons.checks.parallel_trials import distance, new_model, one_process, stepped, whole_batch
from llama_lessons.optimizers import TrainConfig
from llama_lessons.parallel import WAYS, shard, whole_model
from llama_lessons.processes import n_processes, process_group, rank
from llama_lessons.training import Trainer

STEPS, MORE = 3, 2
CONFIG = TrainConfig(n_steps=STEPS + MORE, peak_lr=1e-3, warmup_steps=2, max_grad_norm=0.5)


def batch_at(step: int) -> Batch:
    """The trials' batch with its ids moved by the step."""
    batch = whole_batch()
    targets = batch.targets.where(batch.targets == IGNORE, (batch.targets + step) % 512)
    return Batch((batch.tokens + step) % 512, targets)


def with_ddp() -> tuple[float, dict[str, Tensor]]:
    """Loss of one step and all weights (any shapes) after it; DDP *averages* gradients, so tokens are weighted."""
    model, batch = DistributedDataParallel(new_model()), whole_batch()
    own = batch.split(n_processes())[rank()]
    summed = cross_entropy(model(own.tokens).flatten(0, 1), own.targets.flatten(), ignore_index=IGNORE, reduction="sum")
    loss = summed / batch.n_targets
    (loss * n_processes()).backward()
    torch.distributed.all_reduce(loss.detach_())
    weights = dict(model.module.named_parameters())
    return loss.item(), stepped(weights, {name: weight.grad for name, weight in weights.items()})


def trained(trainer: Trainer, n_steps: int) -> tuple[float, dict[str, Tensor]]:
    """The last loss after more steps, and all weights (any shapes), in the first process."""
    losses = [metrics.loss for metrics in trainer.run(n_steps)]
    whole = whole_model(trainer.model) if n_processes() > 1 else trainer.model
    return losses[-1], dict(whole.named_parameters()) if whole else {}


def main(folder: Path, ways: list[str]) -> None:
    """One of the processes; the first prints how far each engine is from one process."""
    trainer, step, alone = Trainer(new_model(), CONFIG, batch_at), one_process(), []  # before there is a group
    for n_steps in (STEPS, MORE):
        loss, weights = trained(trainer, n_steps)
        alone.append((loss, {name: weight.detach().clone() for name, weight in weights.items()}))
    with process_group():
        found = {}
        for way in ways:
            trainer, state = Trainer(shard(new_model(), way), CONFIG, batch_at), folder / way
            if state.exists():
                trainer.load(state)
                found[f"{way}, taken up"] = trained(trainer, MORE), alone[1]
            else:
                found[f"{way}, {STEPS} steps"] = trained(trainer, STEPS), alone[0]
                trainer.save(state)
        found["DDP, a step"] = with_ddp(), step
        for name, (result, right) in found.items() if rank() == 0 else ():
            print(f"{name:<16} {distance(result, right):.1e}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(WAYS))
