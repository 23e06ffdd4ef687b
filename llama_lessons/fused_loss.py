"""Head and loss in one operation: with a wide vocabulary the logits are most of a step, and never needed as a whole."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.module import _has_any_global_hook

WIDE = 8  # rows for each column of the head, from which on it pays: the logits are then most of what a step keeps
ROWS = 256  # computed at once: their logits stay near the processor


def can_fuse(head: nn.Module, hidden: Tensor) -> bool:
    """Whether a head is a wide float32 matrix and nothing else: no adapter, no hook, nothing that must be called.

    Args:
        head: what makes logits of hidden states.
        hidden: the states, shape (N, C).
    """
    if not hasattr(nn, "LinearCrossEntropyOptions") or type(head) is not nn.Linear or head.bias is not None:
        return False  # PyTorch 2.9 lacks the operation
    parts = vars(head)  # a module keeps its hooks in dictionaries, and a forward that was put in place of its own
    hooked = _has_any_global_hook() or any(parts[name] for name in parts if name.endswith("_hooks"))
    is_float = hidden.dtype == head.weight.dtype == torch.float32 and not torch.is_autocast_enabled(hidden.device.type)
    return not hooked and "forward" not in parts and is_float and head.out_features >= WIDE * head.in_features


def fused_loss(head: nn.Linear, hidden: Tensor, targets: Tensor) -> Tensor:
    """Sum of the cross-entropies in nats, one number; their gradients are computed with them, row by row.

    Args:
        head: one that `can_fuse` accepts, of V rows.
        hidden: shape (N, C).
        targets: ids, int64, shape (N,).
    """
    chunks = nn.LinearCrossEntropyOptions(batch_chunk_size=ROWS, chunking_method=None, acc_policy="compact")
    return functional.linear_cross_entropy(hidden, head.weight, targets, reduction="sum", options=chunks)
