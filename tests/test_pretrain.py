import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from llama_lessons import pretrain, training
from llama_lessons.batches import IGNORE
from llama_lessons.checkpoints import load
from llama_lessons.config import LlamaConfig
from llama_lessons.files import COURSE, data_path
from llama_lessons.model import Llama
from llama_lessons.pretrain import batch_at, make_tokenizer, train_config
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world import make_documents


@pytest.fixture(scope="module")
def tok(tmp_path_factory) -> Tokenizer:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")


def test_a_step_has_the_same_batch_every_time_and_steps_differ(tok):
    first, again, other = (batch_at(step, tok, n_steps=1000) for step in (700, 700, 701))
    assert_close(first.tokens, again.tokens)
    assert_close(first.targets, again.targets)
    assert not first.tokens.equal(other.tokens)


def test_copying_is_taught_first(tok, monkeypatch):
    """Most documents of the first steps are lists said again, short ones first, then games of letters; stories last."""
    drawn = []
    write = make_documents
    monkeypatch.setattr(
        pretrain, "make_documents", lambda *args: (drawn.append(document.kind) or document for document in write(*args))
    )

    def share(step: int, *kinds: str) -> float:
        drawn.clear()
        batch_at(step, tok, n_steps=1000)
        return sum(kind in kinds for kind in drawn) / len(drawn)

    assert share(5, "short echo") > 0.7
    assert share(30, "echo") > 0.6
    assert share(100, "letters", "word exam", "matching", "small exam") > 0.5
    assert share(500, "short echo", "echo") < 0.2
    assert share(999, "short echo", "echo") < 0.2


def test_rows_grow_to_the_whole_context_at_the_same_number_of_tokens(tok):
    for step, seq_len in ((0, 64), (19, 64), (20, 128), (119, 128), (120, 256), (749, 256)):
        assert batch_at(step, tok, n_steps=1000).tokens.shape == (4096 // seq_len, seq_len)
    late = batch_at(750, tok, n_steps=1000)
    assert late.tokens.shape == (8, 512)
    assert 0.3 < late.n_targets / late.tokens.numel() < 1
    assert (late.targets[late.targets != IGNORE] < tok.vocab_size).all()


@pytest.fixture
def small(tmp_path, monkeypatch) -> Path:
    """A model, a batch and a quick check so small that a run takes a moment, in a work folder of its own."""
    monkeypatch.setattr(pretrain, "work_dir", lambda: tmp_path / "work")
    monkeypatch.setattr(pretrain, "TOKENS_PER_STEP", 512)
    monkeypatch.setattr(pretrain, "QUICK_STEPS", 2)
    shape = replace(LlamaConfig.preset("valley"), dim=16, n_layers=1, n_heads=2, n_kv_heads=1, hidden_dim=24)
    monkeypatch.setattr(LlamaConfig, "preset", lambda name: shape)
    shipped = data_path("checkpoints/base/tokenizer.model")
    monkeypatch.setattr(pretrain, "make_tokenizer", lambda path: shutil.copyfile(shipped, path))
    return tmp_path


def run(monkeypatch, *words: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["pretrain", *map(str, words)])
    pretrain.main()


def test_a_run_is_written_whole_and_goes_on_where_it_stopped(small, monkeypatch, capsys):
    run(monkeypatch, "--steps", "3", "--out", small / "model")
    weights = {name: weight.clone() for name, weight in load(small / "model").named_parameters()}
    assert "| recipe | 3 steps of 512 tokens" in (small / "model" / "README.md").read_text(encoding="utf-8")
    run(monkeypatch, "--steps", "3", "--out", small / "again")
    assert "going on after step 3" in capsys.readouterr().out
    assert_close(dict(load(small / "again").named_parameters()), weights, rtol=0, atol=0)
    one, _ = pretrain.pretrain(train_config(3), small / "elsewhere")
    assert_close({name: weight.bfloat16() for name, weight in one.model.named_parameters()}, weights, rtol=0, atol=0)


@pytest.mark.parametrize("steps", ["0", "-3"])
def test_a_run_of_no_steps_is_refused_at_once(small, steps, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, "--steps", steps)
    assert f"--steps must be at least 1, got {steps}" in capsys.readouterr().err
    assert not (small / "work").exists()


@pytest.mark.parametrize("place", ["folder of others", "file", "folder of the run"])
def test_a_place_that_cannot_be_written_is_refused_before_training(small, place, monkeypatch, capsys):
    (small / "thesis").mkdir()
    (small / "thesis" / "thesis.txt").write_text("x")
    out = {"folder of others": "thesis", "file": "thesis/thesis.txt", "folder of the run": "work/pretrain-3"}[place]
    with pytest.raises(SystemExit):
        run(monkeypatch, "--steps", "3", "--out", small / out)
    assert "--out: " in capsys.readouterr().err
    assert not (small / "work").exists()
    assert (small / "thesis" / "thesis.txt").read_text() == "x"


def test_a_run_that_is_not_finite_replaces_nothing(small, monkeypatch):
    run(monkeypatch, "--steps", "3", "--out", small / "model")
    good = (small / "model" / "model.safetensors").read_bytes()
    monkeypatch.setattr(training, "token_loss", lambda logits, targets: logits.sum() * torch.nan)
    for words in (("--steps", "4"), ("--quick",)):
        with pytest.raises(FloatingPointError, match="step 1 stops"):
            run(monkeypatch, *words, "--out", small / "model")
    assert (small / "model" / "model.safetensors").read_bytes() == good


@pytest.mark.parametrize("loss", [2.5, float("nan")])
def test_a_quick_check_that_fails_replaces_nothing(small, loss, monkeypatch):
    run(monkeypatch, "--steps", "3", "--out", small / "model")
    good = (small / "model" / "model.safetensors").read_bytes()
    trainer = SimpleNamespace(history=[SimpleNamespace(loss=loss)], model=Llama(LlamaConfig.preset("valley")))
    monkeypatch.setattr(pretrain, "pretrain", lambda config, folder, way: (trainer, None))
    with pytest.raises(SystemExit, match=r"not below 2\.0"):
        run(monkeypatch, "--quick", "--out", small / "model")
    assert (small / "model" / "model.safetensors").read_bytes() == good


def test_only_the_whole_run_goes_to_the_shipped_model(small, monkeypatch):
    for words, out in {
        (): COURSE / "data/checkpoints/base",
        ("--steps", str(pretrain.STEPS)): COURSE / "data/checkpoints/base",
        ("--steps", "2"): small / "work/pretrain-2/base",
        ("--quick",): small / "work/quick/base",
    }.items():
        monkeypatch.setattr(sys, "argv", ["pretrain", *words])
        assert pretrain.parse()[3] == out.resolve()
