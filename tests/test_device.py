import gc
import sys
import weakref

import pytest
import torch

from llama_lessons.device import CHOICE, free, multiplies_bfloat16, pick_device


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
