"""Muon, an optimizer for matrices, as PyTorch's, but computing in float32."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from llama_lessons.processes import is_shard


class Muon(torch.optim.Muon):
    """PyTorch's Muon; its iteration keeps float32, because bfloat16 takes ten times as long on many processors."""

    @torch.no_grad()
    def step(self) -> None:
        """Move every matrix that has a gradient by about `lr` in each of its directions."""
        for group in self.param_groups:
            lr, beta = group["lr"], group["momentum"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                mean = state["momentum_buffer"].lerp_(weight.grad, 1 - beta)
                towards = orthogonalized(weight.grad.lerp(mean, beta), group["ns_coefficients"], group["ns_steps"])
                weight.mul_(1 - lr * group["weight_decay"])
                weight.sub_(towards, alpha=lr * math.sqrt(max(1.0, weight.shape[0] / weight.shape[1])))


def orthogonalized(matrix: Tensor, coefficients: tuple[float, float, float], n_steps: int) -> Tensor:
    """The matrix with all its singular values brought near 1 (0.7 to 1.2 at PyTorch's coefficients), shape (M, N).

    One that is cut in parts over processes is put together in each of them: its directions are those of the whole.

    Args:
        matrix: shape (M, N). coefficients: of x, x³, x⁵, which every singular value goes through. n_steps: how often.

    Source: Newton and Schulz's iteration; Jordan and others, Muon: An optimizer for hidden layers, 2024.
    """
    if is_shard(matrix):
        from torch.distributed.tensor import distribute_tensor  # takes a second to load, and only shards need it

        whole = orthogonalized(matrix.full_tensor(), coefficients, n_steps)
        # Each process takes its part of what all have computed.
        return distribute_tensor(whole, matrix.device_mesh, matrix.placements, src_data_rank=None)
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(n_steps):
        gram = x @ x.mT
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
