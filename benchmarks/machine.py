"""What this machine can do at best, and how jobs are timed beside each other."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch

REPEATS = 5


def best_rates(jobs: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Highest rate of each job, run in turns after one round of warming up; a job gives its own rate, per second."""
    best = dict.fromkeys(jobs, 0.0)
    for repeat in range(REPEATS + 1):
        for name, job in jobs.items():
            rate = job()
            if repeat > 0:
                best[name] = max(best[name], rate)
    return best


def rate_of(work: Callable[[], object], amount: float) -> Callable[[], float]:
    """A job for `best_rates`: do the work, and tell how much of the amount was done in a second."""

    def job() -> float:
        start = time.perf_counter()
        work()
        return amount / (time.perf_counter() - start)

    return job


def reading(n_bytes: float, width: int) -> dict[str, Callable[[], float]]:
    """Jobs that only read: what they do in a second, n_bytes at a time, is the roof of whatever has to read as many.

    One adds all numbers up, the other multiplies rows of `width` numbers with a vector, in a loop that the compiler
    makes of it: which is faster depends on the machine, and on whether the bytes fit into the processor's cache.
    """
    rows = torch.ones(int(n_bytes) // 4 // width, width)
    vector, passes = torch.ones(width), max(1, int(2e8 / n_bytes))
    product = torch.compile(lambda rows, vector: (rows * vector).sum(-1), dynamic=False)
    return {
        "sum": rate_of(lambda: [rows.sum() for _ in range(passes)], passes),
        "rows": rate_of(lambda: [product(rows, vector) for _ in range(passes)], passes),
    }


def matmul_rate() -> float:
    """Floating-point operations a second of a product of two square matrices in float32."""
    matrix = torch.ones(2**11, 2**11)
    return best_rates({"matmul": rate_of(lambda: matrix @ matrix, 2 * len(matrix) ** 3)})["matmul"]


def processor() -> str:
    """Its name, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
