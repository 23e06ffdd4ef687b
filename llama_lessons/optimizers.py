"""How a model is trained: AdamW's numbers, warm-up and cosine, and Muon for those who are in a hurry."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained; the defaults are Llama 2's, less its sizes.

    Args:
        n_steps: optimizer steps in all; the learning rate's cosine ends there.
        peak_lr: AdamW's learning rate after warm-up.
        warmup_steps: steps in which the learning rate grows from 0 to its peak.
        min_lr_ratio: where the cosine ends, as a share of the peak.
        betas: AdamW's decay of the two running means.
        eps: AdamW's.
        weight_decay: of matrices; vectors (the norms' weights) are not decayed. A step shrinks a matrix by the share
            lr * weight_decay; Muon's larger rate is made up for, so that it shrinks by the same.
        max_grad_norm: largest norm of all gradients together.
        grad_accum_steps: parts that a batch is computed in, to need less memory.
        workers: parts computed at the same time. Two workers of one PyTorch thread each (`torch.set_num_threads(1)`)
            train a small model faster than one of two threads: most of its operations are too small to be shared.
        muon_lr: learning rate of Muon for the matrices of the blocks; None trains them with AdamW as Llama 2 was.
        bf16: compute matrix products in bfloat16; weights stay in float32.

    Source: Llama 2, arXiv:2307.09288, section 2.2; Muon: Jordan and others, 2024, as torch.optim.Muon.
    """

    n_steps: int
    peak_lr: float = 3e-4
    warmup_steps: int = 0
    min_lr_ratio: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-5
    weight_decay: float = 0.1
    max_grad_norm: float = 1.0
    grad_accum_steps: int = 1
    workers: int = 1
    muon_lr: float | None = None
    bf16: bool = False

    def lr_factor(self, step: int) -> float:
        """Learning rate at a step, counted from 0, as a share of its peak."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, self.n_steps - 1 - self.warmup_steps)
        return self.min_lr_ratio + (1 - self.min_lr_ratio) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def make_optimizers(model: nn.Module, recipe: TrainConfig) -> list[torch.optim.Optimizer]:
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
