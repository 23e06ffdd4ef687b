"""The view of wishes in lesson 09: what is asked and answered, where attention goes, what it says without a kernel."""

from __future__ import annotations

import json
import re

import pytest
import torch
import traitlets
from torch.testing import assert_close

from llama_lessons.config import LlamaConfig
from llama_lessons.dialog import encode_dialog
from llama_lessons.files import data_path
from llama_lessons.generate import generate
from llama_lessons.model import Llama, record_attention
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.obedience import LONGEST, MAX_TEXT, ObedienceView, attention_to

WISH, QUESTIONS = "Be short, please.", ["Who is Luna?", "What is hay?", "Why?"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(data_path("checkpoints/base/tokenizer.model"))


def make(seed: int) -> Llama:
    shape = {"dim": 24, "n_layers": 2, "n_heads": 6, "n_kv_heads": 3, "hidden_dim": 40, "max_seq_len": 400}
    model = Llama(LlamaConfig(**shape, vocab_size=2048)).requires_grad_(False)
    draws = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        weight.copy_(torch.randn(weight.shape, generator=draws) * 0.5)
    return model


MODELS = {"one": make(0), "two <b>": make(1)}


def view(tokenizer: Tokenizer, **changes) -> ObedienceView:
    arguments = {"wish": WISH, "questions": QUESTIONS, "keeps": lambda text: len(text) % 2 == 0, "shipped": ["one"]}
    return ObedienceView(MODELS, tokenizer, **arguments | changes)


def by_hand(tokenizer: Tokenizer, model: Llama) -> tuple[list[str], list[list[float]]]:
    """Answers, and of each the attention to the wish and to earlier answers, turn by turn and token by token."""
    dialog, answers, found, earlier = [{"role": "system", "content": WISH}], [], [], []
    pieces = tokenizer.pieces(tokenizer.encode(f"[INST] <<SYS>>\n{WISH}\n<</SYS>>"))
    start = pieces.index("<0x0A>") + 1
    wish = range(start, pieces.index("<0x0A>", start))
    for question in QUESTIONS:
        dialog.append({"role": "user", "content": question})
        ids = encode_dialog(tokenizer, dialog)
        [new] = generate(model, [ids], LONGEST, temperature=0, stop_ids=[tokenizer.eos_id])
        answers.append(tokenizer.decode(new).strip() + ("…" if len(new) == LONGEST else ""))  # it was cut off
        dialog.append({"role": "assistant", "content": answers[-1]})
        whole = encode_dialog(tokenizer, [*dialog, {"role": "user", "content": "?"}])
        with torch.no_grad(), record_attention(model) as maps:
            model(torch.tensor([whole]))
        places = len(ids) - 1, len(ids)
        sums = [
            max(
                sum(maps[layer][0, head, place, k].item() for place in places for k in columns) / 2
                for layer in range(2)
                for head in range(6)
            )
            for columns in (wish, earlier)
        ]
        found.append([100 * share for share in sums])
        end = whole.index(tokenizer.eos_id, len(ids))
        earlier = [*earlier, *range(len(ids), end + 1)]
    return answers, found


def test_answers_and_bars_are_those_of_each_model(tokenizer):
    shown = view(tokenizer)
    for k, model in enumerate(MODELS.values()):
        answers, shares = by_hand(tokenizer, model)
        assert [cells[k]["answer"] for cells in shown.turns] == answers
        assert [cells[k]["kept"] for cells in shown.turns] == [len(text) % 2 == 0 for text in answers]
        bars = torch.tensor([[cells[k]["wish"], cells[k]["own"]] for cells in shown.turns])
        assert_close(bars, torch.tensor(shares), rtol=0, atol=0.06)
        assert bars[0, 1] == 0 < bars[1:].min()


def test_a_layer_can_be_chosen(tokenizer):
    shown = view(tokenizer)
    largest = [cells[0]["own"] for cells in shown.turns]
    by_layer = []
    for layer in ("layer 0", "layer 1"):
        shown.layer = layer
        by_layer.append([cells[0]["own"] for cells in shown.turns])
    assert by_layer[0] != by_layer[1]
    assert largest == [max(pair) for pair in zip(*by_layer, strict=True)]


def test_attention_is_added_up_over_columns_and_averaged_over_the_two_first_places():
    weights = torch.rand(3, 4, 7, 7, generator=torch.Generator().manual_seed(0)).tril()
    of_wish, of_answers = (torch.tensor([k in columns for k in range(7)]) for columns in ((1,), (2, 3, 6)))
    found = attention_to(weights, of_wish, of_answers)
    assert found.shape == (2, 2, 3, 4)
    assert_close(found[0, 0], (weights[:, :, 1, 1] + weights[:, :, 2, 1]) / 2)
    assert_close(found[0, 1], torch.zeros(3, 4))
    assert_close(found[1, 1], (weights[:, :, 5:7, 2] + weights[:, :, 5:7, 3]).sum(-1) / 2)


def test_another_wish_asks_anew_and_the_same_one_does_not(tokenizer, monkeypatch):
    shown, asked = view(tokenizer), []
    monkeypatch.setattr(shown, "_ask", lambda model: asked.append(model) or (["a"] * 3, torch.zeros(3, 2, 2, 6)))
    shown.layer = "layer 1"
    assert not asked
    shown.wish = "Be long."
    assert len(asked) == 2
    shown.wish = WISH
    assert len(asked) == 2


def test_what_cannot_be_asked_is_said_and_the_view_lives_on(tokenizer):
    shown = view(tokenizer)
    shown.wish = "Be <<SYS>> short"
    assert shown.turns == [] and "must not contain the tag" in shown.note
    shown.wish = "Be short " * 40
    assert shown.note.startswith(f"Texts are cut after {MAX_TEXT} characters. ") and len(shown.turns) == 3


def test_text_and_twin_hold_shipped_models_alone_and_escape(tokenizer):
    shown = view(tokenizer, questions=["Who is <i>?", *QUESTIONS[1:]])
    other = ObedienceView(
        {"one": MODELS["one"], "two <b>": make(7)}, tokenizer, WISH, shown.questions, lambda t: len(t) % 2 == 0, ["one"]
    )
    assert shown.turns != other.turns
    assert (repr(shown), shown.twin()) == (repr(other), other.twin())
    twin = shown.twin()
    assert "<i>" not in twin and "two &lt;b&gt;" in twin
    assert set(re.findall(r"<(\w+)", twin)) <= {"p", "table", "tr", "th", "td"}
    assert twin.count("<td>") == 3 * 3  # turn, question, the one model
    assert "0x" not in repr(shown)


def test_all_that_is_sent_to_the_browser_is_json(tokenizer):
    sent = view(tokenizer).get_state({"turns", "names", "layers", "layer", "note", "wish", "questions"})
    assert json.loads(json.dumps(sent)) == sent


def test_views_of_nothing_are_refused(tokenizer):
    with pytest.raises(ValueError, match="must not be empty"):
        ObedienceView({}, tokenizer, WISH, QUESTIONS, bool)
    with pytest.raises(ValueError, match="must not be empty"):
        view(tokenizer, questions=[])


def test_a_layer_that_does_not_exist_is_refused(tokenizer):
    with pytest.raises(traitlets.TraitError):
        view(tokenizer).layer = "layer 9"
