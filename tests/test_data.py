"""What `data/README.md` says about each file is true; texts and checkpoints are all in it; the tool keeps it so."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from llama_lessons.checkpoints import save
from llama_lessons.config import LlamaConfig
from llama_lessons.files import COURSE, data_path
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer
from tools.data_table import WHAT, renew

TABLE = [line for line in (COURSE / "data" / "README.md").read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
ROWS = {row[0].strip("`"): row[1:] for row in ([cell.strip() for cell in line.split("|")[1:-1]] for line in TABLE)}


@pytest.mark.parametrize("name", ROWS)
def test_a_listed_file_is_the_one_that_was_listed(name: str):
    what, origin, licence, size, digest, command = ROWS[name]
    content = data_path(name).read_bytes()
    assert int(size) == len(content)
    assert digest.strip("`") == hashlib.sha256(content).hexdigest()
    assert all([what, origin, licence, command])


def test_a_name_is_listed_once():
    assert len(ROWS) == len(TABLE)


@pytest.mark.parametrize("folder", ["texts", "checkpoints"])
def test_every_file_is_listed(folder: str):
    """Should this fail for checkpoints, `python tools/data_table.py` brings the table up to date."""
    data = COURSE / "data"
    files = {path.relative_to(data).as_posix() for path in (data / folder).rglob("*") if path.is_file()}
    assert files and files == {name for name in ROWS if name.startswith(f"{folder}/")}


def test_the_held_out_letter_shares_no_line_with_the_almanac():
    almanac, letter = (data_path(f"texts/{name}.txt").read_text(encoding="utf-8") for name in ("valley", "letter"))
    assert not {line for line in letter.splitlines() if line} & set(almanac.splitlines())


HEAD = "# Data\n\nSome words.\n\n| file | what | origin | licence | bytes | sha256 | rebuilt by |\n"
HEAD += "|---|---|---|---|---|---|---|\n"
TEXT = "| `texts/a.txt` | a text | a hand | CC | 5 | `old` | hand |\n"
CONFIG = "| `checkpoints/b/config.json` | a shape | a run | MIT | 9 | `old` | `make b` |\n"
GONE = "| `checkpoints/b/gone.json` | a file of old | a run | MIT | 9 | `old` | `make b` |\n"
TAIL = "\nMore words, with a | and `code`.\n"


def small_data(folder: Path, table: str) -> Path:
    """A data folder with one text, two files of a checkpoint, and a page with this table."""
    for name, content in {"texts/a.txt": "llama\n", "checkpoints/b/config.json": "{}", "README.md": table}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode())
    (folder / "checkpoints/b/model.safetensors").write_bytes(bytes(range(200)))
    return folder


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_tool_renews_sizes_and_sums_adds_new_files_and_drops_those_that_are_gone(tmp_path: Path):
    data = small_data(tmp_path, HEAD + TEXT + CONFIG + GONE + TAIL)
    renew(data)
    weights = f"| `checkpoints/b/model.safetensors` | {WHAT['model.safetensors']} | made by this course | MIT | 200 | "
    assert (data / "README.md").read_text() == (
        HEAD
        + f"| `texts/a.txt` | a text | a hand | CC | 6 | `{digest(b'llama' + bytes([10]))}` | hand |\n"
        + f"| `checkpoints/b/config.json` | a shape | a run | MIT | 2 | `{digest(b'{}')}` | `make b` |\n"
        + f"{weights}`{digest(bytes(range(200)))}` | `make weights` |\n"
        + TAIL
    )


def test_the_tool_can_say_of_each_file_of_a_checkpoint_what_it_is(tmp_path: Path):
    shape = {"dim": 8, "n_layers": 1, "n_heads": 2, "n_kv_heads": 1, "hidden_dim": 6, "max_seq_len": 9}
    tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
    save(Llama(LlamaConfig(vocab_size=tok.vocab_size, **shape)), tmp_path / "b", tokenizer=tok)
    assert {path.name for path in (tmp_path / "b").iterdir()} == WHAT.keys() - {"README.md"}


def test_the_tool_changes_nothing_where_all_is_right(tmp_path: Path):
    data = small_data(tmp_path, HEAD + TEXT + TAIL)
    renew(data)
    first = (data / "README.md").read_text()
    renew(data)
    assert (data / "README.md").read_text() == first


def test_the_tool_does_not_drop_a_text_that_is_missing(tmp_path: Path):
    data = small_data(tmp_path, HEAD + TEXT + TAIL)
    (data / "texts/a.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.txt"):
        renew(data)
    assert (data / "README.md").read_text() == HEAD + TEXT + TAIL


def test_the_tool_needs_a_table_to_begin_from(tmp_path: Path):
    with pytest.raises(ValueError, match=r"README\.md has no table with a row"):
        renew(small_data(tmp_path, "# Data\n"))
