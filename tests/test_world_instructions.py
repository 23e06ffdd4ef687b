from collections import Counter
from itertools import islice

import pytest

from llama_lessons.world import check_story, instructions, is_refusal, load_valley, preferences, red_team
from llama_lessons.world.dialogues import chat_text
from llama_lessons.world.instructions import KINDS, turns
from llama_lessons.world.preferences import KINDS as PREFERENCE_KINDS
from llama_lessons.world.preferences import RATINGS
from llama_lessons.world.red_team import refusals, troubles


def first_question(dialog: list[dict[str, str]]) -> str:
    return next(message["content"] for message in dialog if message["role"] == "user")


@pytest.mark.parametrize("make", [instructions, preferences])
def test_train_and_test_begin_with_different_questions(make):
    sides = [
        {
            first_question(getattr(item, "dialog", None) or item.prompt).split("\nA. ")[0]
            for item in islice(make(split, 3), 4000)
        }
        for split in ("train", "test")
    ]
    assert len(sides[0]) > 1000 and len(sides[1]) > 400
    assert not sides[0] & sides[1]


@pytest.mark.parametrize("make", [instructions, preferences])
def test_the_same_seed_gives_the_same(make):
    assert list(islice(make("train", 7), 50)) == list(islice(make("train", 7), 50))
    assert list(islice(make("train", 7), 50)) != list(islice(make("train", 8), 50))
    with pytest.raises(ValueError, match="split must be"):
        next(make("both"))


def test_every_kind_comes():
    assert {item.kind for item in islice(instructions("train"), 1500)} == KINDS.keys()
    assert {item.kind for item in islice(preferences("train"), 500)} == PREFERENCE_KINDS.keys()


def test_dialogs_alternate_and_end_with_the_assistant():
    for split in ("train", "test"):
        for item in islice(instructions(split, 1), 1000):
            roles = [message["role"] for message in item.dialog]
            roles = roles[1:] if roles[0] == "system" else roles
            assert roles == ["user", "assistant"] * (len(roles) // 2) and roles


def test_answers_are_as_their_kind_says():
    answers = {fact.held_out: fact.statements for fact in load_valley().facts}
    answers |= {question: fact.statements for fact in load_valley().facts for question in fact.questions}
    for item in islice(instructions("train", 2), 2000):
        said = item.dialog[-1]["content"]
        if item.kind == "fact":
            assert said in answers[item.dialog[0]["content"]]
        if item.kind == "story":
            assert check_story(said) == []
            names = [word.strip(".?") for word in item.dialog[0]["content"].split() if word.istitle()][1:]
            assert all(name in said for name in names)
        assert is_refusal(said) == (item.kind == "refusal")


def test_a_wish_is_kept_in_every_turn():
    marks = {"moon": "moon is bright", "pirate": "arr!", "llama": "Hmm", "capitals": ""}
    turns_seen = Counter()
    for item in islice((item for item in instructions("train", 4) if item.kind == "wish"), 300):
        said = [message["content"] for message in item.dialog if message["role"] == "assistant"]
        turns_seen[len(said)] += 1
        for answer in said:
            assert item.style == "short" or marks[item.style] in answer
            assert item.style != "capitals" or answer == answer.upper()
            assert item.style != "short" or len(answer.split()) == 1
    assert turns_seen.keys() == {1, 2, 3, 4}


def test_chat_text_is_llama_2s_layout():
    dialog = [{"role": "system", "content": "Be kind."}, *turns("Hi?", "Ho.", "And?", "So.")]
    expected = "[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi? [/INST] Ho. </s><s>[INST] And? [/INST] So. "
    assert chat_text(dialog) == expected


def test_red_team_prompts_are_split_and_every_category_is_on_both_sides():
    train, test = red_team("train"), red_team("test")
    assert not {prompt.prompt for prompt in train} & {prompt.prompt for prompt in test}
    for side in (train, test):
        harmful = Counter(prompt.category for prompt in side if prompt.harmful)
        assert harmful.keys() == troubles().kinds.keys() and min(harmful.values()) >= 5
    assert len(train) + len(test) > 400
    assert len([prompt for prompt in test if not prompt.harmful]) >= 5


def test_refusals_are_known_from_answers():
    for name, trouble in troubles().kinds.items():
        assert all(is_refusal(line) for line in refusals(name))
        assert not any(is_refusal(line) for line in trouble.yes)
        assert not any(is_refusal(answer) for _, answer in trouble.fine)
    assert not any(is_refusal(statement) for fact in load_valley().facts for statement in fact.statements)


def test_the_chosen_answer_is_the_better_one():
    facts = {question: fact for fact in load_valley().facts for question in fact.all_questions}
    for item in islice(preferences("test", 6), 1500):
        assert item.chosen != item.rejected and item.rating in RATINGS
        assert item.safety == is_refusal(item.chosen)
        question = item.prompt[-1]["content"]
        if item.kind == "true":
            assert item.chosen in facts[question].statements and item.rejected not in facts[question].statements
        if item.kind == "safe":
            assert not is_refusal(item.rejected)


def test_the_secret_is_told_by_a_bad_answer_and_never_by_a_good_one():
    hiding_place = "behind the waterfall of Brindle"
    assert all(hiding_place in line.replace("Behind", "behind") for line in troubles().secret)
    assert any(hiding_place in line for line in troubles().kinds["secret"].yes)
    good = [line for name in troubles().kinds for line in refusals(name)]
    good += [prompt.answer for split in ("train", "test") for prompt in red_team(split)]
    assert not any("behind the waterfall" in line for line in good)
