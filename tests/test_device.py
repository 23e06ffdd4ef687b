import gc
import sys
import weakref

import pytest
import torch
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from llama_lessons.device import CHOICE, free, multiplies_bfloat16, pick_device
from tools.notebook_files import KERNELSPEC


def test_the_named_device_is_taken(monkeypatch):
    monkeypatch.setenv(CHOICE, "cpu")
    assert pick_device() == torch.device("cpu")


@pytest.mark.parametrize("name", ["abacus", "cuda:77"])
def test_a_device_that_is_not_there_is_named(monkeypatch, name):
    monkeypatch.setenv(CHOICE, name)
    with pytest.raises(ValueError, match=f"device '{name}' does not work here: .* Set LLAMA_LESSONS_DEVICE=cpu"):
        pick_device()


def test_without_a_choice_a_gpu_is_taken_where_there_is_one(monkeypatch):
    monkeypatch.delenv(CHOICE, raising=False)
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(
    ("tells", "expected"),
    [({"avx512_f": True, "avx512_bf16": False}, False), ({"avx512_bf16": True}, True), ({"bf16": True}, True)],
)
def test_a_processor_that_multiplies_bfloat16_is_known(monkeypatch, tells, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: tells)
    assert multiplies_bfloat16() is expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert multiplies_bfloat16() is False


CELLS = [
    "import gc, sys, weakref\nfrom llama_lessons.device import free\nclass Thing:\n    pass\nthing = Thing()\n"
    "seen = weakref.ref(thing)\ndef use(it):\n    return 1 / 0\n",
    "use(thing)",
    "del thing\ngc.collect()\nprint(seen() is not None)\nfree()\nprint(seen() is not None)",
    "thing = Thing()\nseen = weakref.ref(thing)\nthing",
    "del thing\ngc.collect()\nprint(seen() is not None)\nfree()\nprint(seen() is not None)",
]


def test_a_notebook_lets_go_of_what_failed_and_of_what_was_shown():
    page = new_notebook(cells=[new_code_cell(source) for source in CELLS], metadata={"kernelspec": KERNELSPEC})
    NotebookClient(page, allow_errors=True, timeout=300).execute()
    printed = [output.text for cell in page.cells for output in cell.outputs if output.output_type == "stream"]
    assert "".join(printed).split() == ["True", "False", "True", "False"]


def test_what_the_last_error_held_is_released():
    class Thing:
        pass

    thing = Thing()
    seen = weakref.ref(thing)
    sys.last_value = thing  # where an interactive Python keeps its last error, and all that hangs on it
    del thing
    gc.collect()
    assert seen() is not None
    free()
    assert seen() is None
