"""The logit lens of lesson 05: what it reads, what it says without a kernel, and that broken models do it no harm."""

from __future__ import annotations

import json
import re

import pytest
import torch
import traitlets
from torch import nn
from torch.testing import assert_close

from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.rope import rope_angles
from llama_lessons.widgets.logit_lens import AFTER_ATTENTION, AFTER_FEED_FORWARD, LogitLensView
from llama_lessons.widgets.streams import streams

EVIL = "<script>alert('a')</script>"
TEXT = "the llama hums back"


def make(seed: int, tied: bool = False, dtype: torch.dtype = torch.float32) -> Llama:
    """A small model of random weights, norms included: a norm that is left out or exchanged is then noticed."""
    shape = {"dim": 48, "n_layers": 3, "n_heads": 6, "n_kv_heads": 3, "hidden_dim": 100, "max_seq_len": 90}
    model = Llama(LlamaConfig(**shape, vocab_size=300, tie_embeddings=tied)).requires_grad_(False)
    draws = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        weight.copy_(torch.randn(weight.shape, generator=draws) * (0.5 if weight.dim() == 1 else 0.2))
    return model.to(dtype)


def by_hand(model: Llama, ids: list[int]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The streams as the model's parts, called one by one, make them: after attention; before and after each layer."""
    angles = rope_angles(torch.arange(len(ids)), model.config.head_dim)
    x = model.embedding.weight[ids][None]  # (1, T, C)
    middle, ends = [], [x[0]]
    for block in model.blocks:
        x = x + block.attention(block.attention_norm(x), angles.cos(), angles.sin())
        middle.append(x[0])
        x = x + block.feed_forward(block.feed_forward_norm(x))
        ends.append(x[0])
    return middle, ends


class NoSecondResidual(nn.Module):
    """A block that a reader broke: the feed-forward layer's output replaces the stream."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.attention_norm, self.attention = block.attention_norm, block.attention
        self.feed_forward_norm, self.feed_forward = block.feed_forward_norm, block.feed_forward

    def forward(self, x, cos, sin, cache=None, layer=0):
        x = x + self.attention(self.attention_norm(x), cos, sin)
        return self.feed_forward(self.feed_forward_norm(x))


class NormsExchanged(NoSecondResidual):
    """Another: attention reads through the feed-forward layer's norm, and the other way round."""

    def forward(self, x, cos, sin, cache=None, layer=0):
        x = x + self.attention(self.feed_forward_norm(x), cos, sin)
        return x + self.feed_forward(self.attention_norm(x))


def broken(kind: type, seed: int = 1) -> Llama:
    model = make(seed)
    model.blocks = nn.ModuleList(kind(block) for block in model.blocks)
    return model


def likeliest(view: LogitLensView) -> list[list[str]]:
    return [[cell["top"][0][0] for cell in row["cells"]] for row in view.rows]


@pytest.mark.parametrize("tied", [False, True])
def test_streams_are_those_of_the_parts_called_one_by_one(tied):
    model, ids = make(1, tied), [1, 5, 9, 5, 280]
    middle, ends = streams(model, ids)
    assert (len(middle), len(ends)) == (3, 4)
    for seen, wanted in zip((*middle, *ends), (*by_hand(model, ids)[0], *by_hand(model, ids)[1]), strict=True):
        assert_close(seen, wanted)


def test_listening_leaves_nothing_behind():
    model = make(1)
    before = model(torch.tensor([[1, 5, 9]]))
    streams(model, [1, 5, 9])
    assert all(not part._forward_hooks and not part._forward_pre_hooks for part in model.modules())
    assert torch.equal(model(torch.tensor([[1, 5, 9]])), before)


def test_listening_ends_also_when_the_model_fails():
    model = make(1)
    with pytest.raises(ValueError, match="token ids"):
        streams(model, [1, 999])
    assert all(not part._forward_hooks and not part._forward_pre_hooks for part in model.modules())


def test_after_attention_is_the_sum_also_where_the_norms_were_exchanged():
    model, ids = broken(NormsExchanged), [1, 5, 9, 12]
    middle, ends = streams(model, ids)
    angles = rope_angles(torch.arange(4), 8)
    first = model.blocks[0]
    wanted = ends[0] + first.attention(first.feed_forward_norm(ends[0][None]), angles.cos(), angles.sin())[0]
    assert_close(middle[0], wanted)


@pytest.mark.parametrize("with_norm", [True, False])
@pytest.mark.parametrize("place", [AFTER_FEED_FORWARD, AFTER_ATTENTION])
def test_every_cell_holds_what_the_head_makes_of_the_stream_there(tokenizer, place, with_norm):
    model = make(2)
    view = LogitLensView(model, tokenizer, TEXT)
    view.place, view.with_norm = place, with_norm
    ids = tokenizer.encode(TEXT)
    middle, ends = by_hand(model, ids)
    points = ends if place == AFTER_FEED_FORWARD else [ends[0], *middle, ends[-1]]
    for row, x in zip(view.rows, points, strict=True):
        normed = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * model.norm.weight if with_norm else x
        likely, words = (normed @ model.output.weight.T).softmax(-1).sort(descending=True)
        for k, cell in enumerate(row["cells"]):
            assert [piece for piece, _, _ in cell["top"]] == tokenizer.pieces(words[k, :5].tolist())
            assert [p for _, _, p in cell["top"]] == pytest.approx(likely[k, :5].tolist(), abs=6e-4)
            percents = [f"{100 * p:.0f} %" if p >= 0.005 else "< 1 %" for p in likely[k, :5].tolist()]
            assert [percent for _, percent, _ in cell["top"]] == percents
            assert cell["shade"] == cell["top"][0][2]


def test_rows_are_named_and_the_end_is_shown_where_the_last_layer_s_is_not(tokenizer):
    view = LogitLensView(make(2), tokenizer, TEXT)
    assert [row["label"] for row in view.rows] == ["embedding", "layer 0", "layer 1", "layer 2"]
    ends = likeliest(view)[-1]
    view.place = AFTER_ATTENTION
    assert [row["label"] for row in view.rows] == ["embedding", "layer 0", "layer 1", "layer 2", "the end"]
    assert likeliest(view)[-1] == ends


def test_a_word_leads_for_the_first_time_once_in_every_column(tokenizer):
    view = LogitLensView(make(3, tied=True), tokenizer, TEXT)
    words = likeliest(view)
    for column in range(len(view.pieces)):
        told = [words[row][column] for row in range(len(words))]
        cells = [row["cells"][column] for row in view.rows]
        assert [cell["leads"] for cell in cells] == [word == told[-1] for word in told]
        assert [cell["first"] for cell in cells].index(True) == told.index(told[-1])
        assert sum(cell["first"] for cell in cells) == 1


def test_the_note_states_the_loss_and_what_the_model_writes(tokenizer):
    model, ids = make(2), tokenizer.encode(TEXT)
    view = LogitLensView(model, tokenizer, TEXT, max_new_tokens=4)
    chances = model(torch.tensor([ids]))[0].softmax(-1)
    surprise = sum(-chances[k, ids[k + 1]].log().item() for k in range(len(ids) - 1)) / (len(ids) - 1)
    row = list(ids)
    for _ in range(4):
        row.append(int(model(torch.tensor([row]))[0, -1].argmax()))
    written = tokenizer.decode(row).removeprefix(TEXT)
    assert view.note == f"Loss of this text: {surprise:.2f} nats per token. It goes on: {written!r} ..."


def test_a_model_that_ends_the_text_writes_nothing_more(tokenizer):
    model = make(2)
    model.output.weight.zero_()
    model.norm.weight.fill_(1)
    last = torch.stack([x[-1] for x in by_hand(model, tokenizer.encode(TEXT))[1]])  # (n_layers + 1, C)
    model.output.weight[tokenizer.eos_id] = torch.linalg.pinv(last) @ torch.tensor([-1.0, -1.0, -1.0, 1.0])
    view = LogitLensView(model, tokenizer, TEXT)
    assert view.note.endswith("It writes nothing more.")
    assert "&lt;/s&gt;" in view.twin() and "</s>" not in view.twin()
    assert view.describe().endswith("After ▁back comes </s>, which leads for the first time in: layer 2")


def test_a_norm_that_mixes_tokens_is_given_all_of_them(tokenizer):
    class OverTheTokens(nn.Module):
        def forward(self, x):
            return x / x.square().mean(-2, keepdim=True).sqrt()

    model, ids = make(2), tokenizer.encode(TEXT)
    model.norm = OverTheTokens()
    view = LogitLensView(model, tokenizer, TEXT, max_new_tokens=1)
    said = int(model(torch.tensor([ids]))[0, -1].argmax())
    assert f"It goes on: {tokenizer.decode([*ids, said]).removeprefix(TEXT)!r}" in view.note


def test_another_model_is_another_reading(tokenizer):
    right, wrong = make(2), broken(NoSecondResidual, 2)
    view = LogitLensView(right, tokenizer, TEXT, broken={"no second residual": wrong})
    assert view.versions == ["as trained", "no second residual"]
    before, note = likeliest(view), view.note
    view.version = "no second residual"
    assert likeliest(view)[0] == before[0] and likeliest(view)[-1] != before[-1] and view.note != note
    assert "no second residual" in view.describe() and view.note.startswith("No second residual. Loss")
    ids = tokenizer.encode(TEXT)
    wanted = wrong(torch.tensor([ids]))[0].argmax(-1)
    assert likeliest(view)[-1] == tokenizer.pieces(wanted.tolist())


def test_a_model_that_fails_is_reported_and_its_rows_are_gone(tokenizer):
    failing = make(2)
    failing.blocks[1].feed_forward.w_up = nn.Linear(7, 100)
    view = LogitLensView(make(2), tokenizer, TEXT, broken={"wrong width": failing})
    view.version = "wrong width"
    assert view.rows == [] and view.pieces == []
    assert view.note.startswith("RuntimeError: mat1 and mat2 shapes cannot be multiplied")
    assert repr(view) == f"LogitLensView: {view.note}"
    view.version = "as trained"
    assert len(view.rows) == 4


def test_numbers_that_are_none_are_said_to_be_none(tokenizer):
    model = make(2)
    model.blocks[1].feed_forward.w_down.weight.fill_(float("nan"))
    view = LogitLensView(model, tokenizer, TEXT)
    assert view.note.startswith("Some numbers are no numbers (nan).")
    assert view.rows[1]["cells"][0]["shade"] > 0 and view.rows[2]["cells"][0]["shade"] == 0
    assert "nan" not in json.dumps(view.rows).lower()


def test_half_a_character_is_named_and_does_no_harm(tokenizer):
    view = LogitLensView(make(2), tokenizer, "the \ud83e")
    assert view.rows == [] and "lone surrogate" in view.note
    view.text = "the"
    assert len(view.rows) == 4


def test_a_long_text_is_cut_and_the_reader_is_told(tokenizer):
    view = LogitLensView(make(2), tokenizer, "the llama hums " * 30)
    assert len(view.pieces) == 40 and all(len(row["cells"]) == 40 for row in view.rows)
    n_tokens = len(tokenizer.encode("the llama hums " * 30))
    assert view.note.startswith(f"Only the first 40 of {n_tokens} tokens are read. Loss of this text:")


def test_an_empty_text_is_read_as_the_mark_of_its_beginning(tokenizer):
    view = LogitLensView(make(2), tokenizer, "", max_new_tokens=0)
    assert view.pieces == ["<s>"] and view.note == ""
    assert len(view.rows) == 4


def test_a_line_break_has_a_name(tokenizer):
    model = make(2)
    model.output.weight.zero_()
    model.norm.weight.fill_(1)
    [line_break] = tokenizer.encode("\n", bos=False)[1:]
    model.output.weight[line_break] = streams(model, tokenizer.encode("the"))[1][-1][-1]
    assert LogitLensView(model, tokenizer, "the").rows[-1]["cells"][-1]["top"][0][0] == "line break"
    assert LogitLensView(model, tokenizer, "the\n").pieces == ["<s>", "▁the", "line break"]


def test_a_place_that_does_not_exist_is_refused(tokenizer):
    view = LogitLensView(make(2), tokenizer, TEXT)
    with pytest.raises(traitlets.TraitError):
        view.place = "before attention"
    view.version = "another"
    assert view.note == "KeyError: 'another'"


def test_text_and_twin_are_the_same_each_time_and_hold_no_address(tokenizer):
    first, second = (LogitLensView(make(2), tokenizer, TEXT)._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/plain"] == second["text/plain"]
    assert first["text/plain"].startswith(
        "LogitLensView: 5 tokens, 3 layers, as trained, after feed-forward. After ▁back comes "
    )
    assert first["text/html"] == second["text/html"]
    assert not re.search(r"0x[0-9a-f]{6}", first["text/plain"] + first["text/html"])


def test_the_twin_has_a_row_for_each_layer_and_marks_what_is_likely(tokenizer):
    view = LogitLensView(make(2), tokenizer, TEXT)
    rows = [re.findall(r"<t[dh]>(.*?)</t[dh]>", row) for row in view.twin().split("<tr>")[1:]]
    assert rows[0] == ["", "&lt;s&gt;", *view.pieces[1:]]
    assert [row[0] for row in rows[1:]] == [row["label"] for row in view.rows]
    for drawn, row in zip(rows[1:], view.rows, strict=True):
        for text, cell in zip(drawn[1:], row["cells"], strict=True):
            assert text.startswith("◆") is cell["first"]
            assert ("<b>" in text) is (cell["shade"] >= 0.5)
            assert text.endswith("–") is (cell["shade"] < 0.05)


@pytest.mark.parametrize(
    ("p", "first", "drawn"),
    [
        (0.5, False, "<b>a</b>"),
        (0.499, False, "a"),
        (0.05, True, "◆ a"),
        (0.049, False, "–"),
        (0.8, True, "◆ <b>a</b>"),
    ],
)
def test_the_twin_is_bold_from_a_half_and_silent_below_a_twentieth(tokenizer, p, first, drawn):
    view = LogitLensView(make(2), tokenizer, "", max_new_tokens=0)
    cell = {"top": [["a", "", p]], "shade": p, "leads": first, "first": first}
    view.set_trait("rows", [{"label": "layer 0", "cells": [cell]}])
    assert f"<tr><th>layer 0</th><td>{drawn}</td></tr>" in view.twin()


def test_the_twin_and_the_sentence_escape_what_was_typed(tokenizer):
    view = LogitLensView(make(2), tokenizer, EVIL)
    assert "<script" not in view.twin() and "&lt;" in view.twin()
    assert set(re.findall(r"<(\w+)", view.twin())) <= {"p", "table", "tr", "th", "td", "b"}


def test_all_that_is_sent_to_the_browser_is_json_and_small(tokenizer):
    view = LogitLensView(make(2), tokenizer, "the llama hums " * 30)
    sent = view.get_state(["text", "versions", "version", "places", "place", "with_norm", "pieces", "rows", "note"])
    assert json.loads(json.dumps(sent)) == sent
    assert len(json.dumps(sent)) < 60_000
