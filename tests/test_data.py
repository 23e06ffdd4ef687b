"""What `data/README.md` says about each file is true, and the texts are all in it."""

from __future__ import annotations

import hashlib

import pytest

from llama_lessons.files import COURSE, data_path

TABLE = [line for line in (COURSE / "data" / "README.md").read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
ROWS = {row[0].strip("`"): row[1:] for row in ([cell.strip() for cell in line.split("|")[1:-1]] for line in TABLE)}


@pytest.mark.parametrize("name", ROWS)
def test_a_listed_file_is_the_one_that_was_listed(name: str):
    what, origin, licence, size, digest, command = ROWS[name]
    content = data_path(name).read_bytes()
    assert int(size) == len(content)
    assert digest.strip("`") == hashlib.sha256(content).hexdigest()
    assert all([what, origin, licence, command])


def test_every_text_is_listed():
    texts = {f"texts/{path.name}" for path in (COURSE / "data" / "texts").iterdir()}
    assert texts == {name for name in ROWS if name.startswith("texts/")}


def test_the_held_out_letter_shares_no_line_with_the_almanac():
    almanac, letter = (data_path(f"texts/{name}.txt").read_text(encoding="utf-8") for name in ("valley", "letter"))
    assert not {line for line in letter.splitlines() if line} & set(almanac.splitlines())
