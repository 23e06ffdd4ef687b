"""The training loop: AdamW, warm-up and cosine, clipping, and a state that survives a crash."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm.auto import tqdm

from llama_lessons.batches import Batch, token_loss
from llama_lessons.files import atomic
from llama_lessons.model import Llama


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained; the defaults are Llama 2's, less its sizes.

    Args:
        n_steps: optimizer steps in all; the learning rate's cosine ends there.
        peak_lr: AdamW's learning rate after warm-up.
        warmup_steps: steps in which the learning rate grows from 0 to its peak.
        final_lr: where the cosine ends, as a share of the peak.
        betas: AdamW's decay of the two running means.
        eps: AdamW's.
        weight_decay: of matrices; vectors (the norms' weights) are not decayed. A step shrinks a matrix by the share
            lr * weight_decay; Muon's larger rate is made up for, so that it shrinks by the same.
        clip: largest norm of all gradients together.
        accumulate: parts that a batch is computed in, one after the other, to need less memory.
        muon_lr: learning rate of Muon for the matrices of the blocks; None trains them with AdamW as Llama 2 was.
        bf16: compute matrix products in bfloat16; weights stay in float32.

    Source: Llama 2, arXiv:2307.09288, section 2.2; Muon: Jordan and others, 2024, as torch.optim.Muon.
    """

    n_steps: int
    peak_lr: float = 3e-4
    warmup_steps: int = 0
    final_lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-5
    weight_decay: float = 0.1
    clip: float = 1.0
    accumulate: int = 1
    muon_lr: float | None = None
    bf16: bool = False

    def share_of_peak(self, step: int) -> float:
        """Learning rate at a step, counted from 0, as a share of its peak."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, self.n_steps - 1 - self.warmup_steps)
        return self.final_lr + (1 - self.final_lr) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@dataclass(frozen=True)
class Record:
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
        records: one `Record` a step.
    """

    def __init__(self, model: Llama, recipe: Recipe, batch_at: Callable[[int], Batch]) -> None:
        self.model, self.recipe, self.batch_at = model, recipe, batch_at
        self.optimizers = make_optimizers(model, recipe)
        self.step = 0
        self.records: list[Record] = []

    def run(self, n_steps: int | None = None) -> Iterator[Record]:
        """Train on, handing out each step's record as soon as it is done; a progress bar shows loss and speed.

        Args:
            n_steps: steps to go on for; None goes on to the recipe's end.
        """
        total = self.recipe.n_steps
        end = total if n_steps is None else min(total, self.step + n_steps)
        with tqdm(total=total, initial=self.step, unit="step", desc="training") as bar:
            while self.step < end:
                record = self._one_step()
                bar.update()
                bar.set_postfix_str(
                    f"loss {record.loss:.3f}, {self.batch_tokens / record.seconds:,.0f} tokens/s", False
                )
                yield record

    def _one_step(self) -> Record:
        start = time.perf_counter()
        batch = self.batch_at(self.step).to(self.model.embedding.weight.device)
        self.batch_tokens = batch.tokens.numel()
        loss = self._accumulate_gradients(batch)
        grad_norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip))
        share = self.recipe.share_of_peak(self.step)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = share * group["peak_lr"]
            optimizer.step()
        self.step += 1
        n_tokens = self.batch_tokens + (self.records[-1].n_tokens if self.records else 0)
        seconds = time.perf_counter() - start
        record = Record(self.step, loss, share * self.recipe.peak_lr, grad_norm, n_tokens, seconds)
        self.records.append(record)
        return record

    def _accumulate_gradients(self, batch: Batch) -> float:
        self.model.zero_grad(set_to_none=True)
        n_targets, total = batch.n_targets, 0.0
        if n_targets == 0:
            raise ValueError(f"the batch of step {self.step} asks for nothing")
        for part in batch.split(self.recipe.accumulate):
            with torch.autocast(part.tokens.device.type, torch.bfloat16, enabled=self.recipe.bf16):
                logits = self.model(part.tokens)
            loss = token_loss(logits, part.targets) / n_targets
            loss.backward()
            total += float(loss.detach())
        return total

    def save(self, path: Path | str) -> None:
        """Write everything needed to go on exactly: weights, optimizers, step and records."""
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
        self.records = [Record(*values) for values in state["records"]]


def make_optimizers(model: Llama, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """AdamW in two groups (matrices decay, vectors do not), and Muon for the blocks' matrices where it is asked for.

    Every group remembers its own peak learning rate under "peak_lr".
    """
    weights = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    in_blocks = {name for name, weight in weights if name.startswith("blocks.") and weight.dim() == 2}
    muons = in_blocks if recipe.muon_lr is not None else set()
    muon = [weight for name, weight in weights if name in muons]
    rest = [weight for name, weight in weights if name not in muons]
    groups = [
        {"params": [w for w in rest if w.dim() >= 2], "weight_decay": recipe.weight_decay, "peak_lr": recipe.peak_lr},
        {"params": [w for w in rest if w.dim() < 2], "weight_decay": 0.0, "peak_lr": recipe.peak_lr},
    ]
    adamw = torch.optim.AdamW(groups, lr=recipe.peak_lr, betas=recipe.betas, eps=recipe.eps, fused=True)
    if not muon:
        return [adamw]
    group = {"params": muon, "peak_lr": recipe.muon_lr}
    decay = recipe.weight_decay * recipe.peak_lr / recipe.muon_lr  # a step decays by lr * decay: as much as AdamW's
    return [adamw, torch.optim.Muon([group], lr=recipe.muon_lr, weight_decay=decay)]
