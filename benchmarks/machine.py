"""What this machine can do at best, and how a job is timed."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch

REPEATS = 5


def best_seconds(*jobs: Callable[[], object]) -> list[float]:
    """Shortest time of each job, run in turns after one round of warming up."""
    best = [float("inf")] * len(jobs)
    for repeat in range(REPEATS + 1):
        for index, job in enumerate(jobs):
            start = time.perf_counter()
            job()
            seconds = time.perf_counter() - start
            if repeat > 0:
                best[index] = min(best[index], seconds)
    return best


def read_bandwidth() -> float:
    """Bytes a second that one product of a 1-GiB matrix and a vector reads."""
    matrix, vector = torch.ones(2**14, 2**14), torch.ones(2**14)
    return matrix.nbytes / best_seconds(lambda: matrix @ vector)[0]


def matmul_rate() -> float:
    """Floating-point operations a second of a product of two square matrices in float32."""
    matrix = torch.ones(2**11, 2**11)
    return 2 * len(matrix) ** 3 / best_seconds(lambda: matrix @ matrix)[0]


def processor() -> str:
    """Its name, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
