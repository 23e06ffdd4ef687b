"""Checkpoints: a model from and to the files that others use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch

from llama_lessons.checkpoints import huggingface, llama2c, meta, quantized
from llama_lessons.checkpoints.assembly import DTYPES, Checkpoint, assemble
from llama_lessons.checkpoints.compatibility import KIND, check_destination, check_model, check_vocab
from llama_lessons.checkpoints.file_io import CheckpointError, blaming
from llama_lessons.files import atomic
from llama_lessons.folders import settle_folder, write_folder
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer

__all__ = ["CheckpointError", "check_destination", "load", "save"]

WRITERS = {"hf": huggingface.write, "meta": meta.write, "llama2c": llama2c.write}


def load(path: Path | str, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Llama:
    """Open a checkpoint: Meta's, Hugging Face's, llama2.c's, or a quantized one of ours, told apart by what lies there.

    No code in a file is run and nothing is downloaded. The model owns its memory: the files may be changed or
    deleted once it is loaded.

    Args:
        path: a folder with config.json and safetensors or pytorch_model.bin (Hugging Face's), a folder with
            params.json and consolidated.00.pth ... (Meta's), or a llama2.c file.
        device: where the weights shall lie; None is the CPU.
        dtype: a floating-point type to convert the weights to; None keeps the stored one, that of the embedding table.
            What is quantized stays so.

    Returns:
        The model, ready to run or to train.

    Raises:
        CheckpointError: it cannot be opened; the message names the file, what is wrong and what to do.
        TokenizerError: the tokenizer.model beside the weights is none that Llama 2 could have.
        ValueError: dtype is no floating-point type of at least 16 bits.
    """
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f"dtype must be a floating-point torch.dtype of at least 16 bits or None, got {dtype!r}")
    path = Path(path).expanduser()
    with blaming(path):
        settle_folder(path)
        if settings := quantized.settings_in(path):
            model = quantized.read(path, settings, device or "cpu", dtype)
        else:
            model = assemble(_reader(path)(path), device or "cpu", dtype)
        if (path / "tokenizer.model").exists():
            model.n_ids = check_vocab(Tokenizer(path / "tokenizer.model"), model.config, path)
    return model


def _reader(path: Path) -> Callable[[Path], Checkpoint]:
    if path.is_file():
        return llama2c.read
    if not path.is_dir():
        remedy = "Give a folder or file of this machine: `load` downloads nothing"
        raise CheckpointError(path, "does not exist", remedy)
    names = os.listdir(path)
    if "config.json" in names and ("params.json" not in names or huggingface.has_weights(path)):
        return huggingface.read
    if "params.json" in names:
        return meta.read
    trouble = "is no checkpoint: it holds neither config.json (Hugging Face's) nor params.json (Meta's)"
    raise CheckpointError(path, trouble, "Open the folder that the weights lie in, and check that they came whole")


def save(
    model: Llama, path: Path | str, format: str = "hf", tokenizer: Tokenizer | None = None, n_shards: int = 1
) -> None:
    """Write a checkpoint that the programs of its format open too; `load` gives the same weights back.

    It appears at `path` whole or not at all, in place of what `save` wrote there before; other hidden files and a
    README.md stay, and a folder that holds anything else is refused: nothing is lost that `save` did not write. Two
    formats cannot say everything: Meta's has no max_seq_len, llama2.c's is float32 only.

    Args:
        model: the model, on any device; LoRA adapters must be merged first. A quantized one is written in the format
            "hf", in one file that only `load` opens.
        path: a folder, or for llama2c a file, which may be one of its format only.
        format: "hf" (config.json and safetensors, in several files above 5 GB), "meta" (params.json and
            consolidated.00.pth, ...) or "llama2c" (version 0, which llama2.c's `run` opens).
        tokenizer: written beside the weights, so that others' tools give our ids; not for llama2c.
        n_shards: for "meta", files of as many GPUs, which Meta's code starts as many processes for.

    Raises:
        ValueError: an argument is wrong, the format cannot express the model, or the model holds NaN.
        CheckpointError: the tokenizer has more ids than the model.
    """
    if format not in WRITERS:
        raise ValueError(f"format must be one of {', '.join(WRITERS)}, got {format!r}")
    if n_shards != 1 and format != "meta":
        raise ValueError(f"n_shards must be 1 for format {format!r}, got {n_shards}")
    model = getattr(model, "_orig_mod", model)  # of what torch.compile gives, the model itself
    check_destination(path, format)
    write = quantized.write if quantized.is_quantized(model, format) else WRITERS[format]
    check_model(model)
    if tokenizer is not None:
        check_vocab(tokenizer, model.config)
    with atomic(path) if format == "llama2c" else write_folder(path, KIND) as draft:
        write(model, draft, tokenizer, **({"n_shards": n_shards} if format == "meta" else {}))
