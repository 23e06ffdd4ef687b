"""The learner's own Llama: kept when a check passes, run in its place, told by name when it fails, taken home."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from llama_lessons.checkpoints import load
from llama_lessons.config import LlamaConfig
from llama_lessons.files import MARK, data_path
from llama_lessons.model import Llama
from llama_lessons.my_llama import __main__ as command
from llama_lessons.my_llama import assemble, keeping
from llama_lessons.my_llama.joining import one_file
from llama_lessons.my_llama.keeping import Kept, kept
from llama_lessons.my_llama.parts import PARTS
from llama_lessons.tokenizer import Tokenizer
from tools.notebook_files import read_source, sources

SHAPE = LlamaConfig(dim=40, n_layers=3, n_heads=10, n_kv_heads=2, vocab_size=23, hidden_dim=56, max_seq_len=32)
NORM = "def my_rms_norm(x, weight, eps):\n    wide = x.float()\n    mean = (wide * wide).mean(-1, keepdim=True)\n"
GOOD_NORM = f"{NORM}    return (wide / (mean + eps) ** 0.5).type_as(x) * weight\n"
CHECK_NORM = "from llama_lessons.checks.model_parts import check_rms_norm\ncheck_rms_norm(my_rms_norm)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's folder of this test's own; nothing has passed yet."""
    monkeypatch.setattr(keeping, "session", {})
    monkeypatch.setattr(keeping, "folder", lambda: tmp_path / "my_llama")
    return tmp_path / "my_llama"


@pytest.fixture
def page(folder: Path):
    """A notebook: cells are run with `page("...")`, which gives back what went wrong, if anything did."""
    before, shell = sys.modules["__main__"], InteractiveShell()
    shell.init_sys_modules()
    sys.modules["__main__"] = shell.user_module
    shell.user_ns["__name__"] = "__main__"

    def run(*cells: str) -> BaseException | None:
        troubles = [shell.run_cell(cell) for cell in cells]
        return next((one.error_in_exec or one.error_before_exec for one in troubles if not one.success), None)

    yield run
    sys.modules["__main__"] = before


def own(text: str, **names: str) -> dict[str, Kept]:
    return {name: Kept("yours", text) for name in names} if names else {"norm": Kept("yours", text)}


def test_what_passes_is_kept_with_a_line_that_says_when(page, folder: Path, capsys):
    assert page("import torch", GOOD_NORM + CHECK_NORM) is None
    head, _, text = (folder / "norm.py").read_text().partition("\n")
    assert head.startswith("# norm of your own Llama, from lesson 05. Its check passed on 20")
    assert text == GOOD_NORM
    assert "20" not in capsys.readouterr().out.replace("on all", ""), "a time was printed"


def test_a_later_pass_replaces_it_and_a_failure_does_not(page, folder: Path):
    page(GOOD_NORM + CHECK_NORM)
    assert page(GOOD_NORM.replace(" + eps", "") + CHECK_NORM) is not None
    assert kept()["norm"].text.endswith(GOOD_NORM)
    better = GOOD_NORM.replace("wide * wide", "wide.square()")
    assert page(better + CHECK_NORM) is None
    assert kept()["norm"].text.endswith(better)
    assert (folder / "norm.py").read_text().endswith(better)


def test_a_solution_of_the_page_is_no_part_of_the_learner(page, folder: Path):
    page(GOOD_NORM + CHECK_NORM)
    page(GOOD_NORM.replace("my_", "solved_") + CHECK_NORM.replace("(my_", "(solved_"))
    assert [part.name for part in folder.iterdir()] == ["norm.py"]
    assert kept()["norm"] == Kept("yours", GOOD_NORM)
    assert (folder / "norm.py").read_text().endswith(GOOD_NORM)
    keeping.session.clear()  # another day
    page(GOOD_NORM.replace("my_", "solved_") + CHECK_NORM.replace("(my_", "(solved_"))
    assert kept()["norm"].owner == "yours"
    assert kept()["norm"].since.startswith("20")


def test_helpers_imports_and_constants_come_along(page, folder: Path):
    cells = (
        "import torch.nn.functional as F\nfrom math import sqrt\nfrom llama_lessons.norm import RMSNorm\nHALF = 0.5",
        "def mean_square(x):\n    return x.square().mean(-1, keepdim=True)",
        "def my_rms_norm(x, weight, eps):\n"
        "    size = (mean_square(x.float()) + eps) ** HALF * sqrt(1)\n"
        "    return (F.relu(x.float()) - F.relu(-x.float())).div(size).type_as(x) * weight\n" + CHECK_NORM,
    )
    assert page(*cells) is None
    text = kept()["norm"].text
    assert {"import torch.nn.functional as F", "from math import sqrt", "HALF = 0.5"} <= set(text.splitlines())
    assert "RMSNorm" not in text, "what it does not use"
    assert repr(assemble()).startswith("1 of 18 parts are yours")


@pytest.mark.parametrize(
    ("before", "line", "why"),
    [
        ("lengths = torch.ones(3)", "_ = lengths", "uses `lengths`, a Tensor of this notebook"),
        ("import numpy as np", "_ = np.pi", "uses `np` of numpy, and your Llama shall run with PyTorch alone"),
        ("half = lambda x: x / 2", "_ = half", "uses `half`, a function of this notebook"),
    ],
)
def test_a_part_that_cannot_stand_alone_says_why(page, folder: Path, capsys, before: str, line: str, why: str):
    page("import torch", before, GOOD_NORM.replace("    wide", f"    {line}\n    wide", 1) + CHECK_NORM)
    assert why in capsys.readouterr().out
    assert not folder.exists()


def test_where_a_page_is_nobody_s_own_nothing_is_written_and_nothing_said(page, folder: Path, monkeypatch, capsys):
    monkeypatch.setattr(keeping, "folder", lambda: None)
    page(GOOD_NORM + CHECK_NORM)
    assert capsys.readouterr().out == "my_rms_norm: right, on all 8 examples\n"
    assert not folder.exists()
    assert list(kept()) == ["norm"], "for this session it is there"


def test_a_folder_that_cannot_be_written_changes_nothing(page, folder: Path, capsys):
    folder.write_text("a file is in the way")
    assert page(GOOD_NORM + CHECK_NORM) is None
    assert capsys.readouterr().out == "my_rms_norm: right, on all 8 examples\n"
    assert folder.read_text() == "a file is in the way"


@pytest.mark.parametrize(
    ("own", "pytest_runs", "inside"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_only_a_learner_s_pages_keep_anything(tmp_path: Path, monkeypatch, own: bool, pytest_runs: bool, inside: bool):
    if own:
        (tmp_path / MARK).touch()
    monkeypatch.chdir(tmp_path)
    if not pytest_runs:
        monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert keeping.folder() == (tmp_path.resolve() / "my_llama" if inside else None)


def test_the_course_s_parts_alone_are_the_package_s_llama():
    model = Llama(SHAPE).double()
    tokens = torch.arange(14).view(2, 7) % SHAPE.vocab_size
    mine = assemble().like(model)
    torch.testing.assert_close(mine(tokens), model(tokens), rtol=1e-5, atol=1e-5)  # RMSNorm rounds to float32
    assert mine.output.weight.dtype == torch.float64


@pytest.mark.parametrize(
    ("text", "asked", "said"),
    [
        (GOOD_NORM.replace(".type_as(x)", ""), {"dtype": torch.bfloat16}, "norm: yours fails on two texts in bfloat16"),
        (GOOD_NORM.replace("wide = x.float()", "wide = torch.tensor(x.tolist())"), {"training": True}, "in gradients"),
        (GOOD_NORM.replace("return ", "return 2 * "), {}, "gives other numbers than the course's on two texts"),
        (GOOD_NORM.replace("(-1,", "(1,"), {}, "norm: yours"),
        ("def my_rms_norm(x", {}, "norm: yours fails as a file (SyntaxError"),
        (
            GOOD_NORM.replace("wide = x", "if x.sum() > 0: pass\n    wide = x"),
            {"device": "meta"},
            "norm: yours fails on",
        ),
    ],
    ids=["another dtype", "no gradient", "other numbers", "another axis", "no Python", "only shapes"],
)
def test_a_part_that_fails_is_told_by_name_and_the_course_s_takes_its_place(monkeypatch, capsys, text, asked, said):
    mask = (
        "def my_mask(n_new, n_all):\n    return torch.arange(n_all) <= torch.arange(n_new)[:, None] + n_all - n_new\n"
    )
    parts = {"mask": Kept("yours", f"import torch\n{mask}"), "norm": Kept("yours", f"import torch\n{text}")}
    parts["clip"] = Kept(
        "yours",
        "def my_clip(gradients, limit):\n    size = sum(g.square().sum() for g in gradients) ** 0.5\n"
        "    return [g * min(1, limit / size) for g in gradients]\n",
    )
    monkeypatch.setattr("llama_lessons.my_llama.assembling.kept", lambda: parts)
    llama = assemble(**asked)
    printed = capsys.readouterr().out
    assert said in printed
    assert printed.endswith("The course's takes its place.\n")
    assert [llama.whose[name] for name in ("mask", "norm", "clip")] == ["yours", "course", "yours"]


def test_a_part_that_fails_only_behind_a_cache_or_in_a_batch_is_told(monkeypatch, capsys):
    cache = "class MyCache:\n    def __init__(self, *sizes):\n        self.all = []\n\n"
    cache += "    def extend(self, keys, values):\n"
    cache += (
        "        self.all.append((keys, values))\n        return torch.cat([k for k, _ in self.all[-2:]], 2), values\n"
    )
    block = "def my_block(x, a, an, f, fn):\n    x = x + a(an(x))\n    T, C = x.shape\n    return x + f(fn(x))\n"
    parts = {"cache": Kept("yours", f"import torch\n{cache}"), "block": Kept("yours", block)}
    monkeypatch.setattr("llama_lessons.my_llama.assembling.kept", lambda: parts)
    assert set(assemble().troubles) == {"cache", "block"}
    printed = capsys.readouterr().out
    assert "cache: yours fails on 2 tokens behind a cache of 3" in printed
    assert "block: yours fails on two texts (ValueError: too many values" in printed


@pytest.mark.parametrize("name", PARTS)
def test_every_part_is_really_used(monkeypatch, capsys, name: str):
    text = f"def {PARTS[name].slot}(*what):\n    raise ValueError('called')\n"
    monkeypatch.setattr("llama_lessons.my_llama.assembling.kept", lambda: {name: Kept("yours", text)})
    troubles = assemble().troubles | assemble(training=True).troubles
    assert "(ValueError: called)" in troubles[name]
    assert f"{name}: yours fails" in capsys.readouterr().out


def test_helpers_of_one_name_stay_two():
    helper = "def size(x):\n    return {}\n\n\n"
    norm = helper.format("x.square().mean(-1, keepdim=True)") + (
        "def my_rms_norm(x, weight, eps):\n    return x / (size(x) + eps).sqrt() * weight\n"
    )
    rate = (
        "def size(x, size=1):\n    return x\n\n\n"
        + "def my_feed_forward(x, a, b, c):\n    return size(x) @ a.T @ c.T\n"
    )
    text = one_file({"norm": Kept("yours", norm), "feed_forward": Kept("yours", rate)})
    assert "def size(x):\n    return x.square()" in text
    assert "def size_of_feed_forward(x, size_of_feed_forward=1):" in text
    assert "return size_of_feed_forward(x) @ a.T" in text


def test_a_helper_that_two_parts_share_is_there_once():
    shared = "import math\n\n\ndef half(x):\n    return x / 2\n\n\ndef {}: return half(half(x))\n"
    parts = {"norm": Kept("yours", shared.format("my_rms_norm(x)")), "clip": Kept("yours", shared.format("my_clip(x)"))}
    text = one_file(parts)
    assert (text.count("def half("), text.count("import math\n")) == (1, 1)


@pytest.fixture
def solved(page) -> dict[str, Kept]:
    """The parts of somebody who has solved all exercises as the solutions do, in one session."""
    page("import math\nimport torch\nfrom torch import nn\nfrom torch.nn.functional import silu")
    page("from llama_lessons.rope import rope_angles, rotate\nfrom llama_lessons.attention import causal_attention")
    for source in sources(sorted({part.lesson for part in PARTS.values()})):
        lines = source.read_text(encoding="utf-8").splitlines()
        for cell in read_source(source).cells:
            if "solution" in cell.metadata.get("tags", []):
                definition, check, _ = re.split(r"^(check_\w+)", cell.source, maxsplit=1, flags=re.MULTILINE)
                theirs = definition.replace("solved_", "my_").replace("Solved", "My")
                name = re.search(r"^(?:def|class) (\w+)", theirs, re.MULTILINE)[1]
                page(*(line for line in lines if line.endswith(f" import {check}")), f"{theirs}{check}({name})")
    return kept()


def test_who_solves_all_exercises_has_a_whole_llama_that_runs_alone_and_equals_transformers(
    solved: dict[str, Kept], folder: Path, tmp_path: Path, capsys
):
    assert set(solved) == set(PARTS)
    assert {part.owner for part in solved.values()} == {"yours"}
    assert command.export(tmp_path / "home" / "mine.py", folder).endswith("18 of 18 parts are yours")
    text = (tmp_path / "home" / "mine.py").read_text()
    assert text.count(": yours") == 18
    assert ": the course's" not in text
    alone = (
        "import sys; sys.modules.update(llama_lessons=None, safetensors=None, transformers=None); import mine, torch; "
        f"from pathlib import Path; model = mine.load(Path({str(data_path('checkpoints/base'))!r})); "
        "ids = torch.arange(5, 25).view(2, 10); torch.save(model(ids), 'logits.pt'); "
        "print(mine.generate(model, [1, 5, 9], 12, temperature=0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", alone],
        cwd=tmp_path / "home",
        env={"PATH": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stderr == ""
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        data_path("checkpoints/base"), dtype=torch.float32
    ).eval()
    with torch.no_grad():
        ids = torch.arange(5, 25).view(2, 10)
        wanted = theirs(ids).logits
        told = theirs.generate(torch.tensor([[1, 5, 9]]), max_new_tokens=12, do_sample=False)[0, 3:].tolist()
    gap = (torch.load(tmp_path / "home" / "logits.pt") - wanted).abs().max() / wanted.abs().max()
    assert gap < 1e-5
    assert done.stdout.strip() == str(told)


def test_the_file_goes_on_with_a_text(tmp_path: Path):
    (tmp_path / "mine.py").write_text(one_file({}, learning=False))
    words = [sys.executable, "mine.py", str(data_path("checkpoints/base")), "Once upon a time"]
    done = subprocess.run(
        words, cwd=tmp_path, env={"PATH": "", "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Once upon a time")
    assert len(done.stdout) > 30


def test_the_command_says_what_it_did_and_replaces_nothing_of_another_kind(
    folder: Path, tmp_path: Path, monkeypatch, capsys
):
    monkeypatch.setattr(command, "MY_LESSONS", folder.parent)
    folder.mkdir()
    (folder / "norm.py").write_text(
        f"# norm of your own Llama, from lesson 05. Its check passed on 2026-12-01 10:00.\n{GOOD_NORM}"
    )
    path = tmp_path / "mine.py"
    assert [command.main(["export", str(path)]), command.main(["export", str(path)])] == [0, 0]
    assert capsys.readouterr().out.endswith("mine.py written: 1 of 18 parts are yours\n")
    assert "# norm, lesson 05: yours, since 2026-12-01 10:00\ndef my_rms_norm" in path.read_text()
    assert "# rotation, lesson 03: the course's\n" in path.read_text()
    assert "def train(" not in path.read_text(), "nothing of lessons 06 and 08 is the learner's"
    (folder / "norm.py").write_text("def my_rms_norm(")
    path_of_notes = tmp_path / "notes.py"
    path_of_notes.write_text("my notes")
    for file, trouble in ((path, "norm.py does not run (SyntaxError"), (path_of_notes, "is a file of another kind")):
        before = file.read_text()
        with pytest.raises(SystemExit):
            command.main(["export", str(file)])
        assert trouble in capsys.readouterr().err
        assert file.read_text() == before


def test_its_writing_is_the_package_s():
    from llama_lessons.generate import generate

    model = load(data_path("checkpoints/base"), dtype=torch.float32)
    tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
    mine, ids = assemble(), tok.encode("Once upon a time, there was a llama")
    own_draws, their_draws = (torch.Generator().manual_seed(3) for _ in range(2))
    greedy = mine.generate(mine.like(model), ids, 20, temperature=0)
    assert greedy == generate(model, [ids], 20, temperature=0)[0]
    drawn = mine.generate(mine.like(model), ids, 20, 1.0, 0.9, 50, generator=own_draws)
    assert drawn == generate(model, [ids], 20, 1.0, 0.9, 50, generator=their_draws)[0]
