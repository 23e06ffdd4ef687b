"""The C program of llama2.c, `run`, on a model of ours: how fast it writes by its own count."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import tempfile
from pathlib import Path

from benchmarks.machine import REPEATS
from llama_lessons.checkpoints import save
from llama_lessons.model import Llama

SPEED = re.compile(r"achieved tok/s: ([\d.]+)")


def tokens_per_second(program: Path, model: Llama, n_tokens: int, n_threads: int) -> float:
    """Best of some runs, greedy, from <s> on; it times itself from the first token to the last.

    Args:
        program: `run`, built by `make runomp` in a clone of llama2.c.
        model: in float32.
        n_tokens: tokens to write; fewer if the model writes <s>, where `run` stops.
        n_threads: threads of OpenMP.

    Raises:
        SystemExit: the program does not run, or tells no speed.
    """
    with tempfile.TemporaryDirectory() as folder:
        save(model, f"{folder}/model.bin", format="llama2c")
        write_pieces(Path(folder) / "tokenizer.bin", model.config.vocab_size)
        command = [program.resolve(), "model.bin", "-t", "0", "-n", str(n_tokens)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(n_threads)}
        return max(_run(command, folder, environment) for _ in range(REPEATS))


def write_pieces(path: Path, vocab_size: int) -> None:
    """A file of pieces as `run` wants it, every piece an x: it prints what it writes, and nobody reads that."""
    path.write_bytes(struct.pack("<i", 1) + struct.pack("<fic", 0.0, 1, b"x") * vocab_size)


def _run(command: list[str | Path], folder: str, environment: dict[str, str]) -> float:
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    except OSError as error:
        raise SystemExit(f"cannot run {command[0]}: {error.strerror}") from error
    told = SPEED.search(done.stderr.decode(errors="replace"))
    if not told:
        raise SystemExit(f"{command[0]} told no speed; it ended with {done.returncode}: {done.stderr[-200:]!r}")
    return float(told[1])
