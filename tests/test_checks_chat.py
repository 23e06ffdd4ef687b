"""The checks of lesson 09: their references are what the package computes."""

from __future__ import annotations

import pytest
import torch

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


def test_texts_that_come_longest_first_and_all_fit_are_packed_as_the_package_does():
    texts = [
        ([1, 40, 41, 42, 43, 9], True),
        ([1, 44, 45, 9], False),
        ([1, 46, 9], True),
        ([1, 9], False),
        ([1, 8], False),
    ]
    n_rows, n_columns, pad_id = 2, 11, 7
    batch = pack_whole(((ids, [True] * len(ids), closes) for ids, closes in texts), n_rows, n_columns - 1, pad_id)
    ends = batch.targets[:, -1:].where(batch.targets[:, -1:] != IGNORE, torch.tensor(pad_id))
    assert torch.cat([batch.tokens, ends], dim=1).tolist() == chat.packed_rows(texts, n_rows, n_columns, pad_id)
