"""Meta's own format: params.json beside one to eight shards, consolidated.00.pth and so on."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from llama_lessons.checkpoints.assembly import WRONG_PAIR, Checkpoint, StoredTensor, make_config, number
from llama_lessons.checkpoints.file_io import CheckpointError, bar_settings, read_json, read_torch_file, write_json
from llama_lessons.checkpoints.names import translate
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer

MAX_SEQ_LEN = 4096  # tokens; params.json does not say it, Llama 2's paper does
DERIVED = ("rope.freqs",)  # stored in some releases, computed by everyone
REFUSED = ("use_scaled_rope", "quantization_args", "lora_args")  # of later Llamas
PARAMS = ("dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "norm_eps")
SPLIT_DIM = {"wq": 0, "wk": 0, "wv": 0, "w1": 0, "w3": 0, "output": 0, "wo": 1, "w2": 1, "tok_embeddings": 1}


def read(folder: Path) -> Checkpoint:
    """Look into a folder of Meta's; no weight is read yet.

    The feed-forward width and the vocabulary are taken from the tensors, because params.json gives only a rule for
    the one and may say -1 for the other. The longest sequence, which it does not give either, is Llama 2's 4096.
    The format knows no tied embeddings; a file in which both tables are one piece of memory is taken as tied.

    Args:
        folder: holds params.json and the shards.

    Raises:
        CheckpointError: a file is missing or damaged, or asks for something that Llama 2 does not have.
    """
    path = folder / "params.json"
    params = read_json(path)
    for key in REFUSED:
        if params.get(key):
            raise CheckpointError(path, f'asks for "{key}", which Llama 2 does not have', "Use a Llama 2 checkpoint")
    files = _shard_files(folder)
    shards = [read_torch_file(file) for file in files]
    _check_shards(files, shards)
    weights = {name: _merged(name, files[0], shards) for name in shards[0] if name not in DERIVED}
    tied = _is_tied(shards[0])
    if tied:
        del weights["output.weight"]
    return Checkpoint(path, _config(path, params, weights, tied), "meta", weights)


def _shard_files(folder: Path) -> list[Path]:
    """The shards in their order; every number from 0 must be there."""
    files = sorted(folder.glob("consolidated.*.pth"))
    expected = [folder / f"consolidated.{n:02d}.pth" for n in range(max(len(files), 1))]
    for file in expected:
        if file not in files:
            raise CheckpointError(file, "this shard is missing", "Download it: every shard holds a part of each weight")
    return files


def _check_shards(files: list[Path], shards: list[dict[str, Tensor]]) -> None:
    """All shards must hold the same names and shapes, and be as many as one shard's shapes say."""
    for file, shard in zip(files, shards, strict=True):
        odd = [name for name in shards[0].keys() | shard.keys() if not _alike(shards[0].get(name), shard.get(name))]
        if odd:
            trouble = f"{min(odd)} is not there or has another shape than in {files[0].name}"
            raise CheckpointError(file, trouble, "Download all shards again, from one release")
    rows, columns = _shape(files[0], shards[0], "layers.0.attention.wo.weight")  # (C, C / shards)
    n_shards = rows // max(columns, 1)
    if n_shards != len(files):
        trouble = f"its shapes say that there are {n_shards} shards, but {len(files)} are here"
        raise CheckpointError(files[0], trouble, "Download the missing shards, or remove those of another model")


def _alike(a: Tensor | None, b: Tensor | None) -> bool:
    return a is not None and b is not None and a.shape == b.shape and a.dtype == b.dtype


def _shape(file: Path, shard: dict, name: str) -> tuple[int, int]:
    """Rows and columns of a matrix that must be there."""
    if name not in shard or len(shard[name].shape) != 2:
        raise CheckpointError(file, f"holds no matrix {name}", WRONG_PAIR)
    return tuple(shard[name].shape)


def _merged(name: str, file: Path, shards: list[dict[str, Tensor]]) -> StoredTensor:
    """One weight of all shards: columns or rows put together, and norms, which every shard holds whole, taken once.

    Source: Megatron-LM, arXiv:1909.08053, section 3; the layers' classes in Meta's llama/model.py.
    """
    dim = _split_dim(name)
    pieces = [shard[name] for shard in shards]
    shape = list(pieces[0].shape)
    if dim is None or len(shape) != 2:
        return StoredTensor(file, tuple(shape), pieces[0].dtype, partial(_put_together, pieces[:1], 0))
    shape[dim] *= len(pieces)
    return StoredTensor(file, tuple(shape), pieces[0].dtype, partial(_put_together, pieces, dim))


def _split_dim(name: str) -> int | None:
    """Where the shards cut a weight; None: each holds all of it."""
    return SPLIT_DIM.get(name.split(".")[-2]) if "." in name else None


def _put_together(pieces: list[Tensor], dim: int, out: Tensor) -> None:
    for piece, part in zip(pieces, out.chunk(len(pieces), dim), strict=True):
        part.copy_(piece)


def _is_tied(shard: dict[str, Tensor]) -> bool:
    """Whether both tables are one piece of memory: `torch.save` keeps that."""
    table, head = shard.get("tok_embeddings.weight"), shard.get("output.weight")
    return _alike(table, head) and table.data_ptr() == head.data_ptr()


def _config(path: Path, params: dict, weights: dict[str, StoredTensor], tied: bool) -> LlamaConfig:
    n_heads = number(path, params, "n_heads")
    return make_config(
        path,
        dim=number(path, params, "dim"),
        n_layers=number(path, params, "n_layers"),
        n_heads=n_heads,
        n_kv_heads=n_heads if params.get("n_kv_heads") is None else params["n_kv_heads"],
        vocab_size=_shape(path.parent, weights, "tok_embeddings.weight")[0],
        hidden_dim=_shape(path.parent, weights, "layers.0.feed_forward.w1.weight")[0],
        max_seq_len=MAX_SEQ_LEN,
        norm_eps=params.get("norm_eps", 1e-5),
        rope_theta=params.get("rope_theta", 10_000.0),
        tie_embeddings=tied,
    )


def write(model: Llama, folder: Path, tokenizer: Tokenizer | None, n_shards: int = 1) -> None:
    """Write params.json and the shards, as Meta's code reads them.

    Args:
        model: a plain Llama, on any device.
        folder: an empty one.
        tokenizer: written as tokenizer.model; None writes none.
        n_shards: how many.

    Raises:
        ValueError: n_shards does not divide all that is cut, or the tables are tied, and would be cut in two ways.
    """
    for name in ("dim", "n_heads", "n_kv_heads", "hidden_dim", "vocab_size"):
        if n_shards < 1 or getattr(model.config, name) % n_shards:
            raise ValueError(f"n_shards must divide {name}={getattr(model.config, name)}, got {n_shards}")
    if n_shards > 1 and model.config.tie_embeddings:
        raise ValueError(f"n_shards must be 1 for a model with tied embeddings, got {n_shards}")
    write_json(folder / "params.json", _params(model.config))
    tensors = {translate(name, "ours", "meta"): weight.data.cpu() for name, weight in model.named_parameters()}
    if model.config.tie_embeddings:
        tensors["output.weight"] = tensors["tok_embeddings.weight"]  # one storage, two names: written once
    for rank in range(n_shards):
        shard = {name: _part(name, tensor, rank, n_shards) for name, tensor in tensors.items()}
        n_bytes = sum(tensor.nbytes for tensor in shard.values())
        path, bar = folder / f"consolidated.{rank:02d}.pth", bar_settings(n_bytes, "saving")
        with path.open("wb") as file, tqdm.wrapattr(file, "write", n_bytes, **bar) as counted:
            torch.save(shard, counted)
    if tokenizer is not None:
        (folder / "tokenizer.model").write_bytes(tokenizer.processor.serialized_model_proto())


def _part(name: str, tensor: Tensor, rank: int, n_shards: int) -> Tensor:
    """What a shard holds of a weight: if not all, a copy, since `torch.save` writes all of what a view looks at."""
    dim = _split_dim(name)
    return tensor if dim is None or n_shards == 1 else tensor.chunk(n_shards, dim)[rank].clone()


def _params(config: LlamaConfig) -> dict:
    """What params.json must say: no key more, because Meta's code passes them all to its ModelArgs."""
    params = {key: getattr(config, key) for key in PARAMS} | feed_forward_rule(config.dim, config.hidden_dim)
    if config.rope_theta != 10_000.0:
        params["rope_theta"] = config.rope_theta  # Code Llama's name for it; Llama 2 has no other value
    return params


def feed_forward_rule(dim: int, hidden_dim: int) -> dict[str, int | float]:
    """The two numbers from which Meta's code computes a feed-forward width, chosen so that it arrives at ours.

    Its rule: 2/3 of 4 dim, times ffn_dim_multiplier, rounded up to a multiple of multiple_of. Whatever lies between
    1 and hidden_dim is rounded up to hidden_dim if multiple_of is hidden_dim.

    Args:
        dim: width of the residual stream, in channels.
        hidden_dim: the width to arrive at, in channels.

    Returns:
        "multiple_of", and "ffn_dim_multiplier" where it takes one.

    Source: Meta's llama/model.py, FeedForward.
    """
    two_thirds = int(2 * (4 * dim) / 3)
    if two_thirds <= hidden_dim:
        return {"multiple_of": hidden_dim}
    return {"multiple_of": hidden_dim, "ffn_dim_multiplier": (hidden_dim + 0.5) / two_thirds}  # safe from rounding
