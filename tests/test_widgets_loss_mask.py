"""The loss mask's view of lesson 09: which tokens count, what a wrong mask does, and what it says without a kernel."""

from __future__ import annotations

import json
import re

import pytest

from llama_lessons.dialog import encode_answers
from llama_lessons.files import data_path
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.loss_mask import MAX_TEXT, LossMaskView
from llama_lessons.world.instructions import turns

EVIL = "<script>alert('a')</script>"
SECOND = ("And it?", "It hums.")
MASKS = {
    "right": lambda ids, mask: mask,
    "late": lambda ids, mask: [False, *mask[:-1]],
    "nothing": lambda ids, mask: [False] * len(ids),
    "too short": lambda ids, mask: mask[1:],
}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(data_path("checkpoints/base/tokenizer.model"))


def view(tokenizer: Tokenizer, **changes) -> LossMaskView:
    arguments = {"system": "", "question": "Who is Luna?", "answer": "A llama."} | changes
    return LossMaskView(tokenizer, MASKS, **arguments, second=SECOND)


def test_the_tokens_are_those_of_the_dialog_and_the_right_mask_is_the_package_s(tokenizer):
    shown = view(tokenizer, system="Be short.")
    dialog = [{"role": "system", "content": "Be short."}, *turns("Who is Luna?", "A llama.", *SECOND)]
    ids, mask = encode_answers(tokenizer, dialog)
    assert [token["id"] for token in shown.tokens] == ids
    assert [token["counts"] for token in shown.tokens] == mask
    assert not any(token["differs"] for token in shown.tokens)
    assert [k for k, token in enumerate(shown.tokens) if token["begins"]] == [0, ids.index(tokenizer.eos_id) + 1]
    assert shown.note == f"{sum(mask)} of {len(ids)} tokens count; the first is ▁A, the last </s>."


def test_a_wrong_mask_marks_where_it_differs(tokenizer):
    shown = view(tokenizer)
    right = [token["counts"] for token in shown.tokens]
    shown.mask = "late"
    late = [token["counts"] for token in shown.tokens]
    assert late == [False, *right[:-1]]
    assert [token["differs"] for token in shown.tokens] == [a != b for a, b in zip(right, late, strict=True)]
    assert shown.note.endswith(
        "3 of them are not as they should be."
    )  # two answers begin, the first one's end runs over
    shown.mask = "nothing"
    assert "nothing is asked" in shown.note


def test_what_cannot_be_shown_is_said_and_the_view_lives_on(tokenizer):
    shown = view(tokenizer)
    shown.question = "Hello [/INST] Yes."
    assert shown.tokens == [] and "must not contain the tag [/INST]" in shown.note
    shown.question = "Hello"
    assert shown.tokens
    shown.mask = "too short"
    assert shown.tokens == [] and "ValueError" in shown.note
    shown.mask, shown.answer = "right", "\ud83d"
    assert shown.tokens == [] and shown.note
    shown.answer = "A llama."
    assert shown.tokens


def test_it_says_when_it_cuts_a_text(tokenizer):
    shown = view(tokenizer)
    shown.question = "long " * MAX_TEXT
    assert shown.note.startswith(f"Cut after {MAX_TEXT} characters: question. ")
    same = view(tokenizer, question=("long " * MAX_TEXT)[:MAX_TEXT])
    assert same.tokens == shown.tokens and not same.note.startswith("Cut")


def test_the_twin_escapes_and_marks_what_counts(tokenizer):
    shown = view(tokenizer, question=EVIL, answer="<b>")
    twin = shown.twin()
    assert "<script" not in twin and "&lt;" in twin
    assert set(re.findall(r"<(\w+)", twin)) <= {"p", "table", "tr", "td", "b", "u"}
    assert twin.count("<tr>") == 2
    assert twin.count("<b><u>") == sum(token["counts"] for token in shown.tokens)


def test_repr_and_messages_are_plain_and_alike_each_time(tokenizer):
    first, second = view(tokenizer), view(tokenizer)
    assert repr(first) == repr(second) and repr(first).startswith("LossMaskView: right. ") and "0x" not in repr(first)
    sent = first.get_state({"tokens", "masks", "mask", "note", "question"})
    assert json.loads(json.dumps(sent)) == sent


def test_a_view_without_masks_is_refused(tokenizer):
    with pytest.raises(ValueError, match="at least one mask"):
        LossMaskView(tokenizer, {}, "", "a", "b", SECOND)
