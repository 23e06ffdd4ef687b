"""`tools/kv_heads.py` trains models that differ in key-value heads and seed alone, and its shipped table is whole."""

from __future__ import annotations

import csv
import sys

import pytest
import torch
from torch.nn.functional import cross_entropy

from llama_lessons.files import data_path
from llama_lessons.model import Llama
from tools import kv_heads


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds, and rows so short that a step takes milliseconds."""
    for name, value in {"KV_HEADS": (4, 1), "ROWS": 2, "SEQ_LEN": 16, "HELD_OUT_ROWS": 8}.items():
        monkeypatch.setattr(kv_heads, name, value)


@pytest.mark.usefixtures("small")
def test_a_row_for_each_kind_and_seed_and_the_same_ones_again():
    rows = list(kv_heads.measure(n_tokens=4 * 2 * 16 + 31, seeds=2))
    assert [(row["kv_heads"], row["seed"]) for row in rows] == [(4, 0), (1, 0), (4, 1), (1, 1)]
    assert {row["tokens"] for row in rows} == {4 * 2 * 16}  # whole steps
    assert len({row["loss"] for row in rows}) == 4
    assert rows[:2] == list(kv_heads.measure(n_tokens=4 * 2 * 16, seeds=1))


def test_the_models_differ_in_key_value_heads_alone():
    parts = [dict(Llama(kv_heads.shape(n, 300)).named_parameters()) for n in kv_heads.KV_HEADS]
    for name in parts[0]:
        sizes = [part[name].numel() for part in parts]
        assert sizes == (
            [sizes[0], sizes[0] // 2, sizes[0] // 4] if ".wk." in name or ".wv." in name else [sizes[0]] * 3
        )


@pytest.mark.usefixtures("small")
def test_the_loss_is_the_mean_over_tokens():
    model, batch = Llama(kv_heads.shape(2, 300)), kv_heads.Batch(*torch.randint(300, (2, 8, 16)).unbind())
    with torch.no_grad():
        rows = [cross_entropy(model(batch.tokens[k : k + 1])[0], batch.targets[k]).item() for k in range(8)]
    assert kv_heads.loss_of(model, batch) == pytest.approx(sum(rows) / 8, abs=1e-4)


def test_the_shipped_table_is_what_the_command_writes():
    with data_path("tables/kv_heads.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == kv_heads.COLUMNS
    wanted = [(n, seed) for n in kv_heads.KV_HEADS for seed in range(kv_heads.SEEDS)]
    assert [(int(row["kv_heads"]), int(row["seed"])) for row in table] == wanted
    for row in table:
        config = kv_heads.shape(int(row["kv_heads"]), 2048)
        assert int(row["tokens"]) == kv_heads.TOKENS
        assert int(row["parameters"]) == config.n_params
        assert int(row["cache_bytes_per_token"]) == 2 * 4 * config.n_kv_heads * 32 * 2  # K and V, layers, D, bytes
        assert 1.5 < float(row["loss"]) < 2.5


@pytest.mark.parametrize("arguments", [["--tokens", "16383"], ["--seeds", "0"]])
def test_too_little_to_measure_is_refused(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(sys, "argv", ["kv_heads.py", *arguments])
    with pytest.raises(SystemExit):
        kv_heads.main()
    assert "--tokens must be at least 16384, and --seeds at least 1" in capsys.readouterr().err


@pytest.mark.usefixtures("small")
def test_the_table_is_written_in_order(tmp_path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "kv_heads.csv"
    monkeypatch.setattr(sys, "argv", ["kv_heads.py", "--tokens", "128", "--seeds", "2", "--out", str(out)])
    kv_heads.main()
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[0] == ",".join(kv_heads.COLUMNS)
    assert [line[:3] for line in lines[1:]] == ["4,0", "4,1", "1,0", "1,1"]
