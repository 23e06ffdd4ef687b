"""What must fit together: a model and its format, a place and what is saved there, a tokenizer and a model."""

from __future__ import annotations

import warnings
from pathlib import Path

from llama_lessons.checkpoints import llama2c
from llama_lessons.checkpoints.assembly import all_finite, skeleton
from llama_lessons.checkpoints.file_io import CheckpointError, read_json
from llama_lessons.config import LlamaConfig
from llama_lessons.files import check_file
from llama_lessons.folders import check_folder
from llama_lessons.model import Llama
from llama_lessons.processes import is_shard
from llama_lessons.quantization import quantized_layers
from llama_lessons.tokenizer import Tokenizer

KIND = "a checkpoint"  # of the folders that are written here


def check_model(model: Llama) -> None:
    """Refuse a model that is not just a Llama, whose adapters would be lost, and a broken one.

    Raises:
        ValueError: it has other parameters than its config says, or numbers in them that are not finite.
    """
    if any(is_shard(weight) for weight in model.parameters()):
        raise ValueError("model is shared out over processes: save what `parallel.whole_model` makes of it")
    plain, without = skeleton(model.config).named_parameters(), quantized_layers(model)
    wanted = {name: weight.shape for name, weight in plain if name.removesuffix(".weight") not in without}
    found = {name: weight.shape for name, weight in model.named_parameters()}
    odd = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if odd:
        raise ValueError(
            f"model is not a plain Llama: {odd[0]} and {len(odd) - 1} more parameters differ from its config. "
            "If it has LoRA adapters, merge them first (merge_lora)"
        )
    broken = [name for name, weight in model.named_parameters() if not all_finite(weight)]
    if broken:
        raise ValueError(
            f"model holds NaN or infinite numbers in {broken[0]} and {len(broken) - 1} more parameters: it broke, most "
            "likely in training. Nothing was written; go back to an earlier state of it"
        )


def check_destination(path: Path | str, format: str) -> None:
    """Refuse to replace anything but what `save` wrote, before the work is done.

    Args:
        path: where a model shall be saved.
        format: in which of the formats of `save`.

    Raises:
        ValueError: a file is where the folder should be, or the other way round, or something else lies there.
    """
    if format == "llama2c":
        check_file(path, llama2c.read)
    else:
        check_folder(path, KIND)


def check_vocab(tokenizer: Tokenizer, config: LlamaConfig, folder: Path | None = None) -> int:
    """Refuse a tokenizer whose ids the model's embedding table has no rows for.

    Some models have more rows than that: for tokens that were added to the tokenizer, which files beside it name, or
    to round the table's size up. For rows that nothing names there is only a warning.

    Args:
        tokenizer: the tokenizer.
        config: the model's shape.
        folder: where the files beside the tokenizer lie; None: there are none.

    Returns:
        The number of ids that stand for a piece or for an added token.

    Raises:
        CheckpointError: the tokenizer has more ids than the model.
    """
    n_ids, n_rows = tokenizer.vocab_size, config.vocab_size
    if n_ids > n_rows:
        raise CheckpointError(
            tokenizer.path,
            f"has {n_ids} ids, but the model's vocabulary has only {n_rows}",
            "Take the tokenizer that the model was trained with",
        )
    if n_ids < n_rows and folder is not None:
        n_ids = min(n_rows, max([n_ids - 1, *_added_ids(folder)]) + 1)
    if n_ids < n_rows:
        warnings.warn(f"{tokenizer.path} has {n_ids} ids, the model {n_rows}: the rest is never sampled", stacklevel=3)
    return n_ids


def _added_ids(folder: Path) -> list[int]:
    """Ids of tokens that were added to a tokenizer, from the places where transformers has kept them."""
    names = ("added_tokens.json", "tokenizer_config.json", "tokenizer.json")
    first, second, third = (read_json(folder / name) if (folder / name).exists() else {} for name in names)
    listed = [token["id"] for token in third.get("added_tokens", [])]
    return [int(token_id) for token_id in (*first.values(), *second.get("added_tokens_decoder", {}), *listed)]
