"""Which processor computes, and how its memory is given back."""

from __future__ import annotations

import gc
import os
import sys

import torch

CHOICE = "LLAMA_LESSONS_DEVICE"  # environment variable that overrides the choice: cpu, cuda, cuda:1, mps

REMEDY = f"Set {CHOICE}=cpu to do without it"


def pick_device() -> torch.device:
    """The device to compute on: what LLAMA_LESSONS_DEVICE names, else an NVIDIA or AMD GPU, else the CPU.

    Apple's GPU is used only when it is named (LLAMA_LESSONS_DEVICE=mps): it has no float64.

    Raises:
        ValueError: the variable names a device that this machine does not have.
    """
    name = os.environ.get(CHOICE) or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device  # "cuda" becomes "cuda:0"; fails here rather than in a lesson
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {name!r} does not work here: {str(error).splitlines()[0]}. {REMEDY}") from None


def multiplies_bfloat16() -> bool:
    """Whether the CPU has instructions for products in bfloat16; without them they take longer than in float32."""
    able = getattr(torch.cpu, "get_capabilities", dict)()  # older releases of PyTorch do not tell
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))  # x86, x86, ARM


def free() -> None:
    """Give memory back that nothing needs any more, also what a notebook has kept of the last error and of `Out`.

    Delete your own names first (`del model`): this frees what is unreachable, not what you still have a name for.
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        shell.InteractiveTB.tb = shell.last_execution_result = None  # both hold the traceback of a cell that failed
        shell.displayhook.flush()  # and what cells have shown: Out, _1, _2, ...
        shell.push(dict.fromkeys(("_", "__", "___"), ""), interactive=False)  # of these IPython keeps a second table
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        vars(sys).pop(name, None)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
