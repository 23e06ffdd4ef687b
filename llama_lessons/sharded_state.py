"""A training that is shared out, on disk: each process writes its part, and any number of processes takes it up."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import Tensor, distributed

from llama_lessons.folders import settle_folder, write_folder
from llama_lessons.processes import is_shard, rank, wait_for_all
from llama_lessons.training_state import MOMENTS, read_state, write_state

RUN = "run.pt"  # config, step and history; the tensors lie beside it, as torch.distributed.checkpoint writes them
KIND = "a training that is shared out"


def write_shards(path: Path | str, state: dict) -> None:
    """Write a state to a folder, whole or not at all; all processes call it together.

    Args:
        path: the folder; what was written there before is replaced.
        state: what `write_state` takes, its tensors shards or whole in every process.

    Raises:
        ValueError: a weight is NaN or infinite, or files of others lie in the folder; it is left as it was.
    """
    from torch.distributed import checkpoint  # takes long to load, and only shards need it

    parts = [weight.to_local() if is_shard(weight) else weight for weight in state["model"].values()]
    n_broken = torch.stack([(~part.isfinite()).sum() for part in parts]).sum()
    distributed.all_reduce(n_broken)
    if n_broken:
        raise ValueError(f"the model is not saved: it holds NaN or infinity. {path} stays")
    with ExitStack() as stack:
        draft = [str(stack.enter_context(write_folder(path, KIND))) if rank() == 0 else None]
        distributed.broadcast_object_list(draft)
        checkpoint.save(_tensors(state), checkpoint_id=draft[0])
        if rank() == 0:
            write_state(Path(draft[0]) / RUN, state | {"model": {}, "optimizers": []})
    wait_for_all()


def holds_shards(path: Path | str) -> bool:
    """Whether `write_shards` wrote a folder, whole; all processes ask together."""
    if rank() == 0:
        settle_folder(Path(path).expanduser())
    wait_for_all()
    return (Path(path).expanduser() / RUN).exists()


def read_shards(path: Path | str, own: dict, optimizers: list[torch.optim.Optimizer]) -> dict:
    """What `write_shards` wrote, cut as the weights of this process are: for shards of any number, or for whole ones.

    PyTorch reads the list of tensors with pickle, which runs what it is told to: open your own folders only.

    Args:
        path: the folder.
        own: what the training that shall go on would write now.
        optimizers: its optimizers.

    Returns:
        As `read_state`.

    Raises:
        ValueError: the folder is none, is not whole, or is another training's; the message says which and what to do.
    """
    from torch.distributed import checkpoint

    path = Path(path).expanduser()
    if not holds_shards(path):
        raise ValueError(f"{path} is no folder of a training. Nothing was changed: name one that `Trainer.save` wrote")
    state = read_state(path / RUN, own | {"model": {}, "optimizers": []}, [])
    state["model"] = {name: torch.empty_like(weight) for name, weight in own["model"].items()}
    try:
        saved = checkpoint.FileSystemReader(path).read_metadata().state_dict_metadata
        state["optimizers"] = [{"state": _moments(saved, *numbered)} for numbered in enumerate(optimizers)]
        tensors = _tensors(state)
        if saved.keys() != tensors.keys():
            raise KeyError(min(saved.keys() ^ tensors.keys()))
        with warnings.catch_warnings(action="ignore"):  # one process alone is told that it is
            checkpoint.load(tensors, checkpoint_id=path)
    except (Exception, checkpoint.CheckpointException) as error:  # the latter is not an Exception
        reason = (str(error).splitlines() or [""])[0]
        trouble = f"{path} is not whole, or of another model ({type(error).__name__}: {reason})"
        raise ValueError(f"{trouble}. Nothing was changed: name a folder that `Trainer.save` wrote") from error
    return state


def _tensors(state: dict) -> dict[str, Tensor]:
    """All tensors of a state, each by a name of its own."""
    tensors = {f"model.{name}": weight for name, weight in state["model"].items()}
    for number, optimizer in enumerate(state["optimizers"]):
        for index, moments in optimizer["state"].items():
            tensors |= {f"optimizer.{number}.{index}.{name}": moment for name, moment in moments.items()}
    return tensors


def _moments(saved: dict[str, object], number: int, optimizer: torch.optim.Optimizer) -> dict[int, dict[str, Tensor]]:
    """Room for what an optimizer, of that number, remembers of those of its weights that it has moved."""
    names = MOMENTS[type(optimizer).__name__]
    weights = [weight.detach() for group in optimizer.param_groups for weight in group["params"]]
    return {
        index: {name: torch.zeros(()) if name == "step" else torch.empty_like(weight) for name in names}
        for index, weight in enumerate(weights)
        if any(f"optimizer.{number}.{index}.{name}" in saved for name in names)
    }
