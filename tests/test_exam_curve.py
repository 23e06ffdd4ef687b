"""`tools/exam_curve.py` measures every snapshot of a run, in the order of training."""

import shutil

import pytest

from llama_lessons.evaluation import Score
from llama_lessons.files import data_path
from tools import exam_curve


@pytest.fixture
def run(tmp_path):
    base = data_path("checkpoints/base")
    shutil.copyfile(base / "tokenizer.model", tmp_path / "tokenizer.model")
    for step in ("00800", "00400"):
        folder = tmp_path / "snapshots" / step
        folder.mkdir(parents=True)
        for name in ("config.json", "model.safetensors"):
            shutil.copyfile(base / name, folder / name)
    return tmp_path


def test_a_row_for_each_snapshot_and_a_column_for_each_way(run, monkeypatch):
    monkeypatch.setattr(exam_curve, "exam", lambda model, tok, by, shots, fresh: Score(shots / 10, len(by), 0.0, 1.0))
    first, second = exam_curve.measure(run)
    assert (first["tokens"], second["tokens"]) == ("1638400", "3276800")
    assert (first["text 5-shot"], first["letter 0-shot"], first["letter 5-shot high"]) == ("0.500", "0.000", "1.000")


def test_a_run_without_snapshots_is_an_error(run):
    shutil.rmtree(run / "snapshots")
    with pytest.raises(FileNotFoundError, match="run `make weights` first"):
        exam_curve.measure(run)
