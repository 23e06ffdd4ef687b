"""Several processes that train one model, as `torchrun` starts them; and a moment in which none is interrupted."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn


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
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if _together():
        distributed.barrier()


def share_weights(model: nn.Module) -> None:
    """Give every process the weights of the first one."""
    if _together():
        for weight in model.state_dict().values():
            distributed.broadcast(weight, 0)


def sum_over_processes(loss: Tensor, weights: Iterable[nn.Parameter]) -> Tensor:
    """Add up what the processes computed, each from its share of a batch; afterwards all have the same.

    Args:
        loss: one number.
        weights: of any shape; their gradients become the sums. A weight without a gradient anywhere stays without.

    Returns:
        The sum of the losses, one number.

    Raises:
        RuntimeError: another process has ended.
    """
    if not _together():
        return loss
    weights = list(weights)
    has_gradient = torch.tensor([float(weight.grad is not None) for weight in weights], device=loss.device)
    try:
        distributed.all_reduce(has_gradient)
        for weight, n_gradients in zip(weights, has_gradient.tolist(), strict=True):
            if n_gradients:
                weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
                distributed.all_reduce(weight.grad)
        distributed.all_reduce(loss)
    except RuntimeError as error:
        raise RuntimeError(
            f"process {rank()} stops: another of the {n_processes()} has ended, and its own message says why. "
            "Start the run again: it goes on from the state that was saved last"
        ) from error
    return loss


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
