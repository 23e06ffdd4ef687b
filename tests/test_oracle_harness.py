"""The exam through a plain loop over `transformers`, as lm-evaluation-harness does it: the same answer to every item.

`test_oracle_lm_eval.py` asks the harness itself, where it is installed. This loop is here everywhere.
"""

from __future__ import annotations

import pytest
import torch

from llama_lessons.checkpoints import load, save
from llama_lessons.config import LlamaConfig
from llama_lessons.evaluation import choose, multiple_choice
from llama_lessons.files import data_path
from llama_lessons.model import Llama
from llama_lessons.score import Score
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.exam_sheets import NORMALISERS, SHOTS, answer_sheet, chosen, letter_protocol, text_protocol
from llama_lessons.world import Exam

harness = pytest.importorskip("tests.reference.harness")
BASE = data_path("checkpoints/base")
ITEMS = 24


def part_of_exam() -> Exam:
    """Questions of every subject, sums as well."""
    exam = Exam()
    exam.items = exam.items[:: len(exam.items) // ITEMS][:ITEMS]
    return exam


@pytest.fixture(scope="module", params=["base", "random"])
def pair(request, tmp_path_factory):
    """A model of ours, its tokenizer, and the same model in the plain harness."""
    tok = Tokenizer(BASE / "tokenizer.model")
    if request.param == "base":
        return load(BASE, dtype=torch.float32), tok, harness.PlainHarness(BASE)
    torch.manual_seed(3)
    shape = {"dim": 48, "n_layers": 2, "n_heads": 6, "n_kv_heads": 3, "hidden_dim": 40, "max_seq_len": 512}
    model = Llama(LlamaConfig(vocab_size=2048, **shape)).requires_grad_(False)
    for weight in model.parameters():
        weight.mul_(3)
    folder = tmp_path_factory.mktemp("random") / "model"
    save(model, folder, tokenizer=tok)
    return model, tok, harness.PlainHarness(folder)


@pytest.mark.parametrize("shots", SHOTS)
def test_by_letter_every_item_is_answered_alike(pair, shots):
    model, tok, theirs = pair
    exam, letters = part_of_exam(), list("ABCD")
    prompts = [exam.prompt(item, shots) for item in exam.items]
    wanted = [theirs.answers(prompt, letters)["sum"] for prompt in prompts]
    assert choose(model, tok, prompts, [letters] * len(prompts)) == wanted
    n_right = sum(answer == item.answer for answer, item in zip(wanted, exam.items, strict=True))
    assert multiple_choice(model, tok, exam, shots, "letter") == Score.of(n_right, len(wanted))


@pytest.mark.parametrize("shots", SHOTS)
def test_by_text_every_item_is_answered_alike(pair, shots):
    model, tok, theirs = pair
    exam = part_of_exam()
    prompts = [exam.open_prompt(item, shots) for item in exam.items]
    choices = [list(item.choices) for item in exam.items]
    wanted = [theirs.answers(*asked)["per token"] for asked in zip(prompts, choices, strict=True)]
    assert choose(model, tok, prompts, choices) == wanted


def test_the_sheets_of_the_view_answer_alike(pair):
    model, tok, theirs = pair
    exam = part_of_exam()
    sheet = answer_sheet(model, tok, exam)
    for k, item in enumerate(exam.items):
        by_text = theirs.answers(exam.open_prompt(item, 0), list(item.choices))
        for name in NORMALISERS[:3]:
            assert chosen(sheet[text_protocol(name)][k]) == by_text[name]
        by_letter = theirs.answers(exam.prompt(item, 0), list("ABCD"))["sum"]
        assert chosen(sheet[letter_protocol("before the choice", "with a blank", 0)][k]) == by_letter
