"""The checks of lesson 09: their references are what the package computes."""

from __future__ import annotations

import pytest

from llama_lessons.batches import IGNORE, pack_whole
from llama_lessons.checks import chat
from llama_lessons.dialog import encode_answers
from llama_lessons.files import data_path
from llama_lessons.prompt import dialog_turns, turn_text
from llama_lessons.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(data_path("checkpoints/base/tokenizer.model"))


@pytest.mark.parametrize(("dialog",), chat.TURNS_EXAMPLES)
def test_the_texts_are_those_that_the_package_encodes(dialog):
    assert chat.turn_texts(dialog) == [turn_text(*turn) for turn in dialog_turns(dialog)]


@pytest.mark.parametrize(("dialog",), [example for example in chat.TURNS_EXAMPLES if example[0][-1]["role"] != "user"])
def test_the_mask_is_that_which_the_package_makes(dialog, tokenizer):
    turns = []
    for user, answer in dialog_turns(dialog):
        prompt = tokenizer.encode(turn_text(user))
        turns.append((prompt, tokenizer.encode(turn_text(user, answer))[len(prompt) :]))
    assert chat.dialog_mask(turns, tokenizer.eos_id) == encode_answers(tokenizer, dialog)


@pytest.mark.parametrize(("texts", "n_rows", "n_columns", "pad_id"), chat.PACK_EXAMPLES)
def test_the_rows_are_those_that_the_package_packs(texts, n_rows, n_columns, pad_id):
    whole = [([*ids, 99], [False] * len(ids) + [True], closes) for ids, closes in texts]  # each must ask for something
    batch = pack_whole(whole, n_rows, n_columns + 1, pad_id)
    rows = [
        [*row, target if target != IGNORE else pad_id]
        for row, target in zip(batch.tokens.tolist(), batch.targets[:, -1].tolist(), strict=True)
    ]
    assert rows == chat.packed_rows([(ids, closes) for ids, _, closes in whole], n_rows, n_columns + 2, pad_id)
