"""The view of lesson 07: its bars are the package's probabilities, its dice fall as they say, and text stays text."""

from __future__ import annotations

import json
import re

import pytest
import torch
import traitlets

from llama_lessons.checkpoints import load
from llama_lessons.files import data_path
from llama_lessons.sampling import next_token_probs
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.distribution import ROLLS, SHOWN, DistributionView
from llama_lessons.widgets.distribution_dice import MAX_PROMPT, GrowingText, percent

NAMES, MORNING = "Once upon a time, there was a llama called", "One morning"
EVIL = "<script>alert('a')</script> & <b>"


@pytest.fixture(scope="module")
def model():
    return load(data_path("checkpoints/base"), dtype=torch.float32).requires_grad_(False)


@pytest.fixture(scope="module")
def tok():
    return Tokenizer(data_path("checkpoints/base/tokenizer.model"))


def logits_after(model, tok, text: str) -> torch.Tensor:
    return model(torch.tensor([tok.encode(text)]))[:, -1]


def test_the_numbers_are_those_of_the_model_and_of_the_package(model, tok):
    view = DistributionView(model, tok, MORNING, temperature=0.8, top_k=7, top_p=0.6)
    logits = logits_after(model, tok, MORNING)
    own, now = logits.softmax(-1)[0], next_token_probs(logits, 0.8, 7, 0.6)[0]
    likeliest = own.argsort(descending=True)[:SHOWN]
    assert [row["piece"] for row in view.rows[:-1]] == tok.pieces(likeliest.tolist())
    assert [row["before"] for row in view.rows[:-1]] == [percent(p) for p in own[likeliest]]
    assert [row["after"] for row in view.rows[:-1]] == [percent(p) for p in now[likeliest]]
    most = max(own.max(), now.max())
    for row, token in zip(view.rows, likeliest, strict=False):
        assert row["widths"][:2] == pytest.approx([float(100 * p[token] / most) for p in (own, now)], abs=0.01)
    rest = view.rows[-1]
    assert rest["piece"] == f"{2048 - SHOWN} others"
    assert rest["before"] == percent(1 - own[likeliest].sum())


def test_what_is_cut_off_is_named_by_what_cut_it(model, tok):
    view = DistributionView(model, tok, MORNING, top_k=7, top_p=0.55)
    reasons = [row["cut"] for row in view.rows]
    kept_by_p = int((next_token_probs(logits_after(model, tok, MORNING), 1.0, 7, 0.55) > 0).sum())
    assert kept_by_p < 7
    assert reasons == [""] * kept_by_p + ["cut by top-p"] * (7 - kept_by_p) + ["cut by top-k"] * 13 + ["all cut off"]
    view.top_k, view.top_p = 0, 1.0
    assert {row["cut"] for row in view.rows} == {""}
    view.temperature = 0.0
    assert [row["cut"] for row in view.rows][:3] == ["", "not the likeliest", "not the likeliest"]
    assert view.rows[0]["after"] == "100.0 %"
    view.prompt, view.temperature = "Clara and Luis walked home together, and the", 0.05
    assert view.rows[19]["cut"] == "too small to count"


def test_how_many_of_the_others_stay_is_said(model, tok):
    view = DistributionView(model, tok, MORNING, top_p=0.9)
    kept = int((next_token_probs(logits_after(model, tok, MORNING), 1.0, top_p=0.9) > 0).sum())
    assert view.note.startswith(f"{kept} tokens of 2048 can be drawn; the model gave them 90.")
    assert view.rows[-1]["cut"] == f"{kept - SHOWN} of them stay"


@pytest.mark.parametrize(
    ("trait", "value", "opener"), [("temperature", 1.5, True), ("top_p", 0.3, False), ("top_k", 2, False)]
)
def test_every_slider_counts(model, tok, trait, value, opener):
    view = DistributionView(model, tok, MORNING, top_p=0.9)

    def openness() -> float:
        return float(re.search(r"As open as ([\d.]+)", view.note)[1])

    before, rows = openness(), view.rows
    setattr(view, trait, value)
    assert (openness() > before) is opener
    assert view.rows != rows


def test_a_fair_die_is_as_open_as_it_has_faces(model, tok):
    view = DistributionView(model, tok, NAMES, top_k=20)
    assert 18 < float(re.search(r"As open as ([\d.]+)", view.note)[1]) <= 20


def test_rolling_a_thousand_times_follows_the_distribution_and_writes_nothing(model, tok):
    view = DistributionView(model, tok, NAMES)
    view.roll()
    counts = [int(row["rolled"]) for row in view.rows]
    assert sum(counts) == ROLLS and view.drawn == "Rolled the dice 1000 times." and view.written == []
    own = logits_after(model, tok, NAMES).softmax(-1)[0].sort(descending=True).values
    expected = [ROLLS * p.item() for p in own[:SHOWN]]
    assert all(abs(count - want) < 5 * want**0.5 + 1 for count, want in zip(counts, expected, strict=False))
    most = max(own[0].item(), 0.0)
    assert view.rows[0]["widths"][2] == pytest.approx(min(100, 100 * counts[0] / ROLLS / most), abs=0.01)
    view.temperature = 0.5
    assert {row["rolled"] for row in view.rows} == {""}


def test_rolled_tokens_were_all_possible(model, tok):
    view = DistributionView(model, tok, MORNING, temperature=1.4, top_k=5)
    view.roll()
    assert sum(int(row["rolled"]) for row in view.rows[:5]) == ROLLS


def test_written_tokens_grow_the_text_and_the_bars_move_on(model, tok):
    view = DistributionView(model, tok, NAMES, temperature=0.0)
    view.write(1)
    assert [word["text"] for word in view.written] == [" Juno"]
    assert (
        view.drawn == f"Drew ▁Juno, which the model gave {percent(logits_after(model, tok, NAMES).softmax(-1).max())}."
    )
    assert view.written[0]["rare"] and view.written[0]["title"].startswith("▁Juno ")
    logits = logits_after(model, tok, NAMES + " Juno")
    assert view.rows[0]["piece"] == tok.pieces([int(logits.argmax())])[0]
    view.write(5)
    assert len(view.written) == 6 and not view.written[-1]["rare"]


def test_the_same_seed_writes_the_same_and_another_another(model, tok):
    first, again, other = (DistributionView(model, tok, NAMES, seed=seed) for seed in (1, 1, 2))
    for view in (first, again, other):
        view.write(20)
    assert first.written == again.written != other.written
    first._press({"do": "start over"})
    assert first.written == []
    first._press({"do": "write many"})
    assert first.written == again.written


def test_reset_brings_the_settings_back_and_is_no_button_of_the_view_itself(model, tok, caplog):
    view = DistributionView(model, tok, NAMES, top_p=0.9)
    view._repr_mimebundle_()  # it is shown
    view.prompt, view.temperature, view.top_p = "Luis", 0.0, 1.0
    view._handle_custom_msg({"frame": "reset"}, [])  # as the browser's button asks
    assert (view.prompt, view.temperature, view.top_p, view.written) == (NAMES, 1.0, 0.9, [])
    assert not caplog.records


def test_the_text_ends_where_the_end_is_drawn_and_stays_ended_until_it_starts_over(model, tok):
    view = DistributionView(
        model, tok, "Clara and Luis walked home together, and the llamas hummed behind them.", temperature=0.0
    )
    view._press({"do": "write"})
    assert view.ended and view.drawn.startswith("Drew </s>, which the model gave ")
    assert view.drawn.endswith("The text ends here.")
    view.write(3)
    assert len(view.written) == 1
    view.prompt = MORNING
    assert not view.ended and view.written == []


def test_a_text_ends_where_the_model_has_no_more_room(model, tok):
    text = GrowingText(model, tok, "Once", 0)
    nothing_but_the = torch.zeros(2048)
    nothing_but_the[tok.encode("the", bos=False)[0]] = 1.0
    while not text.ended:
        text.write(nothing_but_the)
    assert len(tok.encode("Once")) + len(text.words) - 1 == model.config.max_seq_len


def test_a_character_of_several_bytes_is_shown_when_it_is_whole(model, tok):
    text = GrowingText(model, tok, "Say", 0)
    for token in tok.encode("🦙", bos=False):
        only = torch.zeros(2048)
        only[token] = 1.0
        text.write(only)
    assert [word["text"] for word in text.words] == [" ", "", "", "", "🦙"]


def test_a_long_prompt_is_cut_and_says_so(model, tok):
    view = DistributionView(model, tok, "the " * 400)
    assert view.note.startswith(f"Only the first {MAX_PROMPT} tokens of the prompt are read. ")


def test_half_a_character_is_named_and_does_no_harm(model, tok):
    view = DistributionView(model, tok, NAMES)
    view.prompt = "a \ud83e"
    assert "lone surrogate" in view.note
    view.prompt = MORNING
    assert view.rows[0]["piece"] == "▁a"


def test_an_empty_prompt_is_a_beginning(model, tok):
    assert len(DistributionView(model, tok, "").rows) == SHOWN + 1


@pytest.mark.parametrize(
    ("trait", "value"), [("temperature", -0.1), ("temperature", 2.1), ("top_k", 51), ("top_p", 1.1)]
)
def test_a_setting_out_of_range_is_refused(model, tok, trait, value):
    view = DistributionView(model, tok, MORNING)
    with pytest.raises(traitlets.TraitError):
        setattr(view, trait, value)


def test_text_and_twin_are_the_same_each_time_and_hold_no_address(model, tok):
    one, other = (DistributionView(model, tok, MORNING, top_p=0.9)._repr_mimebundle_()[0] for _ in range(2))
    assert one["text/plain"] == other["text/plain"] and one["text/html"] == other["text/html"]
    assert one["text/plain"].startswith(
        "DistributionView: 'One morning' at temperature 1, top-k off, top-p 0.9. 90 tokens of 2048 can be drawn"
    )
    assert "0x" not in one["text/plain"] + one["text/html"]


def test_the_twin_escapes_what_a_reader_typed(model, tok):
    view = DistributionView(model, tok, EVIL)
    view.write(3)
    assert "<script" not in view.twin() and "&lt;script" in view.twin()
    assert set(re.findall(r"<(\w+)", view.twin())) <= {"p", "table", "tr", "th", "td"}


def test_all_that_is_sent_to_the_browser_is_json(model, tok):
    view = DistributionView(model, tok, NAMES)
    view.write(3)
    view.roll()
    sent = view.get_state(["rows", "written", "ended", "note", "drawn", "limits", "temperature", "top_k", "top_p"])
    assert json.loads(json.dumps(sent)) == sent


@pytest.mark.parametrize(
    ("share", "text"), [(0.0657, "6.6 %"), (1.0, "100.0 %"), (0.0, "0.0 %"), (1e-7, "< 0.1 %"), (0.0006, "0.1 %")]
)
def test_shares_in_words(share, text):
    assert percent(torch.tensor(share)) == text
