"""Several processes that train one model, as `torchrun` starts them; and a moment in which none is interrupted."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm


def n_processes() -> int:
    """How many processes train together; 1 outside of `process_group`."""
    return distributed.get_world_size() if _together() else 1


def rank() -> int:
    """The number of this process, counted from 0."""
    return distributed.get_rank() if _together() else 0


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()


@contextmanager
def process_group(device: str = "cpu") -> Iterator[None]:
    """Join the other processes that `torchrun` started, until the block ends; a process alone goes on alone.

    Args:
        device: on what the processes compute: "cpu", and they talk by gloo, or "cuda", each on its own GPU, by nccl.

    Raises:
        RuntimeError: another process has ended.
        SystemExit: `torchrun` told this one to end, as it does when another has.
        ValueError: there are fewer GPUs than processes.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    if device == "cuda":
        if torch.cuda.device_count() < (n_here := int(os.environ["LOCAL_WORLD_SIZE"])):
            raise ValueError(f"device cuda takes a GPU for each of {n_here} processes, got {torch.cuda.device_count()}")
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    usual = signal.signal(signal.SIGTERM, _end)
    try:
        yield
        wait_for_all()  # who leaves while another still listens may abort it
    except RuntimeError as error:
        if isinstance(error, distributed.DistError) or "gloo" in str(error):  # gloo's errors have no class of their own
            raise RuntimeError(_other_ended()) from error
        raise
    finally:
        signal.signal(signal.SIGTERM, usual)
        distributed.destroy_process_group()


def _end(number: int, frame: object) -> None:
    raise SystemExit(_other_ended())


def _other_ended() -> str:
    return (
        f"process {rank()} stops: another of the {n_processes()} has ended; its own message or torchrun's says why. "
        "Start the run again: it goes on from the state that was saved last"
    )


def is_shard(weight: Tensor) -> bool:
    """Whether a tensor, of any shape, is a DTensor: each process holds a part of it, or all, as its placements say."""
    return hasattr(weight, "device_mesh")


def batch_share(weights: Iterable[Tensor]) -> tuple[int, int]:
    """Which of how many shares of a batch this process computes, counted from 0.

    Args:
        weights: the model's, of any shape. Where they are cut for tensor parallel, all processes compute all of it.
    """
    shards = filter(is_shard, weights)
    together = any("tensor" in (weight.device_mesh.mesh_dim_names or ()) for weight in shards)
    return (0, 1) if together else (rank(), n_processes())


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if _together():
        distributed.barrier()


def share_weights(model: nn.Module) -> None:
    """Give every process the weights of the first one."""
    if _together():
        for weight in model.state_dict().values():
            if not is_shard(weight):
                distributed.broadcast(weight, 0)


def sum_over_processes(loss: Tensor, weights: Iterable[nn.Parameter]) -> Tensor:
    """Add up what the processes computed, each from its share of a batch; afterwards all have the same.

    Args:
        loss: one number.
        weights: of any shape; their gradients become the sums. A weight without a gradient anywhere stays without, and
            shards have had theirs summed by PyTorch.

    Returns:
        The sum of the losses, one number.
    """
    weights = list(weights)
    if batch_share(weights)[1] == 1:
        return loss
    weights = [weight for weight in weights if not is_shard(weight)]
    has_gradient = torch.tensor([float(weight.grad is not None) for weight in weights], device=loss.device)
    distributed.all_reduce(has_gradient)
    for weight, n_gradients in zip(weights, has_gradient.tolist(), strict=True):
        if n_gradients:
            weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
            distributed.all_reduce(weight.grad)
    distributed.all_reduce(loss)
    return loss


def clip_gradients(weights: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Shrink all gradients by the same factor where their norm is above a limit.

    Args:
        weights: of any shape, shards or whole.
        max_norm: the limit.

    Returns:
        The norm of all gradients together, shards of other processes too, before clipping: one number.
    """
    weights = [weight for weight in weights if weight.grad is not None]
    plain, shards = ([weight for weight in weights if is_shard(weight) is kind] for kind in (False, True))
    laid_out = [weight.grad.redistribute(placements=weight.placements) for weight in shards]
    parts, copies = ([g.to_local() for g in laid_out if g.placements[0].is_shard() is cut] for cut in (True, False))
    norm = get_total_norm([*(weight.grad for weight in plain), *copies])  # the same in every process
    if parts:
        squares = get_total_norm(parts).square()
        distributed.all_reduce(squares)  # the square of a norm is a sum: each process has some of it
        norm = (norm.square() + squares).sqrt()
    for kind in (plain, shards):
        clip_grads_with_norm_(kind, max_norm, norm)
    return norm


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back while the block runs; it takes effect right after it, as it would have without."""
    is_main = threading.current_thread() is threading.main_thread()  # no other thread is interrupted
    if not is_main or signal.getsignal(signal.SIGINT) is None:  # None: not Python's to hold back
        yield
        return
    held_back = []
    usual = signal.signal(signal.SIGINT, lambda number, frame: held_back.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if held_back:
            signal.raise_signal(signal.SIGINT)
