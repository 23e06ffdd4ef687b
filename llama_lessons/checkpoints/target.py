"""Before anything is written: is this a model that a checkpoint can hold, and a place that may be replaced?"""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

from llama_lessons.checkpoints.assembly import skeleton
from llama_lessons.model import Llama

REPLACED = (  # what a checkpoint folder may hold, and so what saving to it again may replace
    "*config.json",
    "*.safetensors",
    "*.index.json",
    "pytorch_model*.bin",
    "params.json",
    "consolidated.*.pth",
    "tokenizer*",
    "special_tokens_map.json",
    "README.md",  # the model card tells of the weights that it lies beside
)


def check_model(model: Llama) -> None:
    """Refuse a model that is not just a Llama: its adapters or quantized weights would be lost.

    Raises:
        ValueError: it has other parameters than its config says.
    """
    wanted = {name: weight.shape for name, weight in skeleton(model.config).named_parameters()}
    found = {name: weight.shape for name, weight in model.named_parameters()}
    odd = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if odd:
        raise ValueError(
            f"model is not a plain Llama: {odd[0]} and {len(odd) - 1} more parameters differ from its config. "
            "If it has LoRA adapters, merge them first (merge_lora); if it is quantized, save the original"
        )


def check_place(path: Path, format: str) -> None:
    """Refuse to replace anything but an older checkpoint.

    Args:
        path: where it shall be saved.
        format: in which of the formats of `save`; all but llama2c's are folders.

    Raises:
        ValueError: a file is where the folder should be, or the other way round, or the folder holds foreign files.
    """
    is_folder = format != "llama2c"
    if not path.exists():
        return
    if path.is_dir() != is_folder:
        raise ValueError(f"path {path} is a {'folder' if path.is_dir() else 'file'}: choose another for this format")
    if is_folder:
        names = sorted(entry.name for entry in path.iterdir())
        foreign = [name for name in names if not any(fnmatch(name, pattern) for pattern in REPLACED)]
        if foreign:
            raise ValueError(
                f"path {path} would be replaced, and {', '.join(foreign[:3])} in it lost: "
                "move them away, or save to another folder"
            )
