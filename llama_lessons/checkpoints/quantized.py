"""Quantized models on disk: Hugging Face's config.json, and codes and scales in one file, under our names."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from llama_lessons.checkpoints import file_io
from llama_lessons.checkpoints.assembly import WRONG_PAIR, skeleton
from llama_lessons.checkpoints.file_io import CheckpointError
from llama_lessons.checkpoints.huggingface import write_settings
from llama_lessons.checkpoints.huggingface_config import config_from
from llama_lessons.model import Llama
from llama_lessons.quantization import quantize, quantized_layers
from llama_lessons.tokenizer import Tokenizer

FILE, ASKS = "quantized.safetensors", "quantization_config"  # the second in config.json, where others see it


def is_quantized(model: Llama, format: str) -> bool:
    """Whether a model has quantized layers.

    Raises:
        ValueError: it has, and the format has no place for them.
    """
    found = bool(quantized_layers(model))
    if found and format != "hf":
        raise ValueError(f"format {format!r} holds no quantized weights: save them as 'hf', or save the original model")
    return found


def write(model: Llama, folder: Path, tokenizer: Tokenizer | None) -> None:
    """Write settings, tokenizer and `quantized.safetensors`.

    Args:
        model: a quantized Llama, on any device.
        folder: an empty one.
        tokenizer: None writes none.
    """
    layer = next(iter(quantized_layers(model).values()))
    how = {"quant_method": "llama_lessons", "kind": layer.kind, "group": layer.group}
    write_settings(model, folder, tokenizer, {ASKS: how})
    tensors = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    if model.config.tie_embeddings:
        del tensors["output.weight"]
    file_io.write_safetensors(tensors, folder / FILE)


def settings_in(folder: Path) -> dict | None:
    """What config.json says in a folder that holds a quantized model; None in any other."""
    return file_io.read_json(folder / "config.json") if folder.is_dir() and FILE in os.listdir(folder) else None


def read(folder: Path, settings: dict, device: torch.device | str, dtype: torch.dtype | None) -> Llama:
    """Open what `write` wrote.

    Args:
        folder: holds it.
        settings: what its config.json says.
        device: where the weights shall lie.
        dtype: of what is not quantized; None keeps the stored one.

    Raises:
        CheckpointError: a file is missing or damaged, or does not fit the settings.
    """
    path, how = folder / "config.json", settings.get(ASKS)
    model = skeleton(config_from(path, {**settings, ASKS: None}))
    try:
        quantize(model, how["kind"], how["group"])
    except (ValueError, TypeError, KeyError) as error:  # what it says is no such table, or holds other things
        raise CheckpointError(path, f"asks for weights that cannot be: {error}", WRONG_PAIR) from error
    stored, kept = file_io.read_safetensors(folder / FILE), dict(model.named_parameters())
    tensors = {}
    for name in file_io.progress(list(stored), sum(tensor.nbytes for tensor in stored.values()), "loading"):
        kind = dtype if dtype and name in kept else stored[name].dtype
        tensors[name] = torch.empty_like(stored[name], device=device, dtype=kind).copy_(stored[name])
    if model.config.tie_embeddings and "embedding.weight" in tensors:
        tensors["output.weight"] = tensors["embedding.weight"]
    try:
        model.load_state_dict(tensors, assign=True)
    except RuntimeError as error:  # PyTorch names what is missing, too much or of another shape
        raise CheckpointError(folder / FILE, f"does not fit config.json ({str(error)[:300]})", WRONG_PAIR) from error
    if model.config.tie_embeddings:
        model.output.weight = model.embedding.weight
    return model.requires_grad_(False)
