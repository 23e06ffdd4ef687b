import hashlib
import re
import shutil
import subprocess
import sys
from itertools import islice

import pytest

from llama_lessons.files import COURSE
from llama_lessons.world import BASE_MIX, ECHO_MIX, LETTER_MIX, SHORT_ECHO_MIX, Document, load_valley, make_documents
from llama_lessons.world.mix import WRITERS
from llama_lessons.world.stories import storyteller

GOLDEN = "7b8a40a790765f2b36573fc4ce041db70963b2eac27ac319f4e32a61e0511d34"
DIGEST = """
import hashlib, itertools
from llama_lessons.world.mix import make_documents
digest = hashlib.sha256()
for document in itertools.islice(make_documents(0), 2000):
    digest.update(f"{document.kind}: {document.text}".encode())
print(digest.hexdigest())
"""


def documents(seed: int, count: int, mix: dict[str, float] = BASE_MIX) -> list[Document]:
    return list(islice(make_documents(seed, mix), count))


def test_the_first_2000_documents_are_these():
    digest = hashlib.sha256()
    for document in documents(0, 2000):
        digest.update(f"{document.kind}: {document.text}".encode())
    assert digest.hexdigest() == GOLDEN, "the corpus changed: shipped weights were trained on another one"


@pytest.mark.parametrize("python", ["python3.11", "python3.12", "python3.13", "python3.14"])
@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_every_python_writes_the_same_documents(python: str, hash_seed: str):
    path = shutil.which(python)
    if not path or subprocess.run([path, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"no {python} here")
    done = subprocess.run(
        [path, "-c", DIGEST], cwd=COURSE, env={"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == GOLDEN


def test_the_world_needs_nothing_but_the_standard_library():
    code = "import sys, llama_lessons.world; print({'torch', 'numpy', 'sentencepiece'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=COURSE, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_world_is_as_large_as_its_page_says():
    valley = load_valley()
    listed = [fact for fact in valley.facts if fact.subject != "sums"]
    assert 400 <= len(listed) <= 500
    assert len(valley.by_subject) >= 9
    plots = storyteller().plots
    assert len(plots) >= 25
    assert len({way for plot in plots for ways in plot.steps for way in ways}) >= 500


def test_words_are_few_enough_for_a_vocabulary_of_2048_pieces():
    words = {word.lower() for document in documents(1, 8000) for word in re.findall("[A-Za-z]+", document.text)}
    assert len(words) < 1400


def test_every_kind_comes_as_often_as_the_mix_says():
    for mix in (BASE_MIX, SHORT_ECHO_MIX, ECHO_MIX, LETTER_MIX, {"story": 1.0, "echo": 3.0}):
        kinds = [document.kind for document in documents(3, 4000, mix)]
        for kind, weight in mix.items():
            assert kinds.count(kind) / 4000 == pytest.approx(weight / sum(mix.values()), abs=0.03)
    assert all(mix.keys() == WRITERS.keys() for mix in (BASE_MIX, SHORT_ECHO_MIX, ECHO_MIX, LETTER_MIX))


def test_other_seeds_give_other_documents():
    first, second = ({document.text for document in documents(seed, 500)} for seed in (5, 6))
    assert len(first & second) < 25  # short ones, such as the secret, come again


def test_an_unknown_kind_is_an_error_before_anything_is_written():
    with pytest.raises(ValueError, match="mix has no kind 'poem'; there are story, entry"):
        make_documents(0, {"poem": 1.0})


def test_text_is_plain_and_never_has_two_spaces():
    for document in documents(7, 4000):
        assert document.text.isascii()
        assert "  " not in document.text and "{" not in document.text and "%" not in document.text
        assert document.text.strip()


def test_a_chat_has_a_part_for_every_turn_and_other_documents_have_one():
    for document in documents(8, 3000):
        answers = document.text.count("[/INST]")
        assert len(document.parts) == max(1, answers)
        assert all(part.startswith("[INST] ") and part.endswith(" ") for part in document.parts if answers)


def test_answers_about_a_text_stand_in_it():
    for document in documents(4, 1000, {"reading": 1.0}):
        text, *lines = document.text.split("\n")
        questions = [line.removeprefix("Answer: ") for line in lines if line.startswith("Answer: ")]
        assert questions and all(answer in text or answer in "ABCD" for answer in questions)


def test_every_taught_fact_is_stated_and_asked():
    text = " ".join(document.text for document in documents(9, 12_000))
    for fact in load_valley().taught:
        assert any(statement in text for statement in fact.statements), fact.key
        assert any(question in text for question in fact.questions), fact.key
