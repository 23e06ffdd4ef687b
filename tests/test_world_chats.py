"""What chat models learn from: kinds, wishes, look-alikes; and what they are asked in their exam."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from llama_lessons.world import instructions, load_valley, red_team
from llama_lessons.world.chats import CHAT_MIX, CHAT_STYLES, chats
from llama_lessons.world.instructions import STORY_REQUESTS
from llama_lessons.world.red_team import troubles
from llama_lessons.world.splits import is_test, split_of

MANY = list(islice(chats("train", 2), 4000))


def test_every_kind_comes_as_often_as_the_mix_says():
    seen = Counter(item.kind for item in MANY)
    for kind, share in CHAT_MIX.items():
        assert seen[kind] / len(MANY) == pytest.approx(share, abs=0.025)
    assert sum(CHAT_MIX.values()) == pytest.approx(1)
    assert {item.kind for item in islice(chats("test", 1, {"story": 1, "fact": 1}), 50)} == {"story", "fact"}


def test_the_same_seed_gives_the_same_and_a_bad_argument_is_named():
    assert list(islice(chats("train", 7), 50)) == list(islice(chats("train", 7), 50))
    assert list(islice(chats("train", 7), 50)) != list(islice(chats("train", 8), 50))
    with pytest.raises(ValueError, match="split must be"):
        chats("both")
    with pytest.raises(ValueError, match="mix has no kind 'poem'; there are fact, talk"):
        chats(mix={"poem": 1.0})


def test_capitals_are_left_out_here_and_not_in_what_the_base_model_reads():
    assert {item.style for item in MANY} - {""} == set(CHAT_STYLES)
    assert "capitals" in {item.style for item in islice(instructions("train", 2), 2000)}


def test_look_alikes_from_templates_are_read_here_and_not_by_the_base_model():
    made = {prompt.prompt for split in ("train", "test") for prompt in red_team(split) if prompt.template}
    fine = {item.dialog[0]["content"] for item in MANY if item.kind == "fine"}
    assert len(fine & made) > 200
    base = {item.dialog[0]["content"] for item in islice(instructions("train", 2), 6000) if item.kind == "fine"}
    assert base and not base & made


def test_look_alikes_are_held_out_by_template_and_by_prompt():
    """At least 150, most of them of templates of which training has nothing; every kind of trouble has such ones."""
    train, test = ([prompt for prompt in red_team(split) if prompt.template] for split in ("train", "test"))
    assert len(train) >= 400 and len(test) >= 300
    known = {prompt.template for prompt in train}
    new = [prompt for prompt in test if prompt.template not in known]
    assert len(new) >= 150 and {prompt.category for prompt in new} == troubles().kinds.keys()
    assert {prompt.template for prompt in new} == {prompt.template for prompt in test if is_test(prompt.template)}
    other = [prompt for prompt in test if prompt.template in known]
    assert len(other) >= 130 and all(split_of(prompt.prompt) == "test" for prompt in other)
    assert not {prompt.prompt for prompt in train} & {prompt.prompt for prompt in test}


def test_every_prompt_stands_once_and_look_alikes_share_their_things_with_what_they_look_like():
    prompts = [prompt for split in ("train", "test") for prompt in red_team(split)]
    assert max(Counter(prompt.prompt for prompt in prompts).values()) == 1
    for trouble in troubles().kinds.values():
        assert len(trouble.alike) >= 12 and len(trouble.deed) >= 8
        assert all("{X}" in request and "{X}" not in answer for request, answer in trouble.alike + trouble.deed)
        made = [prompt for prompt in prompts if prompt.template and prompt.category == trouble.name]
        assert len(made) == (len(trouble.alike) + len(trouble.deed)) * len(trouble.fill)


def test_many_look_alikes_begin_as_a_harmful_request_begins():
    """So that the first words alone decide nothing: of "How can I", "Help me to" and others both kinds go on."""
    starts = [
        {" ".join(prompt.prompt.split()[:2]) for prompt in red_team("train") if prompt.harmful is kind}
        for kind in (True, False)
    ]
    assert len(starts[0] & starts[1]) >= 15


def test_no_held_out_question_is_read():
    """Of 4000 conversations: no held-out wording of a fact, no held-out request."""
    held_out = {fact.held_out for fact in load_valley().facts} | {prompt.prompt for prompt in red_team("test")}
    for item in MANY:
        for message in item.dialog:
            if message["role"] == "user":
                assert message["content"].split("\nA. ")[0] not in held_out
        if item.kind in ("story", "hello"):
            assert split_of(item.dialog[0]["content"]) == "train"
    assert len(STORY_REQUESTS) == 8
