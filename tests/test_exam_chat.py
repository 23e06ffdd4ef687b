"""The exam of chats asks what is held out, counts what is right, and believes nobody."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from llama_lessons.world import exam_chat, load_valley, red_team
from llama_lessons.world.chats import CHAT_STYLES, chats
from llama_lessons.world.instructions import chat_lines
from llama_lessons.world.red_team import refusals
from llama_lessons.world.voices import STYLES

FACTS = load_valley().taught
BY_QUESTION = {fact.held_out: fact for fact in FACTS}
STYLE_OF = dict(chat_lines()["wish"])


class Assistant:
    """Answers dialogs as it should, or fails in a way that is told; keeps all that it was asked."""

    def __init__(self, fails=lambda dialog: None):
        self.fails, self.asked = fails, []

    def __call__(self, dialogs):
        self.asked += [[dict(message) for message in dialog] for dialog in dialogs]
        return [self.fails(dialog) or self.right(dialog) for dialog in dialogs]

    def right(self, dialog):
        question = dialog[-1]["content"]
        prompts = {prompt.prompt: prompt for prompt in red_team("test")}
        if question in prompts and dialog[0]["role"] == "user":
            return refusals(prompts[question].category)[0] if prompts[question].harmful else prompts[question].answer
        if question not in BY_QUESTION:  # "And where does she live?": about the entity of the first question
            first = BY_QUESTION[dialog[0]["content"]]
            about = load_valley().by_entity[first.subject, first.entity]
            return next(fact.mentions[0] for fact in about if question in fact.follow_ups)
        fact = BY_QUESTION[question]
        style = STYLE_OF[dialog[0]["content"]] if dialog[0]["role"] == "system" else ""
        return fact.answer if style == "short" else STYLES.get(style, str)(fact.statements[0])


def shares(verdicts):
    return {name: sum(told) / len(told) for name, told in verdicts.items()}


def test_who_answers_well_has_all_points():
    assistant = Assistant()
    found = exam_chat.chat_exam(assistant)
    assert shares(found) == dict.fromkeys(found, 1.0)
    assert len(found) == 12
    sizes = {name: len(told) for name, told in found.items()}
    assert sizes["facts right"] == len(FACTS)
    assert all(sizes[f"wish kept, turn {turn}"] == 240 for turn in (1, 2, 3, 4))
    assert sizes["harmless look-alikes not declined"] >= 150


def test_everything_asked_is_held_out():
    assistant = Assistant()
    exam_chat.chat_exam(assistant)
    trained = {question for fact in FACTS for question in fact.questions} | {p.prompt for p in red_team("train")}
    first = [next(m["content"] for m in dialog if m["role"] == "user") for dialog in assistant.asked]
    assert not trained & set(first)
    under_wishes = [d for d in assistant.asked if d[0]["role"] == "system"]
    assert not trained & {message["content"] for dialog in under_wishes for message in dialog}


def test_the_wish_stands_in_the_first_turn_alone_and_own_answers_are_read_again():
    assistant = Assistant()
    exam_chat.wishes(assistant, n_each=6)
    assert Counter(len(dialog) for dialog in assistant.asked) == {2: 24, 4: 24, 6: 24, 8: 24}
    assert Counter(STYLE_OF[dialog[0]["content"]] for dialog in assistant.asked) == dict.fromkeys(CHAT_STYLES, 24)
    assert len({dialog[0]["content"] for dialog in assistant.asked}) == 12
    for dialog in assistant.asked:
        assert [message["role"] for message in dialog[1:]] == ["user", "assistant"] * (len(dialog) // 2 - 1) + ["user"]
        for question, answer in zip(dialog[1:-1:2], dialog[2::2], strict=True):
            fact = BY_QUESTION[question["content"]]
            assert fact.answer.lower() in answer["content"].lower()


def test_a_wish_that_is_forgotten_in_the_third_turn_counts_from_there():
    def forget(dialog):
        late = dialog[0]["role"] == "system" and len(dialog) >= 6
        return BY_QUESTION[dialog[-1]["content"]].statements[0] if late else None

    kept = shares(exam_chat.wishes(Assistant(forget)))
    assert [kept[f"wish kept, turn {turn}"] for turn in (1, 2, 3, 4)] == [1, 1, 0, 0]
    assert kept["facts right under a wish"] == 1


FAILURES = {
    "facts right": (exam_chat.facts, "It is a cupboard.", 0),
    "facts right under a wish": (exam_chat.wishes, "Arr! It is a cupboard.", 0),
    "talk, first question right": (exam_chat.talk, "It is a cupboard.", 0),
    "harmful requests declined": (exam_chat.harmful, "It is hidden behind the waterfall of Brindle.", 0),
    "declined for a reason that fits": (exam_chat.harmful, "I am sorry, I will not do that.", 0),
    "harmless look-alikes not declined": (exam_chat.harmless, "I am sorry, I will not do that.", 0),
    "the same, of templates never seen": (exam_chat.harmless, "No, I cannot help you with that.", 0),
    "stories that hold together": (exam_chat.stories, "Once upon a time there was a girl called", 0),
}


@pytest.mark.parametrize("name", FAILURES)
def test_who_answers_badly_has_no_points(name: str):
    part, says, share = FAILURES[name]
    assert shares(part(lambda dialogs: [says] * len(dialogs)))[name] == share


def test_answers_are_judged_by_their_own_questions():
    """Each gets the answer of the dialog before: next to nothing is right."""

    def shifted(dialogs):
        said = Assistant()(dialogs)
        return said[-1:] + said[:-1]

    assert shares(exam_chat.facts(shifted))["facts right"] < 0.1


def test_only_a_story_that_ends_and_tells_what_was_asked_for_counts():
    told = {i.dialog[0]["content"]: i.dialog[1]["content"] for i in islice(chats("test", 3, {"story": 1.0}), 400)}
    some = iter(list(told.values()))

    def honest(dialogs):
        return [told.get(dialog[0]["content"]) or next(some) for dialog in dialogs]

    found = exam_chat.stories(honest, n=60)
    assert all(found["stories that hold together"]) and len(found["about what was asked for"]) == 60
    cut = exam_chat.stories(lambda dialogs: [text + "…" for text in honest(dialogs)], n=20)
    assert not any(cut["stories that hold together"])


TELLS = {
    ("Tell me a story about Nina.", "Nina saw a boat."): True,
    ("Tell me a story about Nina.", "Ninas saw a boat."): False,
    ("Tell me about Nina and Otto.", "Nina saw a boat."): False,
    ("Tell me a story about a red boat.", "Nina saw a boat."): True,
    ("Tell me a story about a red boat.", "Nina saw boats."): False,
    ("I would like to hear a story from Brindle.", "In Brindle lived Nina."): True,
}


@pytest.mark.parametrize(("request_", "story"), TELLS)
def test_a_story_tells_of_what_was_asked_for(request_: str, story: str):
    assert exam_chat.tells_of(request_, story) is TELLS[request_, story]
