"""What the machine has: processor, memory, the device that computes, free disk."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from llama_lessons.checks.environment.table import Finding

DEVICE = "LLAMA_LESSONS_DEVICE"  # environment variable that names a device: cpu, cuda, cuda:1, mps
GB = 10**9
LESSON = 1.5  # GB of memory that a lesson may take
ROOM = 1.0  # GB of free disk that the lessons like to have
LIMITS = ("memory.max", "memory/memory.limit_in_bytes")  # below /sys/fs/cgroup: Linux's control groups, version 2 and 1


def processor(course: Path) -> Iterator[Finding]:
    """How many cores may be used."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    here = f"{cores} core{'' if cores == 1 else 's'}, {platform.machine()}"
    if cores == 1:
        yield Finding("processor", here, "2 cores", "note", "lessons that train take twice as long")
    else:
        yield Finding("processor", here, "2 cores")


def memory(course: Path) -> Iterator[Finding]:
    """How much main memory there is."""
    total = memory_bytes() / GB
    if total < 2 * LESSON:
        advice = "run one lesson at a time: shut its kernel down before you open the next"
        yield Finding("memory", f"{total:.1f} GB", f"{LESSON} GB a lesson", "note", advice)
    else:
        yield Finding("memory", f"{total:.1f} GB", f"{LESSON} GB a lesson")


def device(course: Path) -> Iterator[Finding]:
    """What computes: the device that the lessons take by themselves, or that the reader named."""
    import torch

    name = os.environ.get(DEVICE) or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        kind = torch.empty(0, device=name).device.type
    except (RuntimeError, AssertionError) as error:
        advice = f"{str(error).splitlines()[0]}. Unset {DEVICE}, or set it to cpu"
        yield Finding("device", f"{name!r} does not work", "", "missing", advice)
        return
    if kind == "cuda":
        yield Finding("device", f"{torch.cuda.get_device_name(name)}, {gpu_bytes(name) / GB:.1f} GB")
    elif kind == "cpu" and (advice := _unused_gpu(torch)):
        yield Finding("device", "CPU", "", "note", advice)
    else:
        yield Finding("device", {"cpu": "CPU", "mps": "Apple GPU"}.get(kind, kind))


def _unused_gpu(torch) -> str:
    """What to do if there seems to be a GPU and the lessons do not use it; else nothing."""
    if os.environ.get(DEVICE) or os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return ""  # somebody chose the CPU
    if shutil.which("nvidia-smi") and torch.version.cuda is None:
        return "there is an NVIDIA driver that this PyTorch cannot use: remove .venv, then `make lab` without TORCH=cpu"
    if shutil.which("nvidia-smi"):
        return "there is an NVIDIA driver, but PyTorch finds no GPU: does `nvidia-smi` show one? Is the driver too old?"
    if torch.backends.mps.is_available():
        return f"Apple's GPU is used if you name it, {DEVICE}=mps"
    return ""


def disk(course: Path) -> Iterator[Finding]:
    """How much room is left where the course lies."""
    free = shutil.disk_usage(course).free / GB
    if free < ROOM:
        yield Finding("free disk", f"{free:.1f} GB", f"{ROOM} GB", "note", "make room: lessons save what they train")
    else:
        yield Finding("free disk", f"{free:.1f} GB", f"{ROOM} GB")


def memory_here() -> dict[str, int]:
    """Bytes of this machine's memories by name: "this machine" and, where PyTorch sees one, "its GPU"; never raises."""
    sizes = {}
    for name, size in (("this machine", memory_bytes), ("its GPU", gpu_bytes)):
        try:
            sizes[name] = size()
        except Exception:  # it cannot be found out, or there is none
            continue
    return sizes


def memory_bytes(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of main memory that may be used here: the machine's, or its container's if that has less.

    Args:
        groups: folder in which Linux says what a container may have.
    """
    try:
        import psutil  # comes with Jupyter's kernel

        total = psutil.virtual_memory().total
    except ImportError:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in LIMITS:
        try:
            total = min(total, int((groups / limit).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return total


def gpu_bytes(name: str = "cuda") -> int:
    """Bytes of memory of a GPU that PyTorch sees.

    Raises:
        RuntimeError: there is none.
    """
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("PyTorch sees no GPU")
    return torch.cuda.get_device_properties(name).total_memory
