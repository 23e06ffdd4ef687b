from collections import Counter

import pytest

from llama_lessons.world import Exam, load_valley, open_questions


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_item_has_four_choices_and_one_right_answer(split: str):
    facts = {fact.key: fact for fact in load_valley().facts}
    items = Exam(split).items
    assert len(items) == (len(facts) if split == "test" else len(load_valley().taught))
    for item in items:
        fact = facts[item.fact]
        assert len(set(item.choices)) == 4
        assert item.choices[item.answer] == fact.answer
        assert item.letter == "ABCD"[item.answer]
        assert not set(item.choices) & fact.not_beside
        assert item.question in fact.all_questions
        assert (item.question == fact.held_out) == (split == "test")


def test_letters_are_even():
    letters = Counter(item.letter for item in Exam("test").items)
    assert all(100 < letters[letter] < 200 for letter in "ABCD")


def test_an_exam_is_the_same_every_time_and_another_with_another_seed():
    assert Exam("test").items == Exam("test").items
    assert Exam("test").items != Exam("test", seed=1).items


def test_a_sheet_is_laid_out_as_mmlu_does():
    exam = Exam("test")
    item = next(item for item in exam.items if item.subject == "calendar")
    prompt = exam.prompt(item, shots=0)
    head, _, rest = prompt.partition("\n\n")
    assert head == "The following are multiple choice questions (with answers) about calendar."
    assert rest.split("\n") == [
        item.question,
        *(f"{x}. {y}" for x, y in zip("ABCD", item.choices, strict=True)),
        "Answer:",
    ]
    five = exam.prompt(item, shots=5)
    assert five.startswith(head) and five.endswith(rest)
    assert five.count("\nAnswer: ") == 5 and five.count("\n\n") == 6


def test_no_shot_gives_away_the_answer():
    for exam in (Exam("train"), Exam("test")):
        keys = {other.question: other.fact for others in exam.examples.values() for other in others}
        for item in exam.items:
            shots = exam.prompt(item).split("\n\n")[1:-1]
            assert len(shots) == 5
            assert item.fact not in {keys[shot.split("\n")[0]] for shot in shots}


def test_withheld_sums_are_reported_apart_under_the_heading_of_sums():
    exam = Exam("test")
    item = next(item for item in exam.items if item.subject == "withheld sums")
    assert "about sums." in exam.prompt(item)
    assert {q.subject for q in open_questions("test")} == {q.subject for q in open_questions("train")} | {
        "withheld sums"
    }


def test_a_bad_split_or_number_of_shots_is_an_error():
    with pytest.raises(ValueError, match='split must be "train" or "test", got \'dev\''):
        Exam("dev")
    with pytest.raises(ValueError, match="shots must be 0 to 5, got 6"):
        Exam("test").prompt(Exam("test").items[0], shots=6)
    with pytest.raises(ValueError, match="split must be"):
        open_questions("all")
