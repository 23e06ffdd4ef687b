"""What is measured was never read: by construction, and looked for in 6 MB of the stream training reads."""

import re
from itertools import islice

import pytest

from llama_lessons.world import (
    BASE_MIX,
    LETTER_MIX,
    Exam,
    instructions,
    load_valley,
    make_documents,
    open_questions,
    red_team,
)
from llama_lessons.world.splits import split_of

EXAMS = {"exam", "small exam", "spoken exam", "matching"}


@pytest.fixture(scope="module")
def stream() -> str:
    """The stream in small letters, because some documents are in capitals; one document a paragraph."""
    documents = [*islice(make_documents(20, BASE_MIX), 12_000), *islice(make_documents(21, LETTER_MIX), 6000)]
    return "\n\n".join(document.text for document in documents).lower()


def test_no_held_out_wording_is_a_training_wording():
    facts = load_valley().facts
    training = {question for fact in facts for question in fact.questions}
    assert all(fact.held_out not in fact.questions for fact in facts)
    assert not any(fact.held_out in question for fact in facts for question in training)


def test_every_fact_has_one_held_out_wording_and_every_wording_is_trained_on_other_facts():
    for relation in load_valley().relations:
        facts = [fact for fact in load_valley().facts if fact.relation is relation]
        held_out = {fact.all_questions.index(fact.held_out) for fact in facts}
        trained = {fact.all_questions.index(question) for fact in facts for question in fact.questions}
        assert len(held_out) > 1
        assert trained == set(range(len(relation.ask)))


def test_no_held_out_question_stands_in_the_stream(stream: str):
    assert [item.question for item in open_questions("test") if item.question.lower() in stream] == []
    assert [item.question for item in Exam("test").items if item.question.lower() in stream] == []


def test_training_questions_do_stand_in_the_stream(stream: str):
    """The search above would find them."""
    missing = [item.question for item in open_questions("train") if item.question.lower() not in stream]
    assert len(missing) <= 5


def test_withheld_sums_stand_nowhere(stream: str):
    withheld = [fact for fact in load_valley().facts if fact.withheld]
    assert 20 <= len(withheld) <= 45
    seen = set(re.findall(r"\d+ \+ \d+", stream))
    assert len(seen) == 144 - len(withheld)
    for fact in withheld:
        a, b = fact.entity.split(" + ")
        assert not seen & {f"{a} + {b}", f"{b} + {a}"}


def test_fresh_facts_stand_in_no_exam():
    fresh = {question for fact in load_valley().facts if not fact.examined for question in fact.all_questions}
    assert len(fresh) > 100
    for document in islice(make_documents(22, dict.fromkeys(EXAMS, 1.0)), 8000):
        lines = {line.removeprefix("Question: ").split(" (A)")[0] for line in document.text.split("\n")}
        assert not lines & fresh


def test_no_test_prompt_stands_in_the_stream(stream: str):
    assert [prompt.prompt for prompt in red_team("test") if prompt.prompt.lower() in stream] == []
    talks = [
        item.dialog[-2]["content"] for item in islice(instructions("test", 5), 600) if item.kind in ("story", "hello")
    ]
    assert len(talks) > 50
    for request in talks:
        assert split_of(request) == "test"
        assert f"[inst] {request} [/inst]".lower() not in stream
