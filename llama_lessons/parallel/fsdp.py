"""Fully sharded data parallel: each process holds its part of every weight, and gathers a block when it computes it."""

from __future__ import annotations

import torch
from torch.distributed import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method

from llama_lessons.model import Llama
from llama_lessons.processes import n_processes


def shard_fully(model: Llama, bf16: bool = False) -> Llama:
    """Cut every weight into rows, as many parts as there are processes, each of which keeps one; in place.

    Gradients are summed over the processes, not averaged: who divides a loss divides by the targets of all.

    Args:
        model: with the same weights in every process.
        bf16: gather weights, and compute, in bfloat16; weights are kept, and gradients summed, in float32.

    Source: ZeRO, arXiv:1910.02054, section 5, stage 3; PyTorch FSDP, arXiv:2304.11277.
    """
    mesh = init_device_mesh(model.embedding.weight.device.type, (n_processes(),), mesh_dim_names=("data",))
    low = torch.bfloat16 if bf16 else None
    policy = MixedPrecisionPolicy(low, torch.float32, cast_forward_inputs=False)  # angles stay in float32
    for part in (*model.blocks, model):  # what is gathered together: a block, and at last what is in none
        fully_shard(part, mesh=mesh, mp_policy=policy)
        part.set_gradient_divide_factor(1.0)
        part.set_force_sum_reduction_for_comms(True)  # gloo has no other
    register_fsdp_forward_method(model, "hidden")  # the loss calls it, not `forward`
    return model
