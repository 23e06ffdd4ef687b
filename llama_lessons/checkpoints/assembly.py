"""From weights that lie in files to a model that owns them: where every reader's road ends."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from llama_lessons.checkpoints.file_io import CheckpointError, progress
from llama_lessons.checkpoints.names import translate
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
TAKE_OTHER = "Take the file that belongs to these weights"
WRONG_PAIR = "Check that settings and weights are from the same checkpoint, and that all of it was downloaded"


@dataclass(frozen=True)
class StoredTensor:
    """A weight where it lies; nothing of it is read before `copy_to` is called.

    Attributes:
        file: where it lies; the first of them if it is spread over several.
        shape: of the whole weight, in our order of rows.
        dtype: of the stored numbers.
        copy_to: writes the weight to a tensor of this shape, of any dtype and on any device.
    """

    file: Path
    shape: tuple[int, ...]
    dtype: torch.dtype
    copy_to: Callable[[Tensor], object]


@dataclass(frozen=True)
class Checkpoint:
    """What a reader found.

    Attributes:
        settings: the file that the config is from, to name in errors.
        config: the model's shape.
        layout: whose names the weights have: "ours", "meta" or "hf".
        weights: by name; a tied model has no output weight.
    """

    settings: Path
    config: LlamaConfig
    layout: str
    weights: dict[str, StoredTensor]


def number(path: Path, settings: dict, key: str) -> int:
    """A number that the settings must give; whether it makes sense is seen by `make_config`.

    Raises:
        CheckpointError: there is none under this key.
    """
    if settings.get(key) is None:
        raise CheckpointError(path, f'does not give "{key}"', TAKE_OTHER)
    return settings[key]


def make_config(path: Path, remedy: str = TAKE_OTHER, **values) -> LlamaConfig:
    """A LlamaConfig of what a file says.

    Args:
        path: the file the values were read from.
        remedy: what to do if they make no sense.
        values: the arguments of LlamaConfig.

    Raises:
        CheckpointError: the values make no sense; the message has LlamaConfig's reason.
    """
    try:
        return LlamaConfig(**values)
    except (TypeError, ValueError) as error:  # TypeError: a text where a number should be
        raise CheckpointError(path, f"describes no Llama: {error}", remedy) from error


class _Undrawn(TorchFunctionMode):
    """Draws no random weights: for parameters without memory that takes a second, to import half of PyTorch."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        return None if function is nn.init.normal_ else function(*args, **(kwargs or {}))


def skeleton(config: LlamaConfig) -> Llama:
    """A model without numbers, in no time and no memory: every parameter is on the meta device."""
    with torch.device("meta"), _Undrawn():
        return Llama(config)


def assemble(checkpoint: Checkpoint, device: torch.device | str, dtype: torch.dtype | None) -> Llama:
    """Build the model of a checkpoint.

    Every weight is copied once, from the mapped file to memory of the model's own, with nothing in between: a
    temporary tensor for each would leave holes as large as themselves. So the model is held once, and its file may
    be changed or deleted while it is in use or trained.

    Args:
        checkpoint: what a reader found.
        device: where the weights shall lie.
        dtype: of all weights; None takes the stored embedding table's.

    Returns:
        The model.

    Raises:
        CheckpointError: weights are missing or too many, or one has another shape or type than a Llama's, or numbers
            that are not finite, in the file or in this dtype.
    """
    config, stored = checkpoint.config, checkpoint.weights
    _check_size(checkpoint)
    model = skeleton(config)
    shapes = {name: tuple(weight.shape) for name, weight in model.named_parameters()}  # a tied head only once
    theirs = {name: translate(name, "ours", checkpoint.layout) for name in shapes}
    _check_names(checkpoint.settings, theirs.values(), stored)
    for name, shape in shapes.items():
        _check_weight(theirs[name], stored[theirs[name]], shape)
    dtype = dtype or stored[theirs["embedding.weight"]].dtype
    weights = {}
    for name in progress(list(shapes), config.n_params * dtype.itemsize, "loading"):
        weights[name] = torch.empty(shapes[name], device=device, dtype=dtype)
        stored[theirs[name]].copy_to(weights[name])
        if not all_finite(weights[name]):
            raise _not_finite(theirs[name], stored[theirs[name]], dtype)
    model.load_state_dict(weights, assign=True, strict=False)  # checked above; a tied head is not among them
    if config.tie_embeddings:
        model.output.weight = model.embedding.weight
    return model


def _check_size(checkpoint: Checkpoint) -> None:
    """Refuse settings far larger than the weights, before a skeleton of that size is tried."""
    config, stored = checkpoint.config, checkpoint.weights
    n_stored = sum(torch.Size(weight.shape).numel() for weight in stored.values())
    if config.n_layers > len(stored) or config.n_params > 2 * n_stored:
        trouble = f"describes {config.n_params:,} parameters in {config.n_layers} layers, the files hold {n_stored:,}"
        raise CheckpointError(checkpoint.settings, trouble, WRONG_PAIR)


def _check_names(settings: Path, wanted: Collection[str], found: Collection[str]) -> None:
    lacking = [name for name in wanted if name not in found]
    excess = sorted(set(found) - set(wanted))
    for names, trouble in ((lacking, "are missing"), (excess, "have no place in a Llama of this shape")):
        if names:
            some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            raise CheckpointError(settings.parent, f"weights {trouble} ({len(names)}): {some}", WRONG_PAIR)


def _check_weight(name: str, stored: StoredTensor, shape: tuple[int, ...]) -> None:
    if stored.shape != shape:
        trouble = f"{name} has shape {stored.shape}, a Llama of these settings has {shape}"
        raise CheckpointError(stored.file, trouble, WRONG_PAIR)
    if stored.dtype not in DTYPES:
        trouble = f"{name} holds {str(stored.dtype).removeprefix('torch.')}: its weights are quantized"
        raise CheckpointError(stored.file, trouble, "Take the checkpoint in float32, float16 or bfloat16")


def all_finite(tensor: Tensor) -> bool:
    """Whether a tensor of any shape holds neither NaN nor infinity; no memory is needed for the answer."""
    return tensor.is_meta or bool(torch.stack(tensor.detach().aminmax()).isfinite().all())


def _not_finite(name: str, stored: StoredTensor, dtype: torch.dtype) -> CheckpointError:
    exact = torch.empty(stored.shape, dtype=stored.dtype)
    stored.copy_to(exact)
    if all_finite(exact):
        kinds = [str(kind).removeprefix("torch.") for kind in (stored.dtype, dtype)]
        trouble = f"{name} holds numbers of up to {exact.abs().max():.3g} in {kinds[0]}, too large for {kinds[1]}"
        return CheckpointError(stored.file, trouble, f"Load it with dtype=torch.{kinds[0]}")
    trouble = f"{name} holds NaN or infinite numbers: the model broke in training, or the file was damaged"
    return CheckpointError(stored.file, trouble, "Take an earlier checkpoint of the model, or download it again")
