"""Checkpoints: a model from and to the files that others use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from llama_lessons.checkpoints import huggingface, llama2c, meta
from llama_lessons.checkpoints.assembly import Checkpoint, assemble
from llama_lessons.checkpoints.errors import CheckpointError
from llama_lessons.checkpoints.target import check_model, check_place
from llama_lessons.checkpoints.vocabulary import check_vocab
from llama_lessons.files import atomic
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer

__all__ = ["CheckpointError", "check_place", "load", "save"]

WRITERS = {"hf": huggingface.write, "meta": meta.write, "llama2c": llama2c.write}


def load(path: Path | str, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Llama:
    """Open a checkpoint: Meta's, Hugging Face's or llama2.c's, told apart by what lies there.

    No code in a file is run and nothing is downloaded. The model owns its memory: the files may be changed or
    deleted once it is loaded.

    Args:
        path: a folder with config.json and safetensors or pytorch_model.bin (Hugging Face's), a folder with
            params.json and consolidated.00.pth ... (Meta's), or a llama2.c file.
        device: where the weights shall lie; None is the CPU.
        dtype: a floating-point type to convert the weights to; None keeps the stored one.

    Returns:
        The model, ready to run or to train.

    Raises:
        CheckpointError: it cannot be opened; the message names the file, what is wrong and what to do.
        TokenizerError: the tokenizer.model beside the weights is none that Llama 2 could have.
        ValueError: dtype is no floating-point type.
    """
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ValueError(f"dtype must be a floating-point torch.dtype or None, got {dtype!r}")
    path = Path(path).expanduser()
    checkpoint = _reader(path)(path)
    tokenizer = path / "tokenizer.model"
    if tokenizer.is_file():
        check_vocab(Tokenizer(tokenizer), checkpoint.config)
    return assemble(checkpoint, "cpu" if device is None else device, dtype)


def _reader(path: Path) -> Callable[[Path], Checkpoint]:
    if path.is_file():
        return llama2c.read
    if (path / "config.json").exists():
        return huggingface.read
    if (path / "params.json").exists():
        return meta.read
    if path.is_dir():
        trouble = "is no checkpoint: it holds neither config.json (Hugging Face's) nor params.json (Meta's)"
        raise CheckpointError(path, trouble, "Open the folder that the weights lie in, and check that they came whole")
    raise CheckpointError(path, "does not exist", "Give a folder or file of this machine: `load` downloads nothing")


def save(model: Llama, path: Path | str, format: str = "hf", tokenizer: Tokenizer | None = None) -> None:
    """Write a checkpoint that the programs of its format open too; `load` gives the same weights back.

    It appears at `path` whole or not at all, in place of an older checkpoint there; a folder that holds anything
    else is refused. Two formats cannot say everything: Meta's has no max_seq_len, llama2.c's is float32 only.

    Args:
        model: the model, on any device; LoRA adapters must be merged first.
        path: a folder, or for llama2c a file.
        format: "hf" (config.json and safetensors, in several files above 5 GB), "meta" (params.json and one
            consolidated.00.pth) or "llama2c" (version 0, which llama2.c's `run` opens).
        tokenizer: written beside the weights, so that others' tools give our ids; not for llama2c.

    Raises:
        ValueError: an argument is wrong, or the format cannot express the model.
        CheckpointError: the tokenizer has more ids than the model.
    """
    if format not in WRITERS:
        raise ValueError(f"format must be one of {', '.join(WRITERS)}, got {format!r}")
    path = Path(path).expanduser()
    check_model(model)
    check_place(path, format)
    if tokenizer is not None:
        check_vocab(tokenizer, model.config)
    with atomic(path) as draft:
        WRITERS[format](model, draft, tokenizer)
