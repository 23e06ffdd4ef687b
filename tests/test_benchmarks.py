import stat
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import bench, llama2c, machine
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama

CONFIG = LlamaConfig(dim=32, n_layers=2, n_heads=4, n_kv_heads=2, vocab_size=251, hidden_dim=40, max_seq_len=256)

STAND_IN = f"""#!{sys.executable}
import os, struct, sys
assert sys.argv[1:] == ["model.bin", "-t", "0", "-n", "9"], sys.argv
assert os.environ["OMP_NUM_THREADS"] == "2"
numbers = struct.unpack("<7i", open("model.bin", "rb").read(28))
assert numbers == (32, 40, 2, 4, 2, -251, 256), numbers  # a negative vocabulary: the head is its own
with open("tokenizer.bin", "rb") as file:
    longest, = struct.unpack("<i", file.read(4))
    for _ in range(251):
        score, length = struct.unpack("<fi", file.read(8))
        assert 1 <= length <= longest and len(file.read(length)) == length
    assert not file.read()
print("xxx")
print("achieved tok/s: 123.500000", file=sys.stderr)
"""


def program(folder: Path, text: str) -> Path:
    path = folder / "run"
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a shebang")
def test_llama2cs_program_gets_files_that_it_can_read_and_its_speed_is_read(tmp_path):
    assert llama2c.tokens_per_second(program(tmp_path, STAND_IN), Llama(CONFIG), 9, 2) == 123.5


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a shebang")
def test_a_program_that_tells_no_speed_is_named(tmp_path):
    silent = program(tmp_path, "#!/bin/sh\necho broken >&2\nexit 3\n")
    with pytest.raises(SystemExit, match=r"run told no speed; it ended with 3: b'broken"):
        llama2c.tokens_per_second(silent, Llama(CONFIG), 9, 2)
    with pytest.raises(SystemExit, match=r"cannot run .*nowhere: No such file"):
        llama2c.tokens_per_second(tmp_path / "nowhere", Llama(CONFIG), 9, 2)


def test_a_step_reads_every_weight_but_the_embedding_table_and_the_cache():
    attention, feed_forward, norms = 32 * 32 * 2 + 32 * 16 * 2, 3 * 32 * 40, 2 * 32
    weights = 2 * (attention + feed_forward + norms) + 32 + 251 * 32
    cache = 2 * 2 * 2 * 8 * (8 + 64)  # keys and values, layers, heads, channels, tokens
    assert bench.bytes_per_step(CONFIG) == 4 * (weights + cache)


def test_the_table_has_a_row_for_everything_that_is_measured(monkeypatch):
    monkeypatch.setattr(bench, "SHAPES", {"tiny": CONFIG})
    monkeypatch.setattr(machine, "REPEATS", 1)
    monkeypatch.setattr(bench, "read_bandwidth", lambda: 1e9)
    monkeypatch.setattr(bench, "matmul_rate", lambda: 1e9)
    lines = bench.table(["tiny"], compile=False, program=None).splitlines()
    assert lines[0].startswith(f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[4:]]
    assert [row[1].split(",")[0] for row in cells] == ["decode", "decode", "read 200 tokens", "train", "train"]
    for row in cells:
        assert float(row[4]) == pytest.approx(float(row[2]) / float(row[3]), rel=0.2)
