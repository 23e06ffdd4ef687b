"""The C program of llama2.c, `run`, on a model of ours: how fast it writes by its own count."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import tempfile
from pathlib import Path

from llama_lessons.checkpoints import save
from llama_lessons.model import Llama

SPEED = re.compile(r"achieved tok/s: ([\d.]+)")


class Program:
    """The program beside files that it can read; they are removed at the end of a `with` block.

    Args:
        path: `run`, built by `make runomp` in a clone of llama2.c.
        model: in float32.
        n_tokens: tokens to write, greedily, from <s> on; fewer if the model writes <s>, where `run` stops.
        n_threads: threads of OpenMP.
    """

    def __init__(self, path: Path, model: Llama, n_tokens: int, n_threads: int) -> None:
        self.path, self.model, self.n_tokens = path.resolve(), model, n_tokens
        self.environment = {**os.environ, "OMP_NUM_THREADS": str(n_threads)}
        self.folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Program:
        save(self.model, f"{self.folder.name}/model.bin", format="llama2c")
        write_pieces(Path(self.folder.name) / "tokenizer.bin", self.model.config.vocab_size)
        return self

    def __exit__(self, *_: object) -> None:
        self.folder.cleanup()

    def tokens_per_second(self) -> float:
        """Of one run; it times itself from the first token to the last.

        Raises:
            SystemExit: the program does not run, or tells no speed.
        """
        command = [self.path, "model.bin", "-t", "0", "-n", str(self.n_tokens)]
        try:
            done = subprocess.run(command, cwd=self.folder.name, env=self.environment, capture_output=True, check=False)
        except OSError as error:
            raise SystemExit(f"cannot run {self.path}: {error.strerror}") from error
        told = SPEED.search(done.stderr.decode(errors="replace"))
        if not told:
            raise SystemExit(f"{self.path} told no speed; it ended with {done.returncode}: {done.stderr[-200:]!r}")
        return float(told[1])


def write_pieces(path: Path, vocab_size: int) -> None:
    """A file of pieces as `run` wants it, every piece an x: it prints what it writes, and nobody reads that."""
    path.write_bytes(struct.pack("<i", 1) + struct.pack("<fic", 0.0, 1, b"x") * vocab_size)
