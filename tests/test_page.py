import base64
import io
import os
import subprocess
import sys

import pytest
import torch

from llama_lessons import page
from llama_lessons.page import stable


@pytest.fixture
def building(monkeypatch):
    monkeypatch.setenv(page.BUILDING, "1")


@pytest.mark.parametrize(
    ("x", "digits", "text"),
    [
        (1.23456, 2, "1.23"),
        (-0.001, 2, "0.00"),
        (-1.5, 0, "-2"),
        ([1.0, -2.25], 1, "[1.0, -2.2]"),
        (torch.tensor([[0.5, 1.0], [-1e-9, 2.0]]), 2, "[[0.50, 1.00], [0.00, 2.00]]"),
        (torch.tensor(3.14159), 3, "3.142"),
    ],
)
def test_numbers_are_rounded_and_minus_zero_is_zero(x, digits, text):
    assert stable(x, digits) == text


@pytest.mark.parametrize("x", [0.12496, 0.12504, -0.12496, [1.0, 2.005]])
def test_a_number_near_its_rounding_boundary_is_refused_while_building(building, x):
    with pytest.raises(ValueError, match="within 5e-05 of a rounding boundary at 2 decimals"):
        stable(x)


@pytest.mark.parametrize("x", [0.1249, 0.1251, 0.0, -0.00002, float("inf")])
def test_a_number_far_from_it_is_printed_while_building(building, x):
    assert stable(x)


def test_outside_a_build_nothing_is_refused():
    assert stable(0.12496) == "0.12"


def test_a_picture_carries_its_description(monkeypatch):
    from matplotlib import pyplot

    shown = {}
    monkeypatch.setattr("IPython.display.display", lambda data, raw, metadata: shown.update(data=data, meta=metadata))
    figure, axes = pyplot.subplots()
    axes.plot([1, 2])
    page.show(figure, alt="a line that rises")
    assert base64.b64decode(shown["data"]["image/png"]).startswith(b"\x89PNG")
    assert shown["data"]["text/plain"] == shown["meta"]["image/png"]["alt"] == "a line that rises"
    assert not pyplot.get_fignums()


def test_a_picture_keeps_its_colours_in_a_third_of_the_bytes(monkeypatch):
    from matplotlib import pyplot
    from PIL import Image

    shown = {}
    monkeypatch.setattr("IPython.display.display", lambda data, raw, metadata: shown.update(data))
    figure, (left, right) = pyplot.subplots(1, 2)
    left.imshow(torch.rand(20, 20), cmap="viridis")
    right.plot([1, 2], "--", color="#D55E00")
    plain = io.BytesIO()
    figure.savefig(plain, format="png")
    page.show(figure, alt="noise, and a line that rises")
    png = base64.b64decode(shown["image/png"])
    assert len(png) < len(plain.getvalue()) / 2
    before, after = (
        torch.frombuffer(bytearray(Image.open(file).convert("RGB").tobytes()), dtype=torch.uint8).int()
        for file in (plain, io.BytesIO(png))
    )
    assert (before - after).abs().max() <= 12  # of 255


def test_setup_seeds_and_can_run_twice():
    page.setup()
    first = torch.randn(3)
    page.setup()
    assert torch.equal(torch.randn(3), first)
    assert repr(torch.tensor([1 / 3])) == "tensor([0.33])"


def stderr_of_a_lesson(code: str, folder, home: str) -> str:
    """What a lesson that begins with setup() writes to stderr, in a process of its own that may not write to `home`."""
    moved = ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HF_HOME", "PYTHONWARNINGS")
    environment = {name: value for name, value in os.environ.items() if name not in moved}
    lesson = f"from llama_lessons.page import setup\n\nsetup()\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", lesson], cwd=folder, env={**environment, "HOME": home}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_lesson_is_quiet_where_the_home_folder_cannot_be_written(tmp_path):
    libraries = "from matplotlib import pyplot\n_ = pyplot.subplots()\nfrom transformers import LlamaForCausalLM\n"
    assert stderr_of_a_lesson(libraries, tmp_path, home="/proc/nope") == ""


@pytest.mark.parametrize("category", ["RuntimeWarning", "DeprecationWarning", "UserWarning", "FutureWarning"])
def test_what_a_library_warns_of_itself_is_not_shown_and_what_a_reader_caused_is(tmp_path, category):
    (tmp_path / "library.py").write_text(
        f"import warnings\n\ndef compile():\n    warnings.warn('Guards may run slower on Python 3.13.0', {category})\n"
        "\ndef divide():\n    warnings.warn('by zero', UserWarning, stacklevel=2)\n"
    )
    assert stderr_of_a_lesson("import library\nlibrary.compile()", tmp_path, home=str(tmp_path)) == ""
    assert "by zero" in stderr_of_a_lesson("import library\nlibrary.divide()", tmp_path, home=str(tmp_path))
