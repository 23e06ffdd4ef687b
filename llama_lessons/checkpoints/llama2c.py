"""llama2.c's format: one file of float32 numbers in a fixed order behind a short header."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from llama_lessons.checkpoints.assembly import Checkpoint, StoredTensor, make_config, skeleton
from llama_lessons.checkpoints.file_io import CheckpointError, progress
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.rope import rope_angles

MAGIC = 0x616B3432  # "ak42": files of version 1 and later start with it
NUMBERS = ("dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "max_seq_len")
SEVEN_INTS = "<7i"  # of 4 bytes, the lowest first: the numbers
HEADER_BYTES = {0: 28, 1: 256}
ROTATIONS = "cosines and sines"  # two tables that version 0 carries and every reader can compute
QKVO = ("attention.wq", "attention.wk", "attention.wv", "attention.wo")
GATE_DOWN_UP = ("feed_forward.w_gate", "feed_forward.w_down", "feed_forward.w_up")
ORDER = {  # the modules of all layers lie together: all wq, then all wk ...
    0: ("embedding", "attention_norm", *QKVO, "feed_forward_norm", *GATE_DOWN_UP, "norm", ROTATIONS, "output"),
    1: ("attention_norm", "feed_forward_norm", "norm", "embedding", *QKVO, *GATE_DOWN_UP, "output"),
}
FIXED = {"norm_eps": 1e-5, "rope_theta": 10_000.0}  # built into llama2.c's programs, not in the file


def read(path: Path) -> Checkpoint:
    """Look into a file of version 0 or 1; no weight is read yet.

    Queries and keys have their rows in Meta's order, which is ours.

    Args:
        path: the file.

    Raises:
        CheckpointError: it has another version, or its size does not fit its header.
    """
    version, config = _read_header(path)
    n_bytes = path.stat().st_size
    expected = HEADER_BYTES[version] + 4 * (config.n_params + _n_rotations(config, version))
    if n_bytes != expected:
        trouble = f"has {n_bytes:,} bytes, but its header, read as llama2.c's, asks for {expected:,}"
        raise CheckpointError(path, trouble, _remedy(path))
    numbers = torch.from_file(str(path), shared=False, size=n_bytes // 4, dtype=torch.float32)  # mapped
    at = HEADER_BYTES[version] // 4
    weights = {}
    for name, shape in _order(config, version):
        piece = numbers[at : at + shape.numel()].view(shape)
        weights[name] = StoredTensor(path, tuple(shape), piece.dtype, lambda out, piece=piece: out.copy_(piece))
        at += shape.numel()
    weights.pop(ROTATIONS, None)
    return Checkpoint(path, config, "ours", weights)


def _remedy(path: Path) -> str:
    return f"If it is truncated, download it again; if it is part of another checkpoint, open the folder {path.parent}"


def _read_header(path: Path) -> tuple[int, LlamaConfig]:
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES[1]).ljust(HEADER_BYTES[1], b"\0")
    magic, version = struct.unpack_from("<Ii", header)
    if magic != MAGIC:
        version = 0
    elif version != 1:
        kind = {2: "2 (quantized to int8)"}.get(version, version)
        trouble = f"is a llama2.c file of version {kind}; only versions 0 and 1 can be opened"
        raise CheckpointError(path, trouble, "Export the model again with llama2.c's export.py --version 0")
    numbers = dict(zip(NUMBERS, struct.unpack_from(SEVEN_INTS, header, offset=8 * version), strict=True))
    tied = header[36] != 0 if version == 1 else numbers["vocab_size"] > 0  # negative: the head is a table of its own
    numbers["vocab_size"] = abs(numbers["vocab_size"])
    return version, make_config(path, remedy=_remedy(path), **numbers, tie_embeddings=tied, **FIXED)


def _n_rotations(config: LlamaConfig, version: int) -> int:
    """Numbers in the tables of cosines and sines."""
    return config.max_seq_len * config.head_dim if version == 0 else 0


def _order(config: LlamaConfig, version: int) -> Iterator[tuple[str, torch.Size]]:
    """Name and shape of everything in the file, in its order; ROTATIONS stands for the two tables."""
    shapes = {name: weight.shape for name, weight in skeleton(config).named_parameters()}
    for module in ORDER[version]:
        if module == ROTATIONS:
            yield module, torch.Size([_n_rotations(config, version)])
        for name in (f"{module}.weight", *(f"blocks.{n}.{module}.weight" for n in range(config.n_layers))):
            if name in shapes:
                yield name, shapes[name]


def write(model: Llama, path: Path, tokenizer: None) -> None:
    """Write version 0, which is what llama2.c's `run` opens; all numbers become float32.

    Args:
        model: a plain Llama, on any device.
        path: the file.
        tokenizer: None; the format has no place for one.

    Raises:
        ValueError: the model has other constants than those built into llama2.c, or a tokenizer is given.
    """
    if tokenizer is not None:
        raise ValueError("format 'llama2c' holds no tokenizer: pass None, and convert it with llama2.c's tokenizer.py")
    config = model.config
    for name, value in FIXED.items():
        if getattr(config, name) != value:
            raise ValueError(
                f"format 'llama2c' has {name}={value} built in, this model has {getattr(config, name)}: "
                "save it as 'hf' or 'meta'"
            )
    numbers = {name: getattr(config, name) for name in NUMBERS}
    if not config.tie_embeddings:
        numbers["vocab_size"] *= -1
    weights = dict(model.named_parameters())
    with path.open("wb") as file:
        file.write(struct.pack(SEVEN_INTS, *numbers.values()))
        for name, _ in progress(list(_order(config, version=0)), 4 * config.n_params, "saving"):
            tensor = _rotations(config) if name == ROTATIONS else weights[name].data
            file.write(tensor.float().cpu().contiguous().numpy().data)


def _rotations(config: LlamaConfig) -> Tensor:
    """Cosines, then sines, of every position: shape (2, max_seq_len, D//2)."""
    angles = rope_angles(torch.arange(config.max_seq_len), config.head_dim, config.rope_theta)  # (max_seq_len, D//2)
    return torch.stack((angles.cos(), angles.sin()))
