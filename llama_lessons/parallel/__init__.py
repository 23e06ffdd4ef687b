"""One Llama on several processes: its weights shared out by PyTorch's own engine, and put together again."""

from __future__ import annotations

import torch
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from llama_lessons.model import Llama
from llama_lessons.parallel.fsdp import shard_fully
from llama_lessons.parallel.recompute import recompute_blocks
from llama_lessons.parallel.tensor import split_matrices
from llama_lessons.processes import n_processes, share_weights

__all__ = ["WAYS", "shard", "whole_model"]

WAYS = {"fsdp": shard_fully, "tp": split_matrices}


def shard(model: Llama, way: str, recompute: bool = False, bf16: bool = False) -> Llama:
    """Share a model's weights out over the processes, in place; all start from the weights of the first one.

    Afterwards a `Trainer` trains it as ever, saves it and takes it up, also in another number of processes.

    Args:
        model: a Llama in float32, on the device of this process.
        way: "fsdp": each process computes its part of a batch, and holds its part of every weight; or "tp": all compute
            the same batch together, each with its part of the heads, of the feed-forward's channels, of the vocabulary.
        recompute: in the backward pass, compute anew what blocks compute inside, rather than keeping it.
        bf16: compute in bfloat16 and send weights so; they are kept, and gradients summed, in float32. For "tp" let the
            `Trainer` do that: there no weights travel.

    Returns:
        The model.

    Raises:
        ValueError: way is none of the two, there is one process only, or the model cannot be shared out so.
    """
    if way not in WAYS:
        raise ValueError(f"way must be one of {', '.join(WAYS)}, got {way!r}")
    if n_processes() == 1:
        raise ValueError("a model is shared out over several processes, and here is 1: start them with `torchrun`")
    share_weights(model)
    WAYS[way](model, bf16)
    return recompute_blocks(model) if recompute else model


def whole_model(model: Llama) -> Llama | None:
    """A plain copy of a model on the CPU, in the first process; all must ask for it, the others get None."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights = get_model_state_dict(model, options=options)
    if not weights:
        return None
    with torch.device("meta"):
        whole = Llama(model.config)
    whole.load_state_dict({name: weight.clone() for name, weight in weights.items()}, assign=True)
    if model.config.tie_embeddings:
        whole.output.weight = whole.embedding.weight
    whole.n_ids = model.n_ids
    return whole
