"""The training loop: batch after batch, and a state that survives a crash."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, astuple
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from llama_lessons import batches, processes
from llama_lessons.batches import IGNORE, Batch, token_loss
from llama_lessons.fused_loss import can_fuse, fused_loss
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig, make_optimizers
from llama_lessons.sharded_state import holds_shards, read_shards, write_shards
from llama_lessons.training_state import StepMetrics, named_weights, read_state, write_state


def next_token_loss(model: Llama, batch: Batch) -> Tensor:
    """Sum of the cross-entropies at all positions of a batch that ask for something, in nats: one number."""
    asks = batch.targets != IGNORE  # (B, T)
    hidden, targets = model.hidden(batch.tokens)[asks], batch.targets[asks]  # (N, C), (N,)
    if token_loss is batches.token_loss and can_fuse(model.output, hidden):  # who puts another in its place is heard
        return fused_loss(model.output, hidden, targets)
    return token_loss(model.output(hidden), targets)


def _trained_weights(model: nn.Module) -> list[nn.Parameter]:
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    if not trained:
        raise ValueError("model has no weight to train: all are frozen. `requires_grad_(True)` thaws some")
    for name, weight in trained.items():
        if weight.dtype.itemsize < 4:
            remedy = "Convert it with `.float()`, or load it with dtype=torch.float32"
            raise ValueError(f"model has {name} in {weight.dtype}, in which small steps are lost. {remedy}")
    return list(trained.values())


class Trainer:
    """A model being trained: it can be stopped after any step, saved, and taken up again as if nothing had been.

    Where `torchrun` started several processes, each computes some of a batch's parts, and all take the same step.

    Args:
        model: trained in place; frozen weights are left alone. `parallel.shard` has shared it out, if it shall.
        config: how; all that decides the result.
        batch_at: gives the batch of a step, counted from 0, and always the same one for the same step: then going on
            after a crash needs no other state than the step's number. A `Batch`, or what has its `n_targets`,
            `n_tokens`, `to` and `split`: pairs of answers, for instance.
        loss: of the model on a part of a batch, summed over the part's targets: one number.
        bf16: compute matrix products in bfloat16; weights stay in float32.

    Attributes:
        step: optimizer steps done.
        history: one `StepMetrics` a step.

    Raises:
        ValueError: no weight is to be trained, or one that is narrower than float32.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainConfig,
        batch_at: Callable[[int], Batch],
        loss: Callable[[nn.Module, Batch], Tensor] = next_token_loss,
        bf16: bool = False,
    ) -> None:
        self.model, self.config, self.batch_at, self.loss, self.bf16 = model, config, batch_at, loss, bf16
        self.weights = _trained_weights(model)
        self._is_sharded = any(map(processes.is_shard, self.weights))
        self.optimizers = make_optimizers(model, config)
        self.step = 0
        self.history: list[StepMetrics] = []
        processes.share_weights(model)

    def run(self, n_steps: int | None = None, bar: bool = True) -> Iterator[StepMetrics]:
        """Train on, handing out each step's metrics as soon as it is done.

        A KeyboardInterrupt loses nothing: the step that it hits is done or not, never by half. Call `run` to go on.

        Args:
            n_steps: steps to go on for; None goes on to the end of the config.
            bar: show a progress bar with loss and speed.

        Raises:
            FloatingPointError: the loss or a gradient is NaN or infinite; no weight was changed by that step.
            ValueError: a batch has no targets.
        """
        total, hidden = self.config.n_steps, {} if bar and processes.rank() == 0 else {"disable": True}
        end = total if n_steps is None else min(total, self.step + n_steps)
        with tqdm(total=total, initial=self.step, unit="step", desc="training", **hidden) as shown:
            while self.step < end:
                before, metrics = self.n_tokens, self._one_step()
                shown.update()
                speed = (metrics.n_tokens - before) / metrics.seconds
                shown.set_postfix_str(f"loss {metrics.loss:.3f}, {speed:,.0f} tokens/s", False)
                yield metrics

    @property
    def n_tokens(self) -> int:
        """Tokens read so far."""
        return self.history[-1].n_tokens if self.history else 0

    def _one_step(self) -> StepMetrics:
        start = time.perf_counter()
        self.model.zero_grad()
        try:
            batch = self.batch_at(self.step)
            n_tokens = self.n_tokens + batch.n_tokens
            loss = self._compute_gradients(batch)
            grad_norm = float(processes.clip_gradients(self.weights, self.config.max_grad_norm))
            self._require_finite(loss, grad_norm)
            with processes.uninterrupted():  # an update is done as a whole
                share = self.config.lr_factor(self.step)
                for optimizer in self.optimizers:
                    for group in optimizer.param_groups:
                        group["lr"] = share * group["peak_lr"]
                    optimizer.step()
                self.step += 1
                lr, seconds = share * self.config.peak_lr, time.perf_counter() - start
                metrics = StepMetrics(self.step, loss, lr, grad_norm, n_tokens, seconds)
                self.history.append(metrics)
            return metrics
        finally:
            self.model.zero_grad()

    def _compute_gradients(self, batch: Batch) -> float:
        """Put the batch's gradients where clipping and optimizers look for them; return its loss."""
        n_targets = batch.n_targets
        if n_targets == 0:
            raise ValueError(f"the batch of step {self.step} asks for nothing")
        device = self.weights[0].device
        total = torch.zeros((), device=device)
        share, n_shares = processes.batch_share(self.weights)
        parts = batch.split(max(self.config.grad_accum_steps, n_shares))
        for first in range(0, len(parts), n_shares):
            is_own = first + share < len(parts)  # who has no part left computes one for nothing: all send and receive
            part = parts[first + share if is_own else 0].to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
                loss = self.loss(self.model, part) / n_targets * is_own
            loss.backward()
            total += loss.detach()
        return float(processes.sum_over_processes(total, self.weights))

    def _require_finite(self, loss: float, grad_norm: float) -> None:
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            raise FloatingPointError(
                f"step {self.step + 1} stops, on batch_at({self.step}): its loss is {loss}, the norm of its gradients "
                f"{grad_norm}. No weight was changed: the model is as after step {self.step}. Look at that batch and "
                f"at the losses before it; a lower peak_lr than {self.config.peak_lr} often helps"
            )

    def _state(self) -> dict:
        return {
            "config": asdict(self.config),
            "step": self.step,
            "history": [list(astuple(metrics)) for metrics in self.history],
            "model": named_weights(self.model),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def save(self, path: Path | str) -> None:
        """Write everything needed to go on exactly: weights, optimizers, step and history. The first process writes.

        Of a model that is shared out, `path` becomes a folder, each process writes its part, and all must call.

        Raises:
            ValueError: a weight is NaN or infinite; what lies at `path` is left as it was.
        """
        if self._is_sharded:
            write_shards(path, self._state())
        elif processes.rank() == 0:
            write_state(path, self._state())

    def load(self, path: Path | str) -> None:
        """Go on from what `save` wrote, on this machine or another: its device, bf16 and processes may differ.

        A folder is for any number of processes, shared out or not; a file is for a model that is not.

        Raises:
            ValueError: the file is damaged, or another training's. Nothing was changed.
        """
        in_folder = holds_shards(path) or self._is_sharded
        state = (read_shards if in_folder else read_state)(path, self._state(), self.optimizers)
        with processes.uninterrupted(), torch.no_grad():
            for name, weight in named_weights(self.model).items():
                weight.copy_(state["model"][name])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict({**saved, "param_groups": optimizer.state_dict()["param_groups"]})
            self.step, self.history = state["step"], state["history"]
