"""How much memory a load really takes, watched from another process. Linux only.

`python -m tests.reference.checkpoint_memory 1000` measures every format on generated checkpoints of 1000 MB.
"""

from __future__ import annotations

import select
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from llama_lessons.checkpoints import save
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from tests.reference.checkpoint_meta import meta_params, write_meta
from tests.reference.checkpoint_weights import meta_weights

KINDS = ("hf", "meta", "meta in 4 shards", "llama2c")
CHILD = """
import sys, time
from llama_lessons.checkpoints import load
print("ready", flush=True)
sys.stdin.readline()
start = time.perf_counter()
model = load(sys.argv[1])
print(time.perf_counter() - start, flush=True)
sys.stdin.readline()
"""


def write(kind: str, path: Path, megabytes: int) -> int:
    """Write a checkpoint of about this size; return the bytes of its files."""
    dtype = torch.float32 if kind == "llama2c" else torch.bfloat16
    n_layers = round(megabytes * 1e6 / dtype.itemsize / 6.5e6)  # 6.5 million parameters a layer
    config = LlamaConfig(
        dim=768, n_layers=n_layers, n_heads=12, n_kv_heads=6, vocab_size=2000, hidden_dim=2048, max_seq_len=4096
    )
    if kind == "meta in 4 shards":
        write_meta(path, meta_params(config), meta_weights(config, dtype=dtype), n_shards=4)
    else:
        save(Llama(config).to(dtype), path, kind)
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.iterdir()))


def measure_load(path: Path) -> tuple[int, float]:
    """Bytes of anonymous memory that a load adds at its peak to what the process had before, and its seconds."""
    command = [sys.executable, "-c", CHILD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        child.stdout.readline()
        before = peak = _anonymous(child.pid)
        child.stdin.write("go\n")
        child.stdin.flush()
        while not select.select([child.stdout], [], [], 0.001)[0]:  # every millisecond until it prints
            peak = max(peak, _anonymous(child.pid))
        peak = max(peak, _anonymous(child.pid))
        seconds = float(child.stdout.readline())
        child.stdin.write("end\n")
    return peak - before, seconds


def _anonymous(pid: int) -> int:
    """Bytes in memory that belong to no file."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"/proc/{pid}/status has no RssAnon")


if __name__ == "__main__":
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            n_bytes = write(kind, Path(folder) / "checkpoint", int(sys.argv[1]))
            peak, seconds = measure_load(Path(folder) / "checkpoint")
        print(f"{kind}: {n_bytes / 1e6:.0f} MB, peak {peak / n_bytes:.3f} x, {seconds:.2f} s")
