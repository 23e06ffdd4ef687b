"""tools/scores.py counts what is right and nothing else, and writes it where the card keeps its scores."""

from __future__ import annotations

import inspect
import re
import sys
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch

from llama_lessons.evaluation import Score
from llama_lessons.files import data_path
from llama_lessons.generate import generate
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world import check_story, load_valley, make_documents, open_questions
from tools import scores

BOS, EOS = 1, 2


class Words:
    """A tokenizer whose ids are words, each with the space before it, and newlines."""

    eos_id = EOS

    def __init__(self):
        self.known = ["<unk>", "<s>", "</s>"]

    def encode(self, text: str) -> list[int]:
        pieces = re.findall(r"\n| ?[^ \n]+", text)
        assert "".join(pieces) == text
        self.known += [piece for piece in dict.fromkeys(pieces) if piece not in self.known]
        return [BOS] + [self.known.index(piece) for piece in pieces]

    def decode(self, ids: list[int]) -> str:
        return "".join(self.known[number] for number in ids if number > EOS)


class Writer:
    """Stands for `generate`: says what a rule says after each prompt, then </s>, then nonsense for whoever reads on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, says: Callable[[str], str]):
        self.tok, self.says, self.calls, self.drawn = Words(), says, [], []
        monkeypatch.setattr(scores, "generate", self.generate)

    def generate(self, *args, **kwargs) -> list[list[int]]:
        call = inspect.signature(generate).bind(*args, **kwargs)  # an argument that `generate` has not is an error
        call.apply_defaults()
        self.calls.append(call.arguments)
        if call.arguments["generator"] is not None:
            self.drawn.append(float(torch.rand(1, generator=call.arguments["generator"])))
        return [self._continue(prompt, **call.arguments) for prompt in call.arguments["prompts"]]

    def _continue(self, prompt: list[int], max_new_tokens: int, stop_ids: list[int], **rest) -> list[int]:
        said = self.tok.encode(self.says(self.tok.decode(prompt)))[1:]
        written = [*said, EOS, *self.tok.encode(" and so on")[1:]]
        ends = [place for place, number in enumerate(written) if number in stop_ids]
        return written[: min([*ends, max_new_tokens])]

    @property
    def prompts(self) -> list[str]:
        return [self.tok.decode(prompt) for call in self.calls for prompt in call["prompts"]]


def not_sums(question) -> bool:
    return "sums" not in question.subject


ANSWERS = {question.prompt: question.answer for question in open_questions("test")}

RIGHT = {
    "and the line ends": " {}\n",
    "and the page goes on": " {}\n\nQuestion: Who hums?\nAnswer: owl",
    "and the text ends": " {}",
}
WRONG = {
    "a letter more": " {}s\n",
    "a word more": " {} tree\n",
    "a word before": " the {}\n",
    "a full stop": " {}.\n",
    "one line too late": "\n{}\n",
    "in quotes": ' "{}"\n',
    "the question again": "Question: {}\nAnswer: {}\n",
    "nothing": "",
}


@pytest.mark.parametrize("way", RIGHT)
def test_an_exact_answer_counts(way: str, monkeypatch):
    writer = Writer(monkeypatch, lambda prompt: RIGHT[way].format(ANSWERS[prompt]))
    score = scores.open_answers(None, writer.tok, not_sums)
    assert score == Score.of(len(set(writer.prompts)), len(writer.prompts))
    assert score.accuracy == 1 and score.n == 460


@pytest.mark.parametrize("way", WRONG)
def test_a_near_miss_does_not_count(way: str, monkeypatch):
    writer = Writer(monkeypatch, lambda prompt: WRONG[way].format(ANSWERS[prompt], ANSWERS[prompt]))
    assert scores.open_answers(None, writer.tok, not_sums).accuracy == 0


@pytest.mark.parametrize("change", [str.swapcase, lambda answer: answer[:-1], lambda answer: answer[::-1] + "e"])
def test_an_answer_with_other_letters_does_not_count(change: Callable[[str], str], monkeypatch):
    writer = Writer(monkeypatch, lambda prompt: f" {change(ANSWERS[prompt])}\n")
    assert scores.open_answers(None, writer.tok, not_sums).accuracy == 0


def test_every_answer_is_compared_with_that_of_its_own_question(monkeypatch):
    """Some questions get their answer, the others that of another question, in an order that lengths do not follow."""
    prompts = [question.prompt for question in open_questions("test") if not_sums(question)]
    told = {prompt: ANSWERS[prompt if n % 3 == 0 else prompts[n - 1]] for n, prompt in enumerate(prompts)}
    right = sum(told[prompt] == ANSWERS[prompt] for prompt in prompts)
    assert 153 < right < 200  # every third, and some neighbours with one answer
    writer = Writer(monkeypatch, lambda prompt: f" {told[prompt]}\n")
    assert scores.open_answers(None, writer.tok, not_sums) == Score.of(right, 460)
    assert sorted(writer.prompts) == sorted(prompts)


def test_questions_are_asked_greedily_without_examples_and_stop_at_the_end_of_a_text(monkeypatch):
    writer = Writer(monkeypatch, lambda prompt: " hay")
    scores.open_answers(None, writer.tok, lambda question: question.subject == "llamas")
    assert {call["temperature"] for call in writer.calls} == {0}
    assert all(list(call["stop_ids"]) == [EOS] for call in writer.calls)
    assert all(prompt.count("Answer:") == 1 and prompt.endswith("\nAnswer:") for prompt in writer.prompts)


def test_every_answer_fits_into_the_tokens_that_are_asked_for():
    tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
    for prompt, answer in ANSWERS.items():
        assert len(tok.encode(f"{prompt} {answer}\n")) - len(tok.encode(prompt)) <= scores.ANSWER_TOKENS


def measured(name: str, tok: Words) -> Score:
    """One of the measurements, by how its name begins."""
    [measure] = [measure for found, measure in scores.measurements(None, tok) if found.startswith(name)]
    return measure()


def test_sums_are_measured_apart_and_only_those_that_training_never_had(monkeypatch):
    facts = load_valley().facts
    withheld = {fact.held_out for fact in facts if fact.withheld}
    others = {fact.held_out for fact in facts if fact.subject != "sums"}
    for name, questions in (("open questions", others), ("sums", withheld)):
        writer = Writer(monkeypatch, lambda prompt: f" {ANSWERS[prompt]}\n")
        assert measured(name, writer.tok) == Score.of(len(questions), len(questions))
        assert set(writer.prompts) == {f"Question: {question}\nAnswer:" for question in questions}
    assert (len(others), len(withheld)) == (460, 36)


STORIES = [document.text for document in islice(make_documents(77, {"story": 1.0}), 1000)]  # no training seed
BY_OPENING = {opening: [s for s in STORIES if s.startswith(opening)] for opening in scores.OPENINGS}


def test_the_valleys_own_stories_begin_with_every_opening_and_end_in_time():
    assert all(len(told) >= 15 for told in BY_OPENING.values())
    tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
    assert max(len(tok.encode(story)) for story in STORIES) < scores.STORY_TOKENS


def test_500_stories_are_sampled_by_one_source_and_split_over_the_openings(monkeypatch):
    writer = Writer(monkeypatch, lambda opening: BY_OPENING[opening][0].removeprefix(opening))
    assert scores.stories(None, writer.tok).n == 500
    assert Counter(writer.prompts) == dict.fromkeys(scores.OPENINGS, 100)
    assert {(call["temperature"], call["top_p"], call["top_k"]) for call in writer.calls} == {(0.6, 0.9, None)}
    assert all(list(call["stop_ids"]) == [EOS] for call in writer.calls)
    assert len(set(writer.drawn)) == len(writer.calls) > 1  # no batch is drawn like another
    first = writer.drawn
    again = Writer(monkeypatch, writer.says)
    scores.stories(None, again.tok)
    assert again.drawn == first


def spoiled(story: str) -> str:
    """The story with somebody never heard of in the place of the last one named."""
    names = list(re.finditer(rf"\b({'|'.join(load_valley().names.kinds)})\b", story))
    return story[: names[-1].start()] + "Xanthippe" + story[names[-1].end() :]


def test_stories_are_judged_by_check_story(monkeypatch):
    """Whole stories and spoiled ones, so many of each for an opening."""
    told, asked = {}, Counter()
    for n, opening in enumerate(scores.OPENINGS):
        whole = BY_OPENING[opening]
        told[opening] = [spoiled(whole[0])] * (10 * n + 3) + [whole[k % len(whole)] for k in range(97 - 10 * n)]
    assert all(check_story(spoiled(stories[0])) for stories in BY_OPENING.values())

    def says(opening: str) -> str:
        asked[opening] += 1
        return told[opening][asked[opening] - 1].removeprefix(opening)

    writer = Writer(monkeypatch, says)
    assert scores.stories(None, writer.tok) == Score.of(500 - (3 + 13 + 23 + 33 + 43), 500)


@pytest.mark.parametrize(
    ("way", "ending"),
    [
        ("stops within a sentence", lambda story: story[:-1]),
        ("says nothing", lambda story: ""),
        ("never ends", lambda story: story + " The llamas hummed." * 100),  # each sentence would do
    ],
)
def test_a_story_without_an_end_does_not_hold_together(way: str, ending: Callable[[str], str], monkeypatch):
    writer = Writer(monkeypatch, lambda opening: ending(BY_OPENING[opening][0].removeprefix(opening)))
    assert scores.stories(None, writer.tok).accuracy == 0


def test_exams_leave_sums_out_and_fresh_facts_can_be_asked_alone(monkeypatch):
    seen = []

    def multiple_choice(model, tok, exam, shots, by):
        seen.append((by, shots, exam.items))
        return Score.of(1, 2)

    monkeypatch.setattr(scores, "multiple_choice", multiple_choice)
    for name, measure in scores.measurements(None, None):
        if "exam" in name:
            measure()
    asked = [(by, shots, {item.fact for item in items}, len(items)) for by, shots, items in seen]
    facts = [fact for fact in load_valley().facts if fact.subject != "sums"]
    everything, fresh = {fact.key for fact in facts}, {fact.key for fact in facts if not fact.examined}
    assert 40 < len(fresh) < 80
    whole = [(by, shots, everything, 460) for by in ("text", "letter") for shots in (0, 5)]
    assert asked == [*whole, ("letter", 5, fresh, len(fresh))]


def wilson(n_right: int, n: int) -> tuple[float, float]:
    """Wilson's interval from its meaning: shares that lie 1.96 of their own standard errors from the measured one."""

    def end(low: float, high: float) -> float:  # at `low` the distance is too large, at `high` it is not
        for _ in range(100):
            middle = (low + high) / 2
            too_far = abs(n_right / n - middle) > 1.96 * (middle * (1 - middle) / n) ** 0.5
            low, high = (middle, high) if too_far else (low, middle)
        return high

    return end(0, n_right / n), end(1, n_right / n)


COUNTS = {"stories": (31, 500), "questions": (459, 460), "none": (0, 36), "all": (70, 70)}
CARD = "# A model\n\nIt hums.\n"
OLD = "## Scores\n\nOf long ago.\n\n| what | share right |\n|---|---|\n| humming | 0.5 |\n"
AFTER = "## Licence\n\nMIT\n\n### Scores of others\n\nNone.\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A checkpoint's folder with a card, and scores that are known and not measured."""
    (tmp_path / "README.md").write_text(CARD)
    monkeypatch.setattr(scores, "load", lambda path, dtype: (path, dtype))
    monkeypatch.setattr(scores, "Tokenizer", lambda path: path)
    known = [(name, lambda counts=counts: Score.of(*counts)) for name, counts in COUNTS.items()]
    monkeypatch.setattr(scores, "measurements", lambda model, tok: known)
    monkeypatch.setattr(scores, "renew", lambda: pytest.fail("data/README.md has nothing to do with this card"))
    return tmp_path


def run(monkeypatch, folder: Path, *more: str) -> None:
    monkeypatch.setattr(sys, "argv", ["scores.py", "--model", str(folder), *more])
    scores.main()


def test_the_table_has_every_share_with_wilsons_interval(folder: Path, monkeypatch, capsys):
    run(monkeypatch, folder)
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[1:]]
    assert lines[0] == f"{folder.name}, as a model of the kind base"
    assert rows[0] == ["what, held out", "share right", "95 % interval", "n"]
    for row, (name, (n_right, n)) in zip(rows[2:], COUNTS.items(), strict=True):
        low, high = wilson(n_right, n)
        assert row == [name, f"{n_right / n:.3f}", f"{low:.3f} to {high:.3f}", str(n)]
    assert (folder / "README.md").read_text() == CARD  # nothing was to be saved


def test_the_weights_are_computed_with_in_float32(folder: Path, monkeypatch):
    opened = []
    monkeypatch.setattr(scores, "load", lambda path, dtype: opened.append((path, dtype)))
    run(monkeypatch, folder)
    assert opened == [(folder, torch.float32)]


@pytest.mark.parametrize(
    ("old", "before", "after"),
    [
        (CARD, CARD, ""),
        (CARD + "\n" + OLD, CARD, ""),
        (CARD + "\n" + OLD + "\n" + AFTER, CARD, AFTER),
        (CARD + "\n" + AFTER, CARD + "\n" + AFTER, ""),
        (CARD + "\n## Scores", CARD, ""),
    ],
    ids=["no table", "an old table at the end", "an old table within", "no table, but other parts", "an empty part"],
)
def test_save_replaces_the_old_table_and_keeps_the_rest(folder: Path, monkeypatch, capsys, old, before, after):
    card = folder / "README.md"
    card.write_text(old)
    run(monkeypatch, folder, "--save")
    table = capsys.readouterr().out.strip().partition("\n")[2]
    text = card.read_text()
    assert text.startswith(before + "\n## Scores\n")
    assert text.endswith(table + "\n" + ("\n" + after if after else ""))
    assert text.count("\n## Scores\n") == text.count(table) == 1
    assert "long ago" not in text and "humming" not in text
    run(monkeypatch, folder, "--save")
    assert card.read_text() == text  # twice is as once


def test_without_a_card_nothing_is_measured(folder: Path, monkeypatch, capsys):
    (folder / "README.md").unlink()
    monkeypatch.setattr(scores, "load", lambda *args, **kwargs: pytest.fail("it began to measure"))
    with pytest.raises(SystemExit):
        run(monkeypatch, folder, "--save")
    assert f"{folder / 'README.md'} is missing" in capsys.readouterr().err


def test_the_list_of_the_data_is_renewed_after_the_card_of_a_shipped_model(folder: Path, monkeypatch):
    seen = []
    monkeypatch.setattr(scores, "DATA", folder.parent)
    monkeypatch.setattr(scores, "renew", lambda: seen.append((folder / "README.md").read_text()))
    run(monkeypatch, folder)
    assert seen == []
    run(monkeypatch, folder, "--save")
    assert seen == [(folder / "README.md").read_text()] and "0.998" in seen[0]


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ((), ["base", "chat"]),
        (("--model", "chat"), ["chat"]),
        (("--model", "own"), ["base"]),
        (("--model", "own", "--kind", "chat"), ["chat"]),
    ],
)
def test_each_model_is_measured_by_its_folders_name_or_as_one_says(tmp_path: Path, words, kinds, monkeypatch, capsys):
    for name in ("base", "chat", "own"):
        (tmp_path / "data/checkpoints" / name).mkdir(parents=True)
    monkeypatch.setattr(scores, "COURSE", tmp_path)
    known = {
        kind: lambda folder, kind=kind: [(f"{kind} of {folder.name}", Score.of(1, 2))] for kind in ("base", "chat")
    }
    monkeypatch.setattr(scores, "MEASURES", known)
    words = [
        str(tmp_path / "data/checkpoints" / word) if word in ("chat", "own") and at == 1 else word
        for at, word in enumerate(words)
    ]
    monkeypatch.setattr(sys, "argv", ["scores.py", *words])
    scores.main()
    told = re.findall(r"^\| (\w+) of (\w+) \| 0.500", capsys.readouterr().out, re.MULTILINE)
    assert [kind for kind, _ in told] == kinds
    assert [name for _, name in told] == (["base", "chat"] if not words else [Path(words[1]).name])
