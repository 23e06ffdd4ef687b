import stat
import struct
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from benchmarks import bench, decoding, machine, quantized
from benchmarks.llama2c import Program
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
    with Program(program(tmp_path, STAND_IN), Llama(CONFIG), 9, 2) as run:
        assert run.tokens_per_second() == run.tokens_per_second() == 123.5


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a shebang")
def test_a_program_that_tells_no_speed_is_named(tmp_path):
    silent = program(tmp_path, "#!/bin/sh\necho broken >&2\nexit 3\n")
    for path, trouble in (
        (silent, r"run told no speed; it ended with 3: b'broken"),
        (tmp_path / "nowhere", r"cannot run .*nowhere: No such file"),
    ):
        with Program(path, Llama(CONFIG), 9, 2) as run, pytest.raises(SystemExit, match=trouble):
            run.tokens_per_second()


def test_a_step_reads_every_weight_but_the_embedding_table_and_the_cache():
    attention, feed_forward, norms = 32 * 32 * 2 + 32 * 16 * 2, 3 * 32 * 40, 2 * 32
    weights = 2 * (attention + feed_forward + norms) + 32 + 251 * 32
    cache = 2 * 2 * 2 * 8 * 64  # keys and values, layers, heads, channels, tokens
    assert decoding.bytes_per_step(CONFIG) == 4 * (weights + cache)


def test_the_best_rate_counts_and_the_first_round_does_not():
    rates = {"falls": iter([9.0, 3.0, 2.0, 1.0, 1.0, 1.0]), "rises": iter([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])}
    assert machine.best_rates({name: partial(next, rate) for name, rate in rates.items()}) == {"falls": 3, "rises": 6}


def test_a_clock_counts_from_a_token_to_the_last():
    clock = decoding.Clock()
    clock.times = [0.0, 10.0, 11.0, 12.0, 14.0]  # the prompt, four tokens
    assert clock.rate(1) == 3 / 4


def test_the_table_has_a_row_for_everything_that_is_measured(monkeypatch):
    monkeypatch.setattr(bench, "SHAPES", {"tiny": CONFIG})
    monkeypatch.setattr(machine, "REPEATS", 1)
    monkeypatch.setattr(decoding, "NEW_TOKENS", 12)
    monkeypatch.setattr(decoding, "MANY_TOKENS", 3)
    monkeypatch.setattr(torch._inductor, "compile", lambda graph, inputs, options: graph)  # the test needs no compiler
    monkeypatch.setattr(decoding, "reading", lambda n_bytes, width: {"sum": lambda: 1e4, "rows": lambda: 2e4})
    monkeypatch.setattr(bench, "matmul_rate", lambda: 1e9)
    lines = bench.table(["tiny"], program=None).splitlines()
    assert lines[0].startswith(f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[4:]]
    three = ["plain", "compiled", "transformers"]
    assert [(row[1].split(",")[0], row[2]) for row in cells] == [
        *(("decode", who) for who in three * 2),
        *((what, who) for what in ("read 200 tokens", "train", "train") for who in ("plain", "transformers")),
    ]
    for row in cells:
        [theirs] = [float(other[3]) for other in cells if other[1] == row[1] and other[2] == "transformers"]
        assert (
            row[4] == ""
            if row[2] == "transformers"
            else float(row[4]) == pytest.approx(float(row[3]) / theirs, rel=0.2)
        )
        assert row[5] == ""
    assert all(row[6].endswith("% of 20000") for row in cells[:3]) and not any(row[6] for row in cells[3:6])


def test_the_file_for_runq_is_as_long_as_its_header_says():
    config = LlamaConfig(dim=64, n_layers=2, n_heads=4, n_kv_heads=2, vocab_size=251, hidden_dim=128, max_seq_len=256)
    whole, norms = b"".join(quantized.version_2(Llama(config))), 5 * 64
    numbers = config.n_params - norms
    assert len(whole) == 256 + 4 * norms + numbers + 4 * numbers // 64  # a code each, a float for every 64 of them
    assert struct.unpack("<Ii7iBi", whole[:41]) == (0x616B3432, 2, 64, 128, 2, 4, 2, 251, 256, 0, 64)
