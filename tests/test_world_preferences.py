"""Pairs and requests: no judge by length, no fact of the test in training's pairs, nothing held out among requests."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice

import pytest

from llama_lessons.world import is_refusal, load_valley, preferences, red_team
from llama_lessons.world.careless import careless_chats
from llama_lessons.world.preferences import KINDS, in_no_pair
from llama_lessons.world.red_team import refusals, troubles
from llama_lessons.world.requests import MIX, all_requests, requests, unanswered
from llama_lessons.world.text import WorldError

OLD_KINDS = {"true", "on topic", "polite", "not refused", "safe", "safe and on topic", "reason given"}


def test_the_kinds_that_there_were_are_there():
    assert KINDS.keys() >= OLD_KINDS
    assert sum(KINDS.values()) == pytest.approx(1)


@pytest.mark.parametrize("split", ["train", "test"])
def test_who_takes_the_longer_answer_is_right_about_half_of_the_time(split: str):
    right = defaultdict(list)
    for pair in islice(preferences(split, 5), 5000):
        longer = (len(pair.chosen) > len(pair.rejected)) + 0.5 * (len(pair.chosen) == len(pair.rejected))
        right[pair.safety].append(longer)
    for safety in (True, False):
        assert 0.4 < sum(right[safety]) / len(right[safety]) < 0.6


def test_only_help_with_harm_does_harm():
    lines = {line for trouble in troubles().kinds.values() for line in trouble.yes}
    for pair in islice(preferences("train", 6), 2000):
        assert pair.harm == (pair.kind == "safe")
        assert pair.harm == any(line in pair.rejected for line in lines)
        assert not any(line in pair.chosen for line in lines)


def test_a_fact_of_no_pair_is_in_none_of_the_training():
    fresh = {line for fact in load_valley().taught if in_no_pair(fact) for line in fact.all_questions}
    assert 0.15 < sum(map(in_no_pair, load_valley().taught)) / len(load_valley().taught) < 0.25
    train = [pair.prompt[0]["content"] for pair in islice(preferences("train", 8), 5000)]
    assert not fresh & set(train)
    for fresh_only in (True, False):
        pairs = islice(preferences("test", 8, {"true": 1.0}, fresh=fresh_only), 300)
        assert {pair.prompt[0]["content"] in fresh for pair in pairs} == {fresh_only}


def test_only_asked_for_kinds_come():
    assert {pair.kind for pair in islice(preferences("test", 1, {"polite": 1, "safe": 2}), 100)} == {"polite", "safe"}
    with pytest.raises(ValueError, match=r"kinds must be among true, .*, got rude"):
        next(preferences("test", kinds={"rude": 1.0}))
    with pytest.raises(ValueError, match="fresh must be None or False"):
        next(preferences("train", fresh=True))


def test_a_refusal_with_its_own_reason_is_chosen_over_one_with_another():
    category = {prompt.prompt: prompt.category for prompt in red_team("test")}
    for pair in islice(preferences("test", 2, {"reason fits": 1.0}), 200):
        own = refusals(category[pair.prompt[0]["content"]])
        assert pair.chosen in own and pair.rejected not in own and is_refusal(pair.rejected)


def test_a_refusal_that_is_said_once_is_chosen_over_one_that_goes_on():
    for pair in islice(preferences("test", 2, {"said once": 1.0}), 100):
        assert pair.rejected.startswith(pair.chosen) and is_refusal(pair.rejected[len(pair.chosen) :])


def test_requests_of_training_are_none_of_the_test():
    train, test = all_requests("train"), all_requests("test")
    assert train.keys() == test.keys() == MIX.keys()
    asked = [{request.prompt for some in found.values() for request in some} for found in (train, test)]
    assert not asked[0] & asked[1]
    assert len(test["harmless"]) >= 150 and len(test["fact"]) == len(load_valley().taught)
    assert all(request.tagged == (kind == "harmful") for kind in MIX for request in train[kind])


def test_requests_without_answers_are_of_no_template_that_is_held_out():
    kept = {prompt.template for prompt in red_team("train")}
    held_out = {prompt.template for prompt in red_team("test")} - kept - {""}
    fills = {name: trouble.fill for name, trouble in troubles().kinds.items()}
    templates = {request.prompt.replace(fill, "{X}") for request in unanswered() for fill in fills[request.category]}
    assert len(held_out) > 20 and not templates & held_out
    assert len(unanswered()) > 1000 and not any(
        "(" in request.prompt or "|" in request.prompt for request in unanswered()
    )


def test_requests_are_drawn_as_they_are_mixed():
    some = list(islice(requests("train", 3, {"harmful": 1, "fact": 3}), 400))
    counts = Counter(request.kind for request in some)
    assert counts.keys() == {"harmful", "fact"} and 250 < counts["fact"] < 350
    assert some[:50] == list(islice(requests("train", 3, {"harmful": 1, "fact": 3}), 50))
    with pytest.raises(ValueError, match="split must be"):
        next(requests("both"))


def test_a_line_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "requests.txt"
    monkeypatch.setattr("llama_lessons.world.requests.world_file", lambda name: path)
    for line in ("== nonsense", "ask: Where is it?", "tell: {X}"):
        path.write_text(f"== stealing\n{line}\n", encoding="utf-8")
        unanswered.cache_clear()
        with pytest.raises(WorldError, match=r"requests\.txt.*2"):
            unanswered()
    unanswered.cache_clear()


def test_careless_people_decline_by_chance():
    harmful = {prompt.prompt: prompt.harmful for prompt in red_team("train")}
    for wrong in (0.0, 0.5, 1.0):
        some = [item for item in islice(careless_chats(4, wrong), 600) if item.kind != "fact"]
        asked = [(harmful[item.dialog[0]["content"]], is_refusal(item.dialog[1]["content"])) for item in some]
        share = sum(is_harmful != declined for is_harmful, declined in asked) / len(asked)
        assert share == pytest.approx(wrong, abs=0.08)
    with pytest.raises(ValueError, match="wrong must be a share from 0 to 1, got 2"):
        next(careless_chats(wrong=2))
