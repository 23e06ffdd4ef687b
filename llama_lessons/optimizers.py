"""How a model is trained: AdamW's numbers and two groups, and Muon for those who are in a hurry."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real

import torch
from torch import nn

from llama_lessons.muon import Muon
from llama_lessons.schedule import lr_factor


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What decides the result of a training; the defaults are Llama 2's, less its sizes.

    What only the machine decides (device, processes, bf16) is no part of it: a run may go on on another machine.

    Args:
        n_steps: optimizer steps in all; the learning rate's cosine ends there.
        peak_lr: AdamW's learning rate after warm-up.
        warmup_steps: steps in which the learning rate grows in a straight line: peak_lr / warmup_steps in the first,
            the peak in the last.
        min_lr_ratio: where the cosine ends, as a share of the peak.
        betas: AdamW's decay of the two running means.
        eps: AdamW's.
        weight_decay: of matrices; vectors (the norms' weights) are not decayed. A step shrinks a matrix by the share
            lr * weight_decay; Muon's larger rate is made up for, so that it shrinks by the same.
        max_grad_norm: largest norm of all gradients together; math.inf for no limit.
        grad_accum_steps: parts that a batch is computed in, to need less memory.
        muon_lr: learning rate of Muon for the matrices of the blocks; None trains them with AdamW as Llama 2 was.

    Raises:
        ValueError: a field is out of its range.

    Source: Llama 2, arXiv:2307.09288, section 2.2; Muon: Jordan and others, 2024.
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
    muon_lr: float | None = None

    def __post_init__(self) -> None:
        for name, low in {"n_steps": 1, "warmup_steps": 0, "grad_accum_steps": 1}.items():
            self._require(name, lambda x, low=low: x >= low, f"a whole number of at least {low}", Integral)
        for name in ("peak_lr", "eps", "muon_lr"):
            if name != "muon_lr" or self.muon_lr is not None:
                self._require(name, lambda x: 0 < x < math.inf, "a finite number above 0")
        self._require("max_grad_norm", lambda x: x > 0, "a number above 0, or math.inf")
        self._require("weight_decay", lambda x: 0 <= x < math.inf, "a finite number of at least 0")
        self._require("min_lr_ratio", lambda x: 0 <= x <= 1, "a number from 0 to 1")
        betas = self.betas if isinstance(self.betas, tuple | list) else ()
        if len(betas) != 2 or not all(isinstance(beta, Real) and 0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must be two numbers of at least 0 and below 1, got {self.betas!r}")
        object.__setattr__(self, "betas", tuple(map(float, betas)))

    def _require(self, name: str, fits: Callable, wanted: str, kind: type = Real) -> None:
        """Refuse a field out of its range, and make it a plain number: what comes from NumPy could not be saved."""
        value = getattr(self, name)
        if not isinstance(value, kind) or isinstance(value, bool) or not fits(value):
            raise ValueError(f"{name} must be {wanted}, got {value!r}")
        object.__setattr__(self, name, int(value) if kind is Integral else float(value))

    def lr_factor(self, step: int) -> float:
        """Learning rate at a step, counted from 0, as a share of its peak."""
        return lr_factor(step, self.n_steps, self.warmup_steps, self.min_lr_ratio)


Recipe = TrainConfig  # its earlier name, for scripts written with it


def make_optimizers(model: nn.Module, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """AdamW in two groups (matrices decay, vectors do not), and Muon for the blocks' matrices where it is asked for.

    Every group remembers its own peak learning rate under "peak_lr". Frozen weights are in none.
    """
    weights = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    in_blocks = {name for name, weight in weights if "blocks." in name and weight.dim() == 2}
    muons = in_blocks if config.muon_lr is not None else set()
    muon = [weight for name, weight in weights if name in muons]
    rest = [weight for name, weight in weights if name not in muons]
    groups = [
        {"params": [w for w in rest if w.dim() >= 2], "weight_decay": config.weight_decay, "peak_lr": config.peak_lr},
        {"params": [w for w in rest if w.dim() < 2], "weight_decay": 0.0, "peak_lr": config.peak_lr},
    ]
    adamw = torch.optim.AdamW(groups, lr=config.peak_lr, betas=config.betas, eps=config.eps, fused=True)
    if not muon:
        return [adamw]
    group = {"params": muon, "peak_lr": config.muon_lr}
    decay = config.weight_decay * config.peak_lr / config.muon_lr  # a step decays by lr * decay: as much as AdamW's
    return [adamw, Muon([group], lr=config.muon_lr, weight_decay=decay)]
