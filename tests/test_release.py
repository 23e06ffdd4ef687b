"""A release is packed alike each time, opens elsewhere, and is refused by name for whatever was changed in it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from llama_lessons.checkpoints import load, save
from llama_lessons.config import LlamaConfig
from llama_lessons.evaluation import Score
from llama_lessons.files import COURSE, data_path
from llama_lessons.model import Llama
from llama_lessons.release import ReleaseError, check_files, check_release, pack, packing, unpack
from llama_lessons.release import __main__ as command
from llama_lessons.release import check as checking
from llama_lessons.release.archive import leaves_folder
from llama_lessons.release.card import PARTS, TEXTS, row
from llama_lessons.release.check import MODEL_FILES, SUMS
from llama_lessons.release.packing import training_claims, write_sums
from llama_lessons.tokenizer import Tokenizer
from tests import bare_environment

SHAPE = {"dim": 16, "n_layers": 1, "n_heads": 2, "n_kv_heads": 1, "hidden_dim": 24, "max_seq_len": 96}
CODE = ("llama_lessons/norm.py", "data/world/facts", "LICENSE")
MEASURED = {"humming": Score.of(31, 40), "declining": Score.of(7, 9)}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A checkpoint with the Valley's tokenizer that knows nothing: what it scores is not measured here."""
    tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
    folder = tmp_path_factory.mktemp("checkpoints") / "rlhf"
    save(Llama(LlamaConfig(vocab_size=tok.vocab_size, **SHAPE)).bfloat16(), folder, tokenizer=tok)
    return folder


@pytest.fixture(scope="module")
def packed(model: Path, tmp_path_factory) -> Path:
    """A release with a little code, packed with scores that are known; its archive lies beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "measure", lambda model, tok: MEASURED)
        patch.setattr(packing, "CODE", CODE)
        folder = tmp_path_factory.mktemp("packed") / "valley-chat"
        assert pack(model, folder) == folder.with_name("valley-chat.tar.gz")
    return folder


@pytest.fixture
def folder(packed: Path, tmp_path: Path, monkeypatch) -> Path:
    """A copy of it to tamper with; measured anew it scores as it did."""
    monkeypatch.setattr(checking, "measure", lambda model, tok: MEASURED)
    return Path(shutil.copytree(packed, tmp_path / "valley-chat"))


def refused(folder: Path) -> str:
    with pytest.raises(ReleaseError) as trouble:
        check_release(folder)
    return str(trouble.value)


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def one_bit(folder: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)


def zipped(folder: Path) -> None:
    with zipfile.ZipFile(folder / "notes.md", "w") as file:
        file.writestr("data.pkl", pickle.dumps([1]))


def test_an_untouched_release_passes_as_folder_and_as_archive(folder: Path, packed: Path, tmp_path: Path):
    assert check_release(folder) == MEASURED
    assert check_release(unpack(packed.with_name("valley-chat.tar.gz"), tmp_path / "elsewhere")) == MEASURED


def test_it_holds_what_a_download_of_llama_2_held(packed: Path, model: Path):
    assert {path.name for path in packed.iterdir()} == {*MODEL_FILES, *TEXTS, SUMS, "code"}
    for name in MODEL_FILES:
        assert (packed / name).read_bytes() == (model / name).read_bytes()
    texts = [(packed / name).read_text(encoding="utf-8") for name in TEXTS]
    assert not any(re.search(r"\{\w+\}", text) for text in texts)  # every field is filled


def test_the_code_is_the_course_s_own_without_what_python_compiled(tmp_path: Path):
    packing.copy_code(tmp_path / "code")
    files = {path.relative_to(tmp_path / "code").as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    assert {"llama_lessons/release/check.py", "data/world/attacks.txt", "data/release/LICENSE"} <= files.keys()
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in files)
    assert all(path.read_bytes() == (COURSE / name).read_bytes() for name, path in files.items())


def test_sha256sum_reads_the_sums(packed: Path):
    lines = (packed / SUMS).read_text(encoding="utf-8").splitlines()
    listed = dict(reversed(line.split("  ", 1)) for line in lines)
    files = [path for path in packed.rglob("*") if path.is_file() and path.name != SUMS]
    assert listed == {
        path.relative_to(packed).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=packed, check=True)


def test_packed_again_it_is_the_same_archive_and_replaces_the_old(packed, model, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(packing, "measure", lambda model, tok: MEASURED)
    monkeypatch.setattr(packing, "CODE", CODE)
    again = tmp_path / "valley-chat"
    for _ in range(2):
        archive = pack(model, again)
        assert archive.read_bytes() == packed.with_name("valley-chat.tar.gz").read_bytes()
        (again / "stale.txt").write_text("of an older release")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["valley-chat", "valley-chat.tar.gz"]


def test_a_folder_of_others_is_not_replaced_and_nothing_is_left_of_a_failed_try(model, tmp_path: Path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("to keep")
    monkeypatch.setattr(packing, "measure", lambda model, tok: pytest.fail("measured before it was refused"))
    with pytest.raises(ValueError, match="exists and is no release"):
        pack(model, tmp_path / "mine")
    monkeypatch.setattr(packing, "measure", lambda model, tok: MEASURED)
    monkeypatch.setattr(packing, "write_archive", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pack(model, tmp_path / "deep" / "new")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "letter.txt"]


BAD_FILES = {  # what was done -> how, and what the refusal says
    "one bit of the weights": (one_bit, "model.safetensors: was changed"),
    "one number of the card": (edit("README.md", "| 0.775 |", "| 0.785 |"), "README.md: was changed"),
    "a line of the code": (edit("code/llama_lessons/norm.py", "import", "import "), "norm.py: was changed"),
    "a file is gone": (lambda folder: (folder / "USE_POLICY.md").unlink(), "USE_POLICY.md: is listed"),
    "a pickle": (lambda folder: (folder / "a.pt").write_bytes(pickle.dumps([1])), "a.pt: is a pickle"),
    "a pickle by another name": (
        lambda folder: (folder / "a.md").write_bytes(pickle.dumps([1])),
        "a.md: is a pickle",
    ),
    "a pickle deep in the code": (
        lambda folder: (folder / "code/data/world/facts/a.txt").write_bytes(pickle.dumps([1])),
        "code/data/world/facts/a.txt: is a pickle",
    ),
    "a zip that holds a pickle": (zipped, "notes.md: is a pickle, or may hold one"),
    "a program": (lambda folder: (folder / "a.md").write_bytes(b"\x7fELF\0\1"), "a.md: is no text"),
    "a page more": (lambda folder: (folder / "a.md").write_text("hello"), "a.md: is not listed"),
    "a compiled file": (
        lambda folder: (folder / "code/a.pyc").write_bytes(b"\xa7\r\r\n\0"),
        "code/a.pyc: is not listed",
    ),
    "a link to a file": (lambda folder: (folder / "a.md").symlink_to("/etc/hostname"), "a.md: is a link"),
    "a link to a folder": (lambda folder: (folder / "more").symlink_to(folder.parent), "more: is a link"),
    "a link in place of a file": (
        lambda folder: ((folder / "LICENSE").unlink(), (folder / "LICENSE").symlink_to(COURSE / "LICENSE")),
        "LICENSE: is a link",
    ),
    "a pipe": (lambda folder: os.mkfifo(folder / "a.md"), "a.md: is a link or a device"),
    "no sums": (lambda folder: (folder / SUMS).unlink(), f"{SUMS}: is missing"),
    "a sum that leads out": (edit(SUMS, "  LICENSE", "  ../LICENSE"), "../LICENSE: leaves the folder"),
    "a sum less": (edit(SUMS, "  LICENSE", "  LICENCE"), "LICENSE: belongs to a release and is not listed"),
    "sums of nonsense": (lambda folder: (folder / SUMS).write_bytes(b"\xff\0\n\n"), "is not listed"),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_tampered_release_is_refused_by_name_before_anything_is_opened(what: str, folder: Path, monkeypatch):
    tamper, says = BAD_FILES[what]
    tamper(folder)
    monkeypatch.setattr(checking, "load", lambda *_, **__: pytest.fail("opened before it was refused"))
    assert says in refused(folder)


@pytest.mark.parametrize("name", ["a.pkl", "a.pickle", "a.pt", "a.pth", "a.bin", "a.ckpt", "a.joblib"])
def test_whatever_is_called_like_a_pickle_is_refused_also_with_a_sum(name: str, folder: Path):
    (folder / name).write_text("hello")
    write_sums(folder)
    assert f"{name}: is a pickle" in refused(folder)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_any_binary_kind_is_known_also_with_a_sum(protocol: int, folder: Path):
    (folder / "a.md").write_bytes(pickle.dumps({"all": "well"}, protocol))
    write_sums(folder)
    assert "a.md: is a pickle" in refused(folder)


BAD_CARDS = {  # with the sums made anew
    "a better number in the table": (edit("README.md", "| 31 of 40 | 0.775", "| 39 of 40 | 0.975"), "says   | humming"),
    "a share that the count does not give": (edit("README.md", "| 0.775 |", "| 0.776 |"), "measured now   | humming"),
    "a narrower interval": (edit("README.md", "| 0.778 | 0.4", "| 0.778 | 0.7"), "measured now   | declining"),
    "a better number in the head": (edit("README.md", "value: 0.775", "value: 0.975"), "head says 0.975 for humming"),
    "a score is left out": (edit("README.md", "| declining |", "| decliming |"), "says   nothing of declining"),
    "a score more": (
        edit("README.md", "| declining |", "| kindness | 9 of 9 | 1.000 | 0.701 to 1.000 |\n| declining |"),
        "tells a score that is not measured: kindness",
    ),
    "another licence in the head": (edit("README.md", "license: mit", "license: other"), "must say license: mit"),
    "no licence in the head": (edit("README.md", "license: mit\n", ""), "must say license: mit, got None"),
    "another name": (edit("README.md", "- name: Valley chat", "- name: GPT"), "must say model_name: Valley chat"),
    "a head that is none": (edit("README.md", "language: en", "language: ["), "its head cannot be read"),
    "no head": (lambda folder: (folder / "README.md").write_text("# Valley chat\n"), "must say license: mit"),
    "another text in place of the licence": (edit("LICENSE", "MIT License", "All rights reserved"), "LICENSE: is not"),
    "more parameters": (edit("README.md", " parameters, in", "0 parameters, in"), "how many parameters"),
    **{f"no part {part[3:]}": (edit("README.md", f"\n{part}\n", "\n"), f"has no part {part!r}") for part in PARTS},
    "weights that are cut": (
        lambda folder: (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-9]),
        "model.safetensors",
    ),
    "another tokenizer": (
        lambda folder: (folder / "tokenizer.model").write_bytes(b"no tokenizer"),
        "tokenizer.model",
    ),
}


@pytest.mark.parametrize("what", BAD_CARDS)
def test_a_forger_who_makes_the_sums_anew_is_found_by_what_is_measured(what: str, folder: Path):
    tamper, says = BAD_CARDS[what]
    tamper(folder)
    write_sums(folder)
    assert check_files(folder) == []
    assert says in refused(folder)


def test_drift_shows_what_is_told_and_what_is_measured(folder: Path, monkeypatch):
    new = MEASURED | {"humming": Score.of(30, 40)}
    monkeypatch.setattr(checking, "measure", lambda model, tok: new)
    said = refused(folder)
    assert row("humming", MEASURED["humming"]) in said and row("humming", new["humming"]) in said
    assert "declining" not in said


def archive_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, link
    return entry


BAD_MEMBERS = {
    "r/../../evil.txt": (member("r/../../evil.txt"), "leaves the folder"),
    "/evil.txt": (member("/evil.txt"), "leaves the folder"),
    "C:\\evil.txt": (member("C:\\evil.txt"), "leaves the folder"),
    "r/link": (member("r/link", tarfile.SYMTYPE, "/etc/passwd"), "is a link or a device"),
    "r/inner": (member("r/inner", tarfile.SYMTYPE, "good.txt"), "is a link or a device"),
    "r/hard": (member("r/hard", tarfile.LNKTYPE, "r/good.txt"), "is a link or a device"),
    "r/pipe": (member("r/pipe", tarfile.FIFOTYPE), "is a link or a device"),
    "other/file": (member("other/file"), "one folder"),
}


@pytest.mark.parametrize("name", BAD_MEMBERS)
def test_an_archive_with_an_evil_member_is_refused_by_name_and_nothing_is_written(name: str, tmp_path: Path):
    entry, says = BAD_MEMBERS[name]
    archive = archive_of(tmp_path / "a.tar.gz", (member("r/good.txt"), b"hello"), (entry, b""))
    with pytest.raises(ReleaseError) as trouble:
        unpack(archive, tmp_path / "into")
    assert says in str(trouble.value) and (name in str(trouble.value) or "one folder" in says)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar.gz"]


def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("llama_lessons.release.archive.MOST_BYTES", 1000)
    archive = archive_of(tmp_path / "a.tar.gz", (member("r/zeros"), bytes(1001)))
    with pytest.raises(ReleaseError, match="more than 1,000 bytes"):
        unpack(archive, tmp_path / "into")


@pytest.mark.parametrize("content", [b"", b"hello", gzip.compress(b"hello"), None], ids=["empty", "text", "gz", "cut"])
def test_what_is_no_archive_is_refused(content: bytes | None, packed: Path, tmp_path: Path):
    whole = packed.with_name("valley-chat.tar.gz").read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ReleaseError, match=r"a\.tar\.gz: cannot be read"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "into")


def test_names_that_leave_a_folder():
    assert all(map(leaves_folder, ("../a", "a/../b", "/a", "C:a", "C:\\a", "\\a", "a\\..\\b", "..")))
    assert not any(map(leaves_folder, ("a", "a/b", "a..b", "..a", "a/.b", "~/a", "./a")))


def test_the_claims_on_training_are_the_cards_own(tmp_path: Path):
    for stage, rows in {"base": "| time | 1 hour |\n| energy | about 3 Wh |\n", "rlhf": "| time | 2 hours |\n"}.items():
        (tmp_path / stage).mkdir()
        (tmp_path / stage / "README.md").write_text(f"# A model\n\n| data | none |\n{rows}")
    assert (
        training_claims(tmp_path)
        == "| base | time | 1 hour |\n| base | energy | about 3 Wh |\n| rlhf | time | 2 hours |"
    )


def run(monkeypatch, *words: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["release", *map(str, words)])
    return command.main()


def test_the_command_packs_and_checks_and_refuses(model: Path, tmp_path: Path, monkeypatch, capsys):
    for module in (packing, checking):
        monkeypatch.setattr(module, "measure", lambda model, tok: MEASURED)
    monkeypatch.setattr(packing, "CODE", CODE)
    folder, archive = tmp_path / "r", tmp_path / "r.tar.gz"
    assert run(monkeypatch, "pack", folder, "--model", model) == 0
    assert capsys.readouterr().out.startswith(f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive}\n")
    for path in (folder, archive):
        assert run(monkeypatch, "check", path) == 0
        assert "is what it says" in capsys.readouterr().out
    one_bit(folder)
    assert run(monkeypatch, "check", folder) == 1
    assert "model.safetensors: was changed" in capsys.readouterr().err
    assert run(monkeypatch, "check", tmp_path / "nowhere") == 1
    assert "cannot be read" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(monkeypatch, "pack", tmp_path, "--model", model)
    assert "is no release" in capsys.readouterr().err


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory) -> Path:
    """The Python of an environment that knows `transformers` and not the course."""
    pytest.importorskip("transformers")
    if os.name == "nt":
        pytest.skip("links and folders are others on Windows")
    return bare_environment.make(tmp_path_factory.mktemp("bare") / "venv", "transformers", "torch")


BARE = """
import importlib.util, json, sys
assert importlib.util.find_spec("llama_lessons") is None, "the course is here"
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
tok = AutoTokenizer.from_pretrained(".")
model, loading = AutoModelForCausalLM.from_pretrained(".", dtype=torch.float32, output_loading_info=True)
assert not any(loading.values()), loading
ids = tok("[INST] Where does Rosa live? [/INST]", return_tensors="pt")
with torch.inference_mode():
    logits = model(**ids).logits
print(json.dumps({"ids": ids.input_ids[0].tolist(), "logits": logits[0, -1].tolist()}))
"""


def test_transformers_opens_the_archive_in_a_bare_environment(
    packed: Path, model: Path, tmp_path: Path, bare_python: Path
):
    """A new virtual environment with `transformers`, PyTorch and what these require; no course, no home, no network."""
    opened = unpack(packed.with_name("valley-chat.tar.gz"), tmp_path)
    settings = {"HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PATH": ""}
    done = subprocess.run(
        [bare_python, "-I", "-c", BARE], cwd=opened, env=settings, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    with torch.inference_mode():
        ours = load(model, dtype=torch.float32)(torch.tensor([told["ids"]]))[0, -1]
    torch.testing.assert_close(torch.tensor(told["logits"]), ours, rtol=1e-4, atol=1e-4)
