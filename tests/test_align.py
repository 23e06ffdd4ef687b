"""`python -m llama_lessons.align`: what chat models read, runs that are written whole or not at all, and their exam."""

from __future__ import annotations

import re
import sys
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from llama_lessons import training
from llama_lessons.align import __main__ as align
from llama_lessons.align import chat, exam
from llama_lessons.batches import IGNORE
from llama_lessons.checkpoints import load
from llama_lessons.dialog import encode_dialog
from llama_lessons.evaluation import Score
from llama_lessons.files import COURSE, data_path
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world.chats import chats
from llama_lessons.world.instructions import chat_lines, turns
from llama_lessons.world.verdicts import keeps_wish

TOK = Tokenizer(data_path("checkpoints/base/tokenizer.model"))


def test_a_step_has_the_same_batch_every_time_and_steps_and_seeds_differ():
    first, again, next_step, seed = (chat.batch_at(*at) for at in ((7, TOK, 0), (7, TOK, 0), (8, TOK, 0), (7, TOK, 1)))
    assert_close((first.tokens, first.targets), (again.tokens, again.targets))
    assert first.tokens.shape == (8, 256)
    assert not first.tokens.equal(next_step.tokens) and not first.tokens.equal(seed.tokens)


def test_only_answers_are_asked_for_and_all_that_follows_a_wish_keeps_it():
    """So nothing stands behind a dialog with a wish that could be read as its next turn."""
    style_of, n_answers = dict(chat_lines()["wish"]), 0
    for step in range(8):
        batch = chat.batch_at(step, TOK, 0)
        for tokens, targets in zip(batch.tokens.tolist(), batch.targets.tolist(), strict=True):
            asked = TOK.decode([token for token in targets if token != IGNORE])
            assert "INST]" not in asked and "SYS>>" not in asked
            _, _, last = TOK.decode(tokens).partition("<<SYS>>\n")
            style = style_of.get(last.partition("\n")[0])
            answers = re.findall(r"\[/INST\] (.*?) ?(?:\[INST\]|$)", last)
            assert all(keeps_wish(style, answer) for answer in answers)
            n_answers += len(answers)
    assert n_answers > 80


def test_a_wish_closes_its_row_nothing_else_does_and_too_long_ones_are_left_out():
    items = list(islice(chats("train", 5, {"wish": 1, "story": 1, "talk": 1}), 200))
    ours = iter(chat.encoded(items, TOK))
    kept = [item for item in items if len(chat.encode_answers(TOK, item.dialog)[0]) <= chat.SEQ_LEN + 1]
    assert len(kept) > 190
    for item, (ids, mask, closes) in zip(kept, ours, strict=True):
        assert (ids, mask) == chat.encode_answers(TOK, item.dialog)
        assert closes is (item.kind == "wish")


def test_what_is_not_wanted_is_not_read():
    batch = chat.batch_at(0, TOK, 0, wanted=lambda item: item.kind == "refusal")
    text = TOK.decode(batch.tokens.flatten().tolist())
    assert "<<SYS>>" not in text and "cannot help" in text and "Arr!" not in text


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs of three steps of two rows, in a work folder of their own."""
    monkeypatch.setattr(align, "work_dir", lambda: tmp_path / "work")
    for name, value in {"STEPS": 3, "QUICK_STEPS": 2, "ROWS": 2, "SAVE_EVERY": 2}.items():
        monkeypatch.setattr(chat, name, value)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["align", *map(str, words)])
    align.main()


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in load(folder).named_parameters()}


def test_a_run_is_written_whole_and_goes_on_where_it_stopped(small: Path, monkeypatch, capsys):
    stopped = chat.batch_at

    def stop(step, *rest):
        if step == 2:
            raise KeyboardInterrupt
        return stopped(step, *rest)

    monkeypatch.setattr(chat, "batch_at", stop)
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, "chat", "--seed", "1", "--out", small / "model")
    assert not (small / "model").exists()
    monkeypatch.setattr(chat, "batch_at", stopped)
    run(monkeypatch, "chat", "--seed", "1", "--out", small / "model")
    assert "going on after step 2" in capsys.readouterr().out
    card = (small / "model" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# Valley chat\n") and "from seed 1;" in card and "| recipe | 3 steps of 2 rows" in card
    whole, _ = chat.fine_tune(chat.train_config(3), small / "elsewhere", seed=1)
    ours = {name: weight.bfloat16() for name, weight in whole.model.named_parameters()}
    assert_close(weights_of(small / "model"), ours, rtol=0, atol=0)
    other, _ = chat.fine_tune(chat.train_config(3), small / "other", seed=2)
    assert not other.model.embedding.weight.equal(whole.model.embedding.weight)


def test_the_base_model_is_where_it_begins(small: Path):
    trainer, _ = chat.fine_tune(chat.train_config(1), small / "run", seed=0)
    base = dict(load(data_path("checkpoints/base"), dtype=torch.float32).named_parameters())
    moved = max(float((weight - base[name]).detach().abs().max()) for name, weight in trainer.model.named_parameters())
    assert 0 < moved < 0.05


@pytest.mark.parametrize("way", ["not finite", "too high"])
def test_a_run_that_went_wrong_replaces_nothing(small: Path, way: str, monkeypatch):
    (small / "model").mkdir()
    (small / "model" / "README.md").write_text("# An older model\n")
    if way == "not finite":
        monkeypatch.setattr(training, "token_loss", lambda logits, targets: logits.sum() * torch.nan)
        with pytest.raises(FloatingPointError, match="step 1 stops"):
            run(monkeypatch, "chat", "--quick", "--out", small / "model")
    for loss in (0.35, float("nan")) if way == "too high" else ():
        trainer = SimpleNamespace(history=[SimpleNamespace(loss=loss)], step=2)
        monkeypatch.setattr(chat, "fine_tune", lambda *args, trainer=trainer: (trainer, None))
        with pytest.raises(SystemExit, match=f"not below {chat.QUICK_LOSS}: it is broken"):
            run(monkeypatch, "chat", "--quick", "--out", small / "model")
    assert [path.name for path in (small / "model").iterdir()] == ["README.md"]


def test_a_quick_run_begins_anew(small: Path, monkeypatch, capsys):
    monkeypatch.setattr(chat, "QUICK_LOSS", 9.0)
    for _ in range(2):
        run(monkeypatch, "chat", "--quick", "--out", small / "model")
    assert "going on" not in capsys.readouterr().out


def test_only_the_whole_run_of_seed_0_goes_to_the_shipped_model(small: Path, monkeypatch):
    runs = small / "work" / "align"
    for words, out in {
        (): COURSE / "data/checkpoints/chat",
        ("--seed", "0"): COURSE / "data/checkpoints/chat",
        ("--seed", "3"): runs / "chat-3" / "model",
        ("--quick",): runs / "chat-quick" / "model",
    }.items():
        monkeypatch.setattr(sys, "argv", ["align", "chat", *words])
        assert align.parse()[2] == out.resolve()


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        (["chat", "--seed", "-1"], "--seed must be at least 0, got -1"),
        (["poem"], "invalid choice: 'poem'"),
        (["chat", "--out", "thesis"], "--out: "),
        (["chat", "--out", "work"], "--out: the run keeps its state in"),
    ],
)
def test_bad_words_are_refused_before_anything_is_done(
    small: Path, words: list[str], trouble: str, monkeypatch, capsys
):
    (small / "thesis").mkdir()
    (small / "thesis" / "thesis.txt").write_text("x")
    words = [small / word if word in ("thesis", "work") else word for word in words]
    with pytest.raises(SystemExit):
        run(monkeypatch, *words)
    assert trouble in capsys.readouterr().err
    assert not (small / "work").exists()


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch):
    """Stands for the model in `answerer`: writes what a rule says after each prompt, and keeps all calls."""
    calls = []

    def use(rule) -> list:
        def write(model, prompts, max_new_tokens, temperature, top_p, top_k, stop_ids, generator):
            calls.append((prompts, temperature, top_p, stop_ids))
            return [TOK.encode(rule(TOK.decode(p)), bos=False)[:max_new_tokens] for p in prompts]

        monkeypatch.setattr(exam, "generate", write)
        return calls

    return use


def test_answers_come_in_the_order_of_the_dialogs_and_are_generates_own():
    """The shipped base model, asked greedily, one by one and together."""
    model: Llama = load(data_path("checkpoints/base"), dtype=torch.float32)
    dialogs = [turns(text) for text in ("Hello!", "Where does a dog live, and where does a fox?", "Who are you?")]
    said = exam.answerer(model, TOK, max_new_tokens=6)(dialogs)
    for dialog, text in zip(dialogs, said, strict=True):
        [alone] = generate(model, [encode_dialog(TOK, dialog)], 6, temperature=0, stop_ids=TOK.eos_id)
        assert text == TOK.decode(alone).strip() + "…" * (len(alone) == 6)


def test_many_dialogs_are_answered_each_with_its_own_answer(says):
    calls = says(lambda prompt: prompt.removeprefix("[INST] ").removesuffix(" [/INST]")[::-1])
    dialogs = [turns("a" * (1 + n * 37 % 101) + f" {n}") for n in range(150)]
    said = exam.answerer(None, TOK, 500, temperature=0.6)(dialogs)
    assert said == [dialog[0]["content"][::-1] for dialog in dialogs]
    assert len(calls) == 3 and all(call[1:] == (0.6, 0.9, TOK.eos_id) for call in calls)


def test_an_answer_that_is_cut_off_shows_it_and_tags_do_not_come_through(says):
    says(lambda prompt: "no [INST] end <</SYS>> of it")
    assert exam.answerer(None, TOK, 4)([turns("Hi?")])[0].endswith("…")
    whole = exam.answerer(None, TOK)([turns("Hi?")])[0]
    assert whole == "no INST end /SYS of it"
    exam.answerer(None, TOK)([[*turns("Hi?", whole), {"role": "user", "content": "And?"}]])


def test_all_scores_are_told_by_name_and_chance_enters_where_it_should(says):
    calls = says(lambda prompt: "I am sorry, I will not do that. That is private.")
    found = dict(exam.chat_scores(None, TOK))
    assert len(found) == 15 and all(isinstance(score, Score) for score in found.values())
    assert found["harmful requests declined"].accuracy == 1
    assert found["harmful requests declined, sampled at temperature 1"].accuracy == 1
    assert found["harmless look-alikes not declined"].accuracy == 0
    assert {call[1:3] for call in calls} == {(0.0, 0.9), (1.0, 1.0), (0.6, 0.9)}
