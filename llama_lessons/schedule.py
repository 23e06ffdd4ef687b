"""The learning rate's way: up in a straight line, then down along half a cosine."""

from __future__ import annotations

import math


def lr_factor(step: int, n_steps: int, warmup_steps: int = 0, min_lr_ratio: float = 0.1) -> float:
    """Learning rate of a step, as a share of its peak.

    The last step of warm-up and the one after it have the peak; the last step of all has min_lr_ratio of it.

    Args:
        step: counted from 0.
        n_steps: steps in all.
        warmup_steps: steps in which the rate grows to its peak; the first has 1 / warmup_steps of it.
        min_lr_ratio: where the cosine ends, as a share of the peak; Llama 2's is 0.1.

    Source: Llama 2, arXiv:2307.09288, section 2.2; the cosine: SGDR, arXiv:1608.03983, equation 5.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, n_steps - 1 - warmup_steps)  # 0 after warm-up, 1 at the last step
    return min_lr_ratio + (1 - min_lr_ratio) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
