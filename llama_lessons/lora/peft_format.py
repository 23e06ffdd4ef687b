"""Adapters from and to the files of Hugging Face's peft."""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor, nn

from llama_lessons.checkpoints import file_io
from llama_lessons.checkpoints.assembly import all_finite, number
from llama_lessons.checkpoints.file_io import CheckpointError, blaming
from llama_lessons.checkpoints.huggingface import rotated_heads, to_huggingface
from llama_lessons.checkpoints.names import half_split_to_interleaved, translate
from llama_lessons.folders import settle_folder, write_folder
from llama_lessons.lora.adapters import TARGETS, LoraLinear, check_size, inject, refuse_second_set, some_adapters
from llama_lessons.model import Llama

SETTINGS, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
NAME = "base_model.model.{}.lora_{}.weight"  # of a module's matrix A or B
PATTERN = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")
HARMLESS = {  # settings that say nothing about what trained adapters compute, or that are read elsewhere
    *("auto_mapping", "base_model_name_or_path", "ensure_weight_tying", "exclude_modules", "inference_mode"),
    *("layers_pattern", "layers_to_transform", "lora_alpha", "lora_dropout", "megatron_core", "peft_version"),
    *("qalora_group_size", "r", "revision", "runtime_config", "target_modules", "task_type"),
}
ONLY = {"peft_type": ("LORA",), "bias": ("none",), "init_lora_weights": (True, False, None, "gaussian")}
TAKE_OTHER = "Take adapters that were trained on this very model by plain LoRA"


def save_lora(model: Llama, path: Path | str) -> None:
    """Write the adapters, and nothing else of the model, for `load_lora` and for peft's `PeftModel.from_pretrained`.

    Args:
        model: a model with adapters.
        path: a folder; adapters that `save_lora` wrote there before are replaced. Hidden files and a README.md stay.

    Raises:
        ValueError: the model has no adapters, or NaN in them, or the folder holds anything else.
    """
    weights, targets = {}, set()
    for name, layer in some_adapters(model).items():
        theirs = translate(name, "ours", "hf")
        targets.add(theirs.split(".")[-1])
        weights[NAME.format(theirs, "A")] = layer.lora_a.detach().cpu().contiguous()
        weights[NAME.format(theirs, "B")] = to_huggingface(f"{theirs}.weight", layer.lora_b.detach(), model.config)
    shape = {"r": layer.lora_a.shape[0], "lora_alpha": layer.alpha, "target_modules": sorted(targets)}
    broken = [name for name, weight in weights.items() if not all_finite(weight)]
    if broken:
        raise ValueError(f"model holds NaN or infinite numbers in {broken[0]}: its training broke, nothing was written")
    with write_folder(path, "adapters") as draft:
        file_io.write_safetensors(weights, draft / WEIGHTS)
        file_io.write_json(draft / SETTINGS, {"peft_type": "LORA", "task_type": "CAUSAL_LM", "bias": "none"} | shape)


def load_lora(model: Llama, path: Path | str) -> list[nn.Parameter]:
    """Put adapters that `save_lora` or peft wrote into a model and freeze all else, in place.

    Args:
        model: the plain Llama that they were trained on.
        path: a folder with adapter_config.json and adapter_model.safetensors.

    Returns:
        The new parameters, as `add_lora` gives them.

    Raises:
        CheckpointError: a file is missing or damaged, does not fit the model, or asks for more than plain LoRA; the
            model is left as it was.
        ValueError: the model has adapters already.
    """
    refuse_second_set(model)
    path = Path(path).expanduser()
    with blaming(path):
        settle_folder(path)
        rank, alpha = _rank_and_alpha(path / SETTINGS)
        matrices = _matrices(path / WEIGHTS)
    layers = {}
    for name, (a, b) in matrices.items():
        linear = _linear(model, path / WEIGHTS, name)
        layer = LoraLinear(linear, a.shape[0], alpha)
        if a.shape[0] != rank or (a.shape, b.shape) != (layer.lora_a.shape, layer.lora_b.shape):
            found = f"{name} has matrices of {tuple(a.shape)} and {tuple(b.shape)}"
            wanted = f"rank {rank} and this model take {(rank, linear.in_features)} and {(linear.out_features, rank)}"
            raise CheckpointError(path / WEIGHTS, f"{found}, but {wanted}", TAKE_OTHER)
        n_heads = rotated_heads(f"{name}.weight", model.config)
        layer.lora_a.data.copy_(a)
        layer.lora_b.data.copy_(half_split_to_interleaved(b, n_heads) if n_heads else b)
        if not (all_finite(layer.lora_a) and all_finite(layer.lora_b)):
            raise CheckpointError(path / WEIGHTS, f"{name} holds NaN or infinite numbers", "Train the adapters again")
        layers[translate(name, "hf", "ours")] = layer
    return inject(model, layers)


def _rank_and_alpha(path: Path) -> tuple[int, float]:
    """What the settings say; refused is what changes what the adapters compute, and is not done here."""
    settings = file_io.read_json(path)
    for key, value in settings.items():
        if value not in ONLY[key] if key in ONLY else value and key not in HARMLESS:
            raise CheckpointError(path, f'"{key}" is {value!r}, which is not plain LoRA', TAKE_OTHER)
    rank, alpha = (number(path, settings, key) for key in ("r", "lora_alpha"))
    try:
        check_size(rank, alpha)
    except ValueError as error:
        raise CheckpointError(path, f"describes no adapters: {error}", TAKE_OTHER) from error
    return rank, alpha


def _matrices(path: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Matrices A (r, C) and B (F, r) of every module, by its name in Hugging Face's layout."""
    if not path.exists():
        raise CheckpointError(path, "is missing", "Download it: adapter_config.json alone holds no adapters")
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in file_io.read_safetensors(path).items():
        match = PATTERN.fullmatch(name)
        if not match:
            raise CheckpointError(path, f"holds {name}, which is no matrix of a plain LoRA adapter", TAKE_OTHER)
        found.setdefault(match[1], {})[match[2]] = tensor
    for name, pair in found.items():
        if len(pair) < 2:
            raise CheckpointError(path, f"holds only one of {name}'s two matrices", "Download it again")
    if not found:
        raise CheckpointError(path, "holds no adapters", "Download it again")
    return {name: (pair["A"], pair["B"]) for name, pair in found.items()}


def _linear(model: Llama, path: Path, name: str) -> nn.Linear:
    """The layer that an adapter belongs to."""
    try:
        ours = translate(name, "hf", "ours")
        if ours.split(".")[-1] in TARGETS:
            return model.get_submodule(ours)
    except (KeyError, AttributeError):
        pass
    raise CheckpointError(path, f"holds adapters of {name}, which this model cannot take", TAKE_OTHER)
