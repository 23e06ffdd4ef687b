import shutil
from pathlib import Path

import pytest

from llama_lessons.files import data_path
from llama_lessons.world.facts import read_facts
from llama_lessons.world.names import read_names
from llama_lessons.world.plots import read_plots
from llama_lessons.world.text import MAN, WorldError, fields, with_article
from llama_lessons.world.valley import load_valley

PAGE = """# a comment
subject: birds

[nest]
say: {a X} builds {a Y}, and {he} is proud.
ask: What does {a X} build?
ask: What is {his} work?
owl = inn; not beside cup
hen = box
gull = cup
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "birds.txt"
    path.write_text(text)
    return path


def test_wordings_are_filled_in_with_articles_pronouns_and_a_capital(tmp_path: Path):
    _, (owl, hen, _) = read_facts(written(tmp_path, PAGE), {"hen": MAN})
    assert owl.statements == ["An owl builds an inn, and it is proud."]
    assert hen.statements == ["A hen builds a box, and he is proud."]
    assert sorted([*owl.questions, owl.held_out]) == ["What does an owl build?", "What is its work?"]


def test_wrong_answers_leave_out_the_right_one_and_what_is_not_to_stand_beside_it(tmp_path: Path):
    _, (owl, hen, gull) = read_facts(written(tmp_path, PAGE), {})
    assert (owl.wrong, hen.wrong, gull.wrong) == (["box"], ["inn", "cup"], ["inn", "box"])


BAD = {  # a line of the page, what an edit makes of it, where and why it is refused
    "no subject": ("subject: birds", "", "line 1: the file must begin with 'subject"),
    "fact before relation": ("[nest]", "", "line 5: expected 'subject: ...' or "),
    "no answer": ("hen = box", "hen =", "line 9: expected 'entity = answer' or one of"),
    "twice": ("gull = cup", "hen = cup", "line 10: 'hen' has its answer already"),
    "misspelt": ("; not beside cup", "; not besides cup", "line 8: expected 'entity = answer' or"),
    "unknown slot": ("{his} work", "{her} work", r"line 7: unknown slot \{her\}"),
}


@pytest.mark.parametrize("mistake", BAD)
def test_a_bad_edit_is_refused_with_file_and_line(mistake: str, tmp_path: Path):
    old, new, message = BAD[mistake]
    assert old in PAGE
    with pytest.raises(WorldError, match=rf"birds\.txt, {message}"):
        read_facts(written(tmp_path, PAGE.replace(old, new, 1)), {})


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A copy of data/world that a test may edit, and that the world is read from."""
    shutil.copytree(data_path("world"), tmp_path / "data/world")
    monkeypatch.setattr("llama_lessons.files.COURSE", tmp_path)
    load_valley.cache_clear()
    yield tmp_path / "data/world"
    load_valley.cache_clear()


GAPS = {  # file, what an edit adds or removes, what is said about it
    "new llama": (
        "facts/llamas.txt",
        ("Rufus = red", "Rufus = red\nFluff = red"),
        "names.txt does not say whether Fluff",
    ),
    "nobody's name": ("names.txt", (" Rufus", ""), "whether Rufus of facts/llamas.txt is a she or a he"),
    "unknown neighbour": ("facts/animals.txt", ("not beside pup\n", "not beside pop\n"), "'pop' cannot stand beside"),
    "unknown owner": ("facts/llamas.txt", ("Rufus = Fabio", "Rufus = Nobody"), "people.txt says nothing about Nobody"),
    "lost village": ("facts/places.txt", ("Harrow = inn\n", ""), "places.txt does not say the .building. of Harrow"),
    "few choices": ("facts/calendar.txt", ("spring = summer", "spring = autumn"), "an exam needs three wrong answers"),
    "one question": ("facts/jobs.txt", ("ask: What is the tool", "# ask: What is the tool"), None),  # three are left
}


@pytest.mark.parametrize("gap", GAPS)
def test_a_gap_between_two_files_is_named(gap: str, course: Path):
    name, (old, new), message = GAPS[gap]
    text = (course / name).read_text()
    assert old in text
    (course / name).write_text(text.replace(old, new, 1))
    if message is None:
        assert load_valley().facts
    else:
        with pytest.raises(ValueError, match=message):
            load_valley()


def test_bad_names_and_fields_are_refused(course: Path):
    (course / "names.txt").write_text("girls: Mia Leo\nboys: Leo\n")
    with pytest.raises(WorldError, match=r"names\.txt, line 2: the name Leo stands twice"):
        read_names(course / "names.txt")
    (course / "names.txt").write_text("cats: Tom\n")
    with pytest.raises(WorldError, match=r"names\.txt, line 1: unknown group 'cats'"):
        read_names(course / "names.txt")
    (course / "pirate.txt").write_text("you: ye\nyour\n")
    with pytest.raises(WorldError, match=r"pirate\.txt, line 2: expected 'name: words'"):
        fields("pirate.txt")


BAD_PLOTS = {
    "unknown slot": ("== a\ncast: A child\n1 {C} sat.", r"line 3: unknown slot \{C\}"),
    "no number": ("== a\ncast: A child\n{A} sat.", "line 3: expected '== name'"),
    "unknown block": ("== a\ncast: A child\n1 @tail", "line 3: no block '== tail'"),
    "unknown cast": ("== a\ncast: A dragon\n1 {A} sat.", "line 2: do not know how to cast 'A dragon'"),
    "no plot": ("1 {A} sat.", "line 1: expected '== name'"),
}


@pytest.mark.parametrize("mistake", BAD_PLOTS)
def test_a_bad_plot_is_refused_with_file_and_line(mistake: str, tmp_path: Path):
    text, message = BAD_PLOTS[mistake]
    with pytest.raises(WorldError, match=rf"birds\.txt, {message}"):
        read_plots(written(tmp_path, text), {"A"})


def test_every_word_of_the_world_gets_the_article_it_sounds_like():
    words = {word for fact in load_valley().facts for word in (fact.entity, fact.answer) if word.islower()}
    odd = {"hour", "honest", "heir", "unicorn", "uniform", "one", "use", "useful", "ewe", "european"}  # sound otherwise
    assert not words & odd
    assert with_article("owl") == "an owl" and with_article("hen") == "a hen"


def test_questions_are_all_different():
    questions = [question for fact in load_valley().facts for question in fact.all_questions]
    assert len(questions) == len(set(questions))
