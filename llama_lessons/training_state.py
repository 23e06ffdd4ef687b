"""A training on disk: everything that it takes to go on exactly, checked as a whole before any of it is used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from llama_lessons.files import atomic

MOMENTS = {"AdamW": {"step", "exp_avg", "exp_avg_sq"}, "Muon": {"momentum_buffer"}}  # what each keeps of a weight


@dataclass(frozen=True)
class StepMetrics:
    """What one step was like.

    Args:
        step: counted from 1.
        loss: mean over the batch's targets before the step, in nats for text.
        lr: AdamW's learning rate.
        grad_norm: norm of all gradients together, before clipping.
        n_tokens: tokens read in all steps so far.
        seconds: duration of the step.
    """

    step: int
    loss: float
    lr: float
    grad_norm: float
    n_tokens: int
    seconds: float


def named_weights(model: nn.Module) -> dict[str, Tensor]:
    """A model's weights by name, any shape; by the same names whether it or a part of it is compiled or not."""
    return {name.replace("_orig_mod.", ""): weight for name, weight in model.state_dict().items()}


def write_state(path: Path | str, state: dict) -> None:
    """Write a state, whole or not at all.

    Raises:
        ValueError: a weight is NaN or infinite; the file that was there is left as it was.
    """
    broken = [name for name, weight in state["model"].items() if not weight.isfinite().all()]
    if broken:
        raise ValueError(
            f"the model is not saved: {broken[0]} and {len(broken) - 1} more hold NaN or infinity. {path} stays"
        )
    with atomic(Path(path).expanduser()) as draft:
        torch.save(state, draft)


def read_state(path: Path | str, own: dict, optimizers: list[torch.optim.Optimizer]) -> dict:
    """What `write_state` wrote, if the training that `own` describes can go on from it.

    Args:
        path: the file; no code in it is run.
        own: what that training would write now.
        optimizers: its optimizers.

    Returns:
        The state, its history as `StepMetrics`.

    Raises:
        ValueError: the file is none, is not whole, or is another training's; the message says which and what to do.
    """
    path = Path(path).expanduser()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises whatever its last whole instruction leads to
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise _refused(path, f"cannot be read as a training state ({reason})") from error
    try:
        if not isinstance(state, dict) or state.keys() != own.keys():
            raise _refused(path, f"is no training state: that has the parts {', '.join(own)}")
        _check_config(path, state["config"], own["config"])
        _check_weights(path, state["model"], own["model"])
        state["history"] = [StepMetrics(*values) for values in state["history"]]
        if [metrics.step for metrics in state["history"]] != list(range(1, state["step"] + 1)) or state["step"] < 0:
            raise _refused(path, f"is not whole: its history is not that of {state['step']} steps")
        if len(state["optimizers"]) != len(optimizers):
            raise _refused(path, f"is not whole: it has {len(state['optimizers'])} optimizers, not {len(optimizers)}")
        for saved, optimizer in zip(state["optimizers"], optimizers, strict=True):
            _check_moments(path, saved, optimizer, state["step"])
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _refused(path, f"is not whole ({type(error).__name__}: {error})") from error
    return state


def _refused(path: Path, trouble: str) -> ValueError:
    return ValueError(f"{path} {trouble}. Nothing was changed: name a file that `Trainer.save` wrote, or begin anew")


def _check_config(path: Path, saved: dict, own: dict) -> None:
    other = [
        f"{name} {saved.get(name)!r}, here {own.get(name)!r}"
        for name in own | saved
        if saved.get(name) != own.get(name)
    ]
    if other:
        raise _refused(path, f"was written with another config: {'; '.join(other)}")


def _check_weights(path: Path, saved: dict[str, Tensor], own: dict[str, Tensor]) -> None:
    odd = sorted(name for name in saved.keys() | own.keys() if _shape(saved.get(name)) != _shape(own.get(name)))
    if odd:
        name = odd[0]
        there, here = _shape(saved.get(name)), _shape(own.get(name))
        raise _refused(path, f"is of another model: {name} has the shape {there}, here {here}; {len(odd)} differ")


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)


def _check_moments(path: Path, saved: dict, optimizer: torch.optim.Optimizer, step: int) -> None:
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    groups = [group["params"] for group in optimizer.state_dict()["param_groups"]]
    kind = type(optimizer).__name__
    fits = [group["params"] for group in saved["param_groups"]] == groups
    fits = fits and bool(saved["state"]) == bool(step and weights)
    for index, moments in saved["state"].items() if fits else ():
        fits = fits and moments.keys() == MOMENTS[kind]
        for name, moment in moments.items():
            fits = fits and tuple(moment.shape) == (() if name == "step" else tuple(weights[index].shape))
    if not fits:
        raise _refused(path, f"is not whole: what {kind} remembers does not fit the model's weights")
