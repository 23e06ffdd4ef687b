"""Tensor parallel: each process computes its heads, its feed-forward channels, and its part of the vocabulary."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch import Tensor, nn
from torch.distributed import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_module
from torch.distributed.tensor.parallel import ColwiseParallel, ParallelStyle, RowwiseParallel, parallelize_module

from llama_lessons.attention import KVCache
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.processes import n_processes

WIDENING = ("attention.wq", "attention.wk", "attention.wv", "feed_forward.w_gate", "feed_forward.w_up")
NARROWING = ("attention.wo", "feed_forward.w_down")  # each reads what one process has, and the results are added up


class OwnHeads(ParallelStyle):
    """For wk and wv where the processes cannot share out the key-value heads: each computes all, and keeps its own.

    Every query head gets a copy of the key-value head that it looks at; a process keeps those of its query heads.

    Args:
        config: the whole model's.
    """

    def __init__(self, config: LlamaConfig) -> None:
        self.config = config

    def _apply(self, module: nn.Module, mesh: DeviceMesh) -> nn.Module:
        return distribute_module(module, mesh, None, self._all, self._own)  # None: the weights stay whole

    def _all(self, module: nn.Module, inputs: tuple[Tensor], mesh: DeviceMesh) -> DTensor:
        return DTensor.from_local(inputs[0], mesh, [Replicate()])

    def _own(self, module: nn.Module, output: DTensor, mesh: DeviceMesh) -> Tensor:
        heads = output.to_local().unflatten(-1, (-1, self.config.head_dim))  # (B, T, Hkv, D)
        copies = heads.repeat_interleave(self.config.n_heads // self.config.n_kv_heads, dim=2).flatten(2)  # (B, T, C)
        return DTensor.from_local(copies, mesh, [Replicate()]).redistribute(placements=[Shard(-1)]).to_local()


def split_matrices(model: Llama, bf16: bool = False) -> Llama:
    """Cut the matrices so that a block takes two sums over all processes, one after each of its halves; in place.

    Every process reads the same tokens and gets the same logits, whole. Norms are small, and whole in every process; so
    are wk and wv where the key-value heads cannot be shared out evenly.

    Args:
        model: with the same weights in every process.
        bf16: not here.

    Raises:
        ValueError: the heads or hidden_dim cannot be shared out evenly, or bf16 is asked for.

    Source: Megatron-LM, arXiv:1909.08053, section 3.
    """
    n, config = n_processes(), model.config
    for name in ("n_heads", "hidden_dim"):
        if getattr(config, name) % n:
            raise ValueError(f"{name} must be a multiple of the {n} processes, got {getattr(config, name)}")
    if bf16:
        raise ValueError("bf16 must be False for tensor parallel, got True: `Trainer(..., bf16=True)` computes so")
    mesh = init_device_mesh(model.norm.weight.device.type, (n,), mesh_dim_names=("tensor",))
    plan = {name: ColwiseParallel() for name in WIDENING} | {name: RowwiseParallel() for name in NARROWING}
    n_kv_heads = config.n_kv_heads // n
    if config.n_kv_heads % n:
        plan |= {"attention.wk": OwnHeads(config), "attention.wv": OwnHeads(config)}
        n_kv_heads = config.n_heads // n
    for block in model.blocks:
        parallelize_module(block, mesh, plan)
    parallelize_module(model.embedding, mesh, RowwiseParallel(input_layouts=Replicate()))
    parallelize_module(model.output, mesh, ColwiseParallel(output_layouts=Replicate()))
    if config.tie_embeddings:
        model.output.weight = model.embedding.weight
    own = replace(config, dim=config.dim // n, n_heads=config.n_heads // n, n_kv_heads=n_kv_heads)
    model.new_cache = partial(_new_cache, model, own)
    return model


def _new_cache(model: Llama, own: LlamaConfig, batch_size: int = 1, max_seq_len: int | None = None) -> KVCache:
    """As `Llama.new_cache`, with room for the heads of this process."""
    weight = model.norm.weight
    return KVCache(own, batch_size, max_seq_len, weight.device, weight.dtype)
