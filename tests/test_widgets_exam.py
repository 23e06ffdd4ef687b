"""The views of lesson 11: twelve protocols and an error browser say what the scores are, and text stays text."""

from __future__ import annotations

import json

import pytest
import torch
import traitlets

from llama_lessons.checkpoints import load
from llama_lessons.config import LlamaConfig
from llama_lessons.evaluation import multiple_choice
from llama_lessons.files import data_path
from llama_lessons.mmlu import MMLU, Item
from llama_lessons.model import Llama
from llama_lessons.score import Score
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets import exam_sheets
from llama_lessons.widgets.exam_errors import ALL, APART, NOTHING, ErrorBrowser
from llama_lessons.widgets.exam_sheets import MMLUS_OWN, PROTOCOLS, answer_sheet, closest, moved, ranks, said_next
from llama_lessons.widgets.protocols import START, ProtocolsView
from llama_lessons.world import Exam

EVIL = "<script>alert('a')</script>"
ITEMS = [
    Item("law", "Who may hum?", ("all", "none", "some llamas", "few"), 2),
    Item("law", "Who may spit?", ("nobody", "all llamas", "none", "some"), 1),
    Item("law", f"May one? {EVIL}", ("no", "yes", "often", "few"), 0),
]
EXAMPLES = [Item("law", f"Number {k}?", ("one", "two", "all", "none"), k % 4) for k in range(5)]


@pytest.fixture(scope="module")
def tok(tmp_path_factory) -> Tokenizer:
    lines = ["Who may hum? Answer: all llamas", "May one? A. some B. few C. none D. nobody Answer: B"] * 9
    lines += [f"Answer: {letter} ({letter}) Answer:{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    return Tokenizer.train(lines, 400, tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")


def make(tok: Tokenizer, seed: int) -> Llama:
    torch.manual_seed(seed)
    shape = {"dim": 24, "n_layers": 2, "n_heads": 6, "n_kv_heads": 3, "hidden_dim": 40, "max_seq_len": 900}
    model = Llama(LlamaConfig(vocab_size=tok.vocab_size, **shape)).requires_grad_(False)
    for weight in model.parameters():
        weight.mul_(4)
    return model


@pytest.fixture(scope="module")
def model(tok) -> Llama:
    return make(tok, 0)


@pytest.fixture(scope="module")
def sheet(model, tok):
    return answer_sheet(model, tok, MMLU(ITEMS, EXAMPLES))


def by_hand(model: Llama, tok: Tokenizer, text: str, follows: str) -> float:
    """The log-probability of what follows a text, token by token."""
    read, ids, total = tok.encode(text), tok.encode(text + follows), 0.0
    for k in range(len(read), len(ids)):
        total += float(model(torch.tensor([ids[:k]]))[0, -1].log_softmax(-1)[ids[k]])
    return total


def test_there_are_twelve_and_each_has_a_number_for_every_choice(sheet):
    assert len(PROTOCOLS) == 12 and set(sheet) == set(PROTOCOLS) and MMLUS_OWN == "letter before, with blank, 5 shots"
    assert all([len(row) for row in rows] == [4, 4, 4] for rows in sheet.values())


@pytest.mark.parametrize("shots", [0, 5])
def test_letters_are_read_behind_the_sheet_with_and_without_a_blank(model, tok, sheet, shots):
    exam = MMLU(ITEMS, EXAMPLES)
    for position in ("before", "after"):
        prompt = exam.prompt(ITEMS[1], shots)
        if position == "after":
            for letter in "ABCD":
                prompt = "\n".join(
                    f" {line[3:]} ({letter})" if line.startswith(f"{letter}. ") else line for line in prompt.split("\n")
                )
        for blank, name in ((" ", "with"), ("", "without")):
            wanted = [by_hand(model, tok, prompt, f"{blank}{letter}") for letter in "ABCD"]
            assert sheet[f"letter {position}, {name} blank, {shots} shots"][1] == pytest.approx(wanted, abs=1e-3)


def test_texts_are_weighed_in_four_ways(model, tok, sheet):
    for k, item in enumerate(ITEMS):
        prompt = f"Question: {item.question}\nAnswer:"
        sums = [by_hand(model, tok, prompt, f" {choice}") for choice in item.choices]
        alone = [by_hand(model, tok, "Answer:", f" {choice}") for choice in item.choices]
        n_tokens = [len(tok.encode(f"{prompt} {choice}")) - len(tok.encode(prompt)) for choice in item.choices]
        assert len(set(n_tokens)) > 1  # or the weights would not differ
        assert sheet["text, sum"][k] == pytest.approx(sums, abs=1e-3)
        tokens = [s / n for s, n in zip(sums, n_tokens, strict=True)]
        assert sheet["text, per token"][k] == pytest.approx(tokens, abs=1e-3)
        in_bytes = [s / len(choice.encode()) for s, choice in zip(sums, item.choices, strict=True)]
        assert sheet["text, per byte"][k] == pytest.approx(in_bytes, abs=1e-3)
        against = [s - p for s, p in zip(sums, alone, strict=True)]
        assert sheet["text, against the answer alone"][k] == pytest.approx(against, abs=1e-3)


def test_the_packages_own_scores_are_two_of_the_twelve(model, tok, sheet):
    exam = MMLU(ITEMS, EXAMPLES)
    assert exam_sheets.score(ITEMS, sheet[MMLUS_OWN]) == multiple_choice(model, tok, exam, 5, "letter")
    assert exam_sheets.score(ITEMS, sheet["text, per token"]) == multiple_choice(model, tok, exam, 0, "text")


def test_more_texts_than_are_read_at_once_keep_their_order(model, tok):
    texts = [tok.encode("Who may hum?")[: 2 + k % 5] for k in range(70)]
    found = said_next(model, texts)
    for text, row in zip(texts, found, strict=True):
        torch.testing.assert_close(row, model(torch.tensor([text]))[0, -1].log_softmax(-1), rtol=1e-4, atol=1e-4)


def test_only_choices_are_moved():
    text = "About A. law.\n\nWho?\nA. hay, dry\nB. A. twice\nAnswer: B"
    assert moved(text, "before the choice") == text
    assert moved(text, "after the choice") == "About A. law.\n\nWho?\n hay, dry (A)\n A. twice (B)\nAnswer: B"


def test_ranks_and_gaps():
    assert ranks([0.5, 0.7, 0.5, 0.1]) == [2, 1, 2, 4]
    assert closest([[1.0, 3.0, 2.5], [0.0, -4.0, -9.0]]) == 0.5


def made_up(answers: list[int]) -> dict:
    """A sheet on which these choices are chosen, in every protocol."""
    return {name: [[-1.0 - (k != a) * (2 + k) for k in range(4)] for a in answers] for name in PROTOCOLS}


@pytest.fixture
def sheets() -> dict:
    other = made_up([2, 0, 0])
    other["text, sum"] = made_up([0, 0, 1])["text, sum"]
    return {"base": made_up([2, 1, 3]), "chat <b>": other}


@pytest.mark.parametrize("name", ["base", "chat", "rlhf"])
def test_no_answer_of_the_lesson_hangs_on_a_rounding(name):
    """What the views print must be the same on every processor: the second choice never comes as near as 5e-5."""
    folder = data_path("checkpoints/base").parent / name
    if not folder.exists():
        pytest.skip(f"{folder} is not there")
    exam = Exam()
    exam.items = [item for item in exam.items if "sums" not in item.subject][2::4]
    sheet = answer_sheet(load(folder, dtype=torch.float32), Tokenizer(folder / "tokenizer.model"), exam)
    assert {protocol: gap for protocol, rows in sheet.items() if (gap := closest(rows)) < 5e-5} == {}


def test_the_menus_choose_a_protocol_and_the_bars_follow(sheets):
    view = ProtocolsView(ITEMS, sheets)
    assert view.protocol == MMLUS_OWN and view.by_letter
    assert [(bar["name"], bar["rank"]) for bar in view.bars] == [("base", 1), ("chat <b>", 1)]
    assert view.bars[0]["share"] == pytest.approx(66.67) and view.chance == 25
    view.way, view.normaliser = "its text", "sum"
    assert view.protocol == "text, sum" and not view.by_letter
    assert [(bar["name"], bar["rank"]) for bar in view.bars] == [("base", 1), ("chat <b>", 2)]
    assert [row["name"] for row in view.table if row["chosen"]] == ["text, sum"]
    assert view.table[-4]["cells"] == [{"text": "0.67", "rank": 1}, {"text": "0.00", "rank": 2}]
    assert view.note == "base against chat <b>: right alone 2 to 0 times, p = 0.50."
    low, high = view.bars[1]["low"], view.bars[1]["high"]
    assert (low, high) == pytest.approx((100 * Score.of(0, 3).low, 100 * Score.of(0, 3).high), abs=0.01)


def test_every_protocol_can_be_chosen(sheets):
    view, seen = ProtocolsView(ITEMS, sheets), set()
    for name, values in view.options.items():
        assert START[name] in values
    for position in view.options["position"]:
        for token in view.options["token"]:
            for shots in view.options["shots"]:
                view.position, view.token, view.shots = position, token, shots
                seen.add(view.protocol)
    view.way = "its text"
    for normaliser in view.options["normaliser"]:
        view.normaliser = normaliser
        seen.add(view.protocol)
    assert seen == set(PROTOCOLS)
    with pytest.raises(traitlets.TraitError):
        view.way = "its colour"


def test_the_browser_shows_the_questions_of_a_kind(sheets):
    view = ErrorBrowser(ITEMS, sheets)
    assert view.kinds == [ALL, "wrong by base", "wrong by chat <b>", APART] and view.count == 3
    view.kind = "wrong by base"
    assert view.shown() == [2] and view.question.startswith("law: May one?")
    view.kind = APART
    assert view.shown() == [1, 2]
    view.place = 1
    assert view.note == "Question 2 of 2. Right is A, no; base gave D, few; chat <b> gave A, no."
    assert [choice["right"] for choice in view.choices] == [True, False, False, False]
    assert [[cell["chosen"] for cell in choice["cells"]] for choice in view.choices][::3] == [
        [False, True], [True, False],
    ]  # fmt: skip
    view.kind = "wrong by base"
    assert view.place == 0  # there is no second one


def test_shares_of_the_four_add_up_and_scores_are_shown_as_they_are(sheets):
    view = ErrorBrowser(ITEMS, sheets, "text, sum")
    widths = [choice["cells"][0]["width"] for choice in view.choices]
    assert sum(widths) == pytest.approx(100, abs=0.3)
    assert view.choices[2]["cells"][0]["text"] == "-1.00"


def test_where_nobody_is_wrong_it_says_so(sheets):
    view = ErrorBrowser(ITEMS[:1], {"base": made_up([2])})
    view.kind = "wrong by base"
    assert (view.count, view.choices, view.question) == (0, [], NOTHING)
    assert "none of 1" in view.note


@pytest.mark.parametrize("make_view", [ProtocolsView, ErrorBrowser])
def test_text_is_escaped_and_the_same_twice(make_view, sheets):
    views = [make_view(ITEMS, sheets) for _ in range(2)]
    for view in views:
        if isinstance(view, ErrorBrowser):
            view.place = 2
    bundles = [view._repr_mimebundle_()[0] for view in views]
    assert bundles[0]["text/html"] == bundles[1]["text/html"] and repr(views[0]) == repr(views[1])
    assert "<script>" not in bundles[0]["text/html"] and "<b>" not in bundles[0]["text/html"]
    json.dumps(views[0].get_state(), default=str)


@pytest.mark.parametrize("make_view", [ProtocolsView, ErrorBrowser])
def test_without_a_model_there_is_no_view(make_view):
    with pytest.raises(ValueError, match="sheets must hold at least one model's"):
        make_view(ITEMS, {})
