"""What a kill leaves on the disk: work that is done in a process of its own and cut off at a chosen place."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable


def kill_at(step: int, work: Callable[[], None]) -> bool:
    """Do the work in a process that is killed before its step-th change of names on the disk; whether it was."""
    child = os.fork()
    if child == 0:
        count = itertools.count(1)

        def counted(change: Callable) -> Callable:
            def call(*args, **kwargs):
                if next(count) == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return change(*args, **kwargs)

            return call

        try:
            for name in ("mkdir", "rename", "replace", "rmdir", "unlink"):
                setattr(os, name, counted(getattr(os, name)))
            work()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0
    return status != 0
