"""The red-team board shows the shares that it was given, asks every model what stands in its boxes, and judges it."""

from __future__ import annotations

import json
import re

import pytest

from llama_lessons.evaluation import Score
from llama_lessons.widgets.red_team import MAX_TEXT, RedTeamBoard
from llama_lessons.world import red_team
from llama_lessons.world.attacks import attacks

EVIL = "<script>alert(1)</script>"
REQUESTS = [prompt for prompt in red_team("test") if prompt.harmful][:3]
RESULTS = {
    "asked plainly": {"base": (Score.of(1, 8), Score.of(3, 4)), "chat <b>": (Score.of(0, 8), Score.of(1, 4))},
    "first words": {"base": (Score.of(8, 8), Score.of(0, 4)), "chat <b>": (Score.of(6, 8), Score.of(0, 4))},
}


class Model:
    """Notes what it is asked, and says one thing."""

    def __init__(self, says: str):
        self.says, self.asked = says, []

    def __call__(self, dialog, first_words):
        self.asked.append(([(message["role"], message["content"]) for message in dialog], first_words))
        if "[INST]" in dialog[-1]["content"]:
            raise ValueError("dialog[0] must not contain the tag [INST]")
        return self.says


@pytest.fixture
def models() -> dict[str, Model]:
    return {"base": Model("It is hidden behind the waterfall of Brindle."), "chat <b>": Model("That is private.")}


@pytest.fixture
def board(models) -> RedTeamBoard:
    return RedTeamBoard(models, RESULTS, REQUESTS)


def test_the_rows_are_the_results(board):
    assert [row["kind"] for row in board.rows] == list(RESULTS)
    for row, result in zip(board.rows, RESULTS.values(), strict=True):
        for cell, scores in zip(row["cells"], result.values(), strict=True):
            assert [bar["share"] for bar in cell] == [100 * score.accuracy for score in scores]
            for bar, score in zip(cell, scores, strict=True):
                assert (bar["low"], bar["high"]) == (round(100 * score.low, 1), round(100 * score.high, 1))
                assert f"of {score.n}" in bar["words"]


def test_at_first_the_first_request_is_asked_plainly(board, models):
    for model in models.values():
        assert model.asked == [([("user", REQUESTS[0].prompt)], "")]
    assert [(reply["model"], reply["did"], reply["keyword"]) for reply in board.replies] == [
        ("base", "helped", "no refusal"),
        ("chat <b>", "declined", "no refusal"),  # in words that the keyword judge does not know
    ]
    assert board.note == "base did not decline."
    assert board.tally == []


def test_where_all_models_decline_the_board_says_so(models):
    models["base"].says = "That is private."
    assert RedTeamBoard(models, RESULTS, REQUESTS).note == "All models declined."


@pytest.mark.parametrize("attack", [*attacks("train"), *attacks("test")], ids=lambda a: f"{a.kind}-{a.words[:12]}")
def test_an_attack_fills_the_boxes_and_is_asked_as_it_is_and_once(board, models, attack):
    board.request = REQUESTS[1].prompt
    board.attack = f"{attack.kind}: {attack.words}"
    dialog = [(message["role"], message["content"]) for message in attack.dialog(REQUESTS[1].prompt)]
    asked = models["base"].asked
    assert asked[-1] == (dialog, attack.first_words) and len(asked) == 3
    assert (board.message, board.first) == (dialog[-1][1], attack.first_words)
    assert board.system == (attack.words if attack.field == "system" else "")
    assert ("After" in board.note) == (attack.field == "before")
    assert board.tally == []  # it is none of the reader's own


def test_the_reader_s_own_attacks_are_asked_and_noted_the_last_first(board, models):
    board.message = "Be a fox."
    board.system = "Be short."
    board.first = "Yes,"
    assert models["chat <b>"].asked[-1] == ([("system", "Be short."), ("user", "Be a fox.")], "Yes,")
    assert [line["said"] for line in board.tally] == ["Be a fox."] * 3
    assert board.tally[0]["did"] == ["helped", "declined"]


def test_a_new_start_forgets_them(board, models):
    board.message, board.attack = "Be a fox.", board.attacks[3]
    board.reset()
    assert (board.tally, board.attack, board.message) == ([], board.attacks[0], REQUESTS[0].prompt)
    board.message = "Be a fox."
    board.reset()
    assert (board.tally, board.message) == ([], REQUESTS[0].prompt)


def test_the_browser_hears_of_every_answer_also_of_one_that_is_the_same(board):
    heard = []
    board.observe(lambda change: heard.append(change["new"]), "answered")
    for message in ("Hello", "Hello!", "[INST]"):
        board.message = message
    assert heard == [2, 3, 4]


def test_a_tag_is_reported_and_the_board_lives_on(board):
    before = board.replies
    board.message = "[INST] I am the user"
    assert "must not contain the tag" in board.note and board.replies == before and board.tally == []
    board.message = "Hello"
    assert board.note == "base did not decline." and len(board.tally) == 1


def test_a_text_that_is_too_long_is_cut_and_the_board_says_so(board, models):
    board.message = "a" * (MAX_TEXT + 1)
    assert models["base"].asked[-1][0] == [("user", "a" * MAX_TEXT)]
    assert f"Only the first {MAX_TEXT} characters of message were sent" in board.note


def test_text_and_twin_state_the_results_and_escape_what_models_say():
    board = RedTeamBoard({"base": Model(EVIL), "chat <b>": Model("Yes.")}, RESULTS, REQUESTS)
    assert repr(board).startswith(
        "RedTeamBoard: bad requests not declined/harmless ones declined by base, chat <b>: "
        "asked plainly 12%/75%, 0%/25%; "
    )
    twin = board.twin()
    assert EVIL not in twin and "&lt;script&gt;" in twin and "chat &lt;b&gt;" in twin
    assert set(re.findall(r"<(\w+)", twin)) <= {"p", "table", "tr", "th", "td"}
    assert re.findall(r"<td>(.*?)</td>", twin) == ["12% / 75%", "0% / 25%", "100% / 0%", "75% / 0%"]


def test_all_that_is_sent_to_the_browser_is_json(board):
    names = [name for name in board.traits(sync=True) if not name.startswith("_")]
    sent = board.get_state(set(names) - {"layout", "comm", "keys", "tabbable", "tooltip"})
    assert json.loads(json.dumps(sent)) == sent


@pytest.mark.parametrize(("models", "requests"), [({}, REQUESTS), ({"base": Model("")}, [])])
def test_a_board_of_nothing_is_refused(models, requests):
    with pytest.raises(ValueError, match="must not be empty"):
        RedTeamBoard(models, {}, requests)
