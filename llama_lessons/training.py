"""The training loop: batch after batch, and a state that survives a crash."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from llama_lessons.batches import IGNORE, Batch, token_loss
from llama_lessons.files import atomic
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig, make_optimizers


@dataclass(frozen=True)
class StepMetrics:
    """What one step was like.

    Args:
        step: counted from 1.
        loss: mean over the batch's targets before the step, in nats.
        lr: AdamW's learning rate.
        grad_norm: norm of all gradients together, before clipping.
        n_tokens: tokens read in all steps so far.
        seconds: duration of the step.
    """

    step: int
    loss: float
    lr: float
    grad_norm: float
    n_tokens: int
    seconds: float


class Trainer:
    """A model being trained: it can be stopped after any step, saved, and taken up again as if nothing had been.

    Args:
        model: trained in place.
        recipe: how.
        batch_at: gives the batch of a step, counted from 0, and always the same one for the same step: then going on
            after a crash needs no other state than the step's number.

    Attributes:
        step: optimizer steps done.
        records: one `StepMetrics` a step.
    """

    def __init__(self, model: Llama, recipe: TrainConfig, batch_at: Callable[[int], Batch]) -> None:
        self.model, self.recipe, self.batch_at = model, recipe, batch_at
        self.optimizers = make_optimizers(model, recipe)
        self._workers = ThreadPoolExecutor(recipe.workers)  # kept: new threads each step would cost time and memory
        self._updates = ThreadPoolExecutor(1)  # an interrupt ends the wait for an update, never the update itself
        self.step = 0
        self.records: list[StepMetrics] = []

    def run(self, n_steps: int | None = None, bar: bool = True) -> Iterator[StepMetrics]:
        """Train on, handing out each step's record as soon as it is done.

        A KeyboardInterrupt loses nothing: the step that it hits is done or not, never by half. Call `run` to go on.

        Args:
            n_steps: steps to go on for; None goes on to the recipe's end.
            bar: show a progress bar with loss and speed.
        """
        self._settle()
        total, hidden = self.recipe.n_steps, {} if bar else {"disable": True}
        end = total if n_steps is None else min(total, self.step + n_steps)
        with tqdm(total=total, initial=self.step, unit="step", desc="training", **hidden) as shown:
            while self.step < end:
                record = self._one_step()
                shown.update()
                speed = self.batch_tokens / record.seconds
                shown.set_postfix_str(f"loss {record.loss:.3f}, {speed:,.0f} tokens/s", False)
                yield record

    def _settle(self) -> None:
        self._updates.submit(int).result()  # an update whose wait was interrupted may still be under way

    def _one_step(self) -> StepMetrics:
        start = time.perf_counter()
        batch = self.batch_at(self.step).to(self.model.embedding.weight.device)
        self.batch_tokens = batch.tokens.numel()
        loss = self._accumulate_gradients(batch)
        return self._updates.submit(self._update, loss, start).result()

    def _update(self, loss: float, start: float) -> StepMetrics:
        grad_norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.max_grad_norm))
        share = self.recipe.lr_factor(self.step)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = share * group["peak_lr"]
            optimizer.step()
        self.step += 1
        n_tokens = self.batch_tokens + (self.records[-1].n_tokens if self.records else 0)
        seconds = time.perf_counter() - start
        record = StepMetrics(self.step, loss, share * self.recipe.peak_lr, grad_norm, n_tokens, seconds)
        self.records.append(record)
        return record

    def _accumulate_gradients(self, batch: Batch) -> float:
        """Put the batch's gradients where the optimizers look for them; return its loss."""
        n_targets = batch.n_targets
        if n_targets == 0:
            raise ValueError(f"the batch of step {self.step} asks for nothing")
        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        for weight in weights:
            weight.grad = None
        total = 0.0
        parts = batch.split(self.recipe.grad_accum_steps)
        done = self._workers.map(lambda part: self._gradients(part, n_targets, weights), parts)
        for loss, gradients in done:  # in their order, whichever is done first: the same sum every time
            total += loss
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
        return total

    def _gradients(self, part: Batch, n_targets: int, weights: list[Tensor]) -> tuple[float, tuple[Tensor, ...]]:
        with torch.autocast(part.tokens.device.type, torch.bfloat16, enabled=self.recipe.bf16):
            hidden = self.model.hidden(part.tokens)  # (B, T, C)
            asked = part.targets != IGNORE
            logits = self.model.output(hidden[asked])  # (places that are asked, V)
        loss = token_loss(logits, part.targets[asked]) / n_targets
        return float(loss.detach()), torch.autograd.grad(loss, weights)

    def save(self, path: Path | str) -> None:
        """Write everything needed to go on exactly: weights, optimizers, step and records."""
        self._settle()
        state = {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "records": [list(asdict(record).values()) for record in self.records],
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        with atomic(path) as draft:
            torch.save(state, draft)

    def load(self, path: Path | str) -> None:
        """Go on from what `save` wrote.

        Raises:
            ValueError: it was written with another recipe: going on would be neither of the two.
        """
        state = torch.load(path, map_location=self.model.embedding.weight.device, weights_only=True)
        if state["recipe"] != asdict(self.recipe):
            raise ValueError(f"{path} was written with another recipe: {state['recipe']}")
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step = state["step"]
        self.records = [StepMetrics(*values) for values in state["records"]]
