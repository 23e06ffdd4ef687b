"""Tensor parallel: each process computes its heads, its channels in between, and its part of the vocabulary."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch.distributed import init_device_mesh
from torch.distributed.tensor import Replicate
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from llama_lessons.attention import KVCache
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.processes import n_processes

WIDENING = ("attention.wq", "attention.wk", "attention.wv", "feed_forward.w_gate", "feed_forward.w_up")
NARROWING = ("attention.wo", "feed_forward.w_down")  # each reads what one process has; the results are added up


def split_matrices(model: Llama, bf16: bool = False) -> Llama:
    """Cut the matrices so that a block takes two sums over all processes, one after each of its halves; in place.

    Every process reads the same tokens and gets the same logits, whole. Norms are small, and whole in every process.

    Args:
        model: with the same weights in every process.
        bf16: not here.

    Raises:
        ValueError: the heads, the key-value heads or hidden_dim cannot be shared out evenly, or bf16 is asked for.

    Source: Megatron-LM, arXiv:1909.08053, section 3.
    """
    n, config = n_processes(), model.config
    for name in ("n_heads", "n_kv_heads", "hidden_dim"):
        if getattr(config, name) % n:
            raise ValueError(f"{name} must be a multiple of the {n} processes, got {getattr(config, name)}")
    if bf16:
        raise ValueError("bf16 must be False for tensor parallel, got True: `Trainer(..., bf16=True)` computes so")
    mesh = init_device_mesh(model.embedding.weight.device.type, (n,), mesh_dim_names=("tensor",))
    plan = {name: ColwiseParallel() for name in WIDENING} | {name: RowwiseParallel() for name in NARROWING}
    for block in model.blocks:
        parallelize_module(block, mesh, plan)
    tables = {
        "embedding": RowwiseParallel(input_layouts=Replicate()),
        "output": ColwiseParallel(output_layouts=Replicate()),
    }
    parallelize_module(model, mesh, tables)
    if config.tie_embeddings:
        model.output.weight = model.embedding.weight
    own = replace(config, dim=config.dim // n, n_heads=config.n_heads // n, n_kv_heads=config.n_kv_heads // n)
    model.new_cache = partial(_new_cache, model, own)
    return model


def _new_cache(model: Llama, own: LlamaConfig, batch_size: int = 1, max_seq_len: int | None = None) -> KVCache:
    """As `Llama.new_cache`, with room for the heads of this process."""
    weight = model.norm.weight
    return KVCache(own, batch_size, max_seq_len, weight.device, weight.dtype)
