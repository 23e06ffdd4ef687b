"""Fetching from a hub: whole, checked, resumed; and what is said when it cannot be. The hub is on this machine."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from llama_lessons.checkpoints import load, save
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from tests.reference.hub_server import Hub, serving

pytest.importorskip("huggingface_hub")

WEIGHTS = random.Random(0).randbytes(25_000_000)  # huggingface_hub hands on 10 MiB at a time
PIECE = 10 << 20
FILES = {
    "config.json": b"{}",
    "tokenizer.model": b"pieces" * 300,
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"the same once more" * 100,
    "README.md": b"a card",
}
WANTED = ["config.json", "model.safetensors", "tokenizer.model"]
SCRIPT = """
import sys
from llama_lessons.hub import HubError, fetch
try:
    print(fetch(*eval(sys.argv[1]), **eval(sys.argv[2])))
except HubError as error:
    print("HubError:", error)
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(dict(FILES)) as hub:
        yield hub


def begin(hub_url: str, *arguments: object, **options: object) -> subprocess.Popen:
    """`fetch` in a process of its own, whose HF_ENDPOINT is our hub; nothing of the user's own is seen there."""
    names = ("PATH", "PYTHONPATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "TMPDIR")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment |= {"HF_ENDPOINT": hub_url, "HF_HOME": str(Path(str(arguments[1])).parent / "hf"), "NO_PROXY": "*"}
    command = [sys.executable, "-c", SCRIPT, repr(tuple(map(str, arguments))), repr(options)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def fetched(hub_url: str, *arguments: object, **options: object) -> str:
    """What `fetch` returned or said."""
    out, err = begin(hub_url, *arguments, **options).communicate(timeout=120)
    assert out, err
    return out.strip()


def lying_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_what_load_needs_comes_and_is_not_fetched_again(hub, tmp_path):
    folder = tmp_path / "new" / "model"
    assert fetched(hub.url, "owner/model", folder) == str(folder)
    assert lying_in(folder) == {name: FILES[name] for name in WANTED}
    assert sorted(hub.asked) == [(name, 0) for name in WANTED]
    assert fetched(hub.url, "owner/model", folder) == str(folder)
    assert len(hub.asked) == 3


def test_a_process_that_is_killed_goes_on_where_it_was(hub, tmp_path):
    hub.stops_after, hub.stops, hub.hangs = 15_000_000, 1, True
    folder = tmp_path / "model"
    process = begin(hub.url, "owner/model", folder, files=["model.safetensors"])
    end = time.monotonic() + 60
    while sum(path.stat().st_size for path in folder.glob(".*.part")) < PIECE and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)  # as Ctrl-C does, and JupyterLab's stop button
    process.communicate(timeout=60)
    [part] = folder.iterdir()
    had = part.stat().st_size
    assert had == PIECE and part.read_bytes() == WEIGHTS[:had]
    assert fetched(hub.url, "owner/model", folder, files=["model.safetensors"]) == str(folder)
    assert lying_in(folder) == {"model.safetensors": WEIGHTS}
    assert hub.asked == [("model.safetensors", 0), ("model.safetensors", had)]


def test_a_connection_that_breaks_is_taken_up_again(hub, tmp_path):
    hub.stops_after, hub.stops = PIECE + 1000, 2
    assert fetched(hub.url, "owner/model", tmp_path / "model") == str(tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == WEIGHTS
    starts = [start for name, start in hub.asked if name == "model.safetensors"]
    assert starts == [0, PIECE, 2 * PIECE]


def test_a_server_that_sends_everything_again_does_no_harm(hub, tmp_path):
    hub.stops_after, hub.stops, hub.ignores_ranges = PIECE + 1000, 1, True
    fetched(hub.url, "owner/model", tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_bit_that_fell_over_is_noticed_and_nothing_is_kept(hub, tmp_path, name):
    hub.damages = True
    said = fetched(hub.url, "owner/model", tmp_path / "model", files=[name])
    assert said.startswith(f"HubError: {name} came with a wrong checksum")
    assert lying_in(tmp_path / "model") == {}


def test_a_file_of_mine_is_not_replaced(hub, tmp_path):
    (tmp_path / "config.json").write_bytes(b"[]")
    said = fetched(hub.url, "owner/model", tmp_path)
    assert "config.json is not the hub's file" in said and "Move it away" in said
    assert (tmp_path / "config.json").read_bytes() == b"[]" and hub.asked == []


def test_without_a_licence_or_a_token_it_says_how_to_get_them(hub, tmp_path):
    hub.token = "hf_right"
    for options in ({}, {"token": "hf_wrong"}):
        said = fetched(hub.url, "owner/model", tmp_path / "model", **options)
        for words in ("accepted its licence", f"{hub.url}/owner/model", "settings/tokens", "hf auth login"):
            assert words in said
    assert not (tmp_path / "model").exists()
    assert fetched(hub.url, "owner/model", tmp_path / "model", token="hf_right") == str(tmp_path / "model")


def test_without_a_network_it_says_so(tmp_path):
    with serving({}) as gone:
        url = gone.url
    said = fetched(url, "owner/model", tmp_path / "model")
    assert said.startswith(f"HubError: {url} cannot be reached") and "without a network" in said


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("owner/modell",), {}, "shows no owner/modell: look at its spelling"),
        (("owner/model",), {"revision": "v9"}, "has no such revision"),
        (("owner/model",), {"files": ["stories15M.bin"]}, "holds no file 'stories15M.bin'; there are README.md"),
    ],
)
def test_what_is_not_there_is_named(hub, tmp_path, arguments, options, words):
    assert words in fetched(hub.url, *arguments, tmp_path / "model", **options)


def test_a_revision_can_be_asked_for(hub, tmp_path):
    fetched(hub.url, "owner/model", tmp_path / "model", revision="v2")
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == WEIGHTS


def test_a_repository_without_weights_is_named(tmp_path):
    with serving({"README.md": b"a card", "model.gguf": WEIGHTS}) as hub:
        said = fetched(hub.url, "owner/model", tmp_path / "model")
    assert "holds no weights that `load` opens, only README.md, model.gguf" in said


def test_a_disk_that_is_too_small_is_seen_before_anything_is_fetched(hub, tmp_path, monkeypatch):
    from huggingface_hub import constants

    from llama_lessons.hub import HubError, fetch, shutil

    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: type("Usage", (), {"free": 24_000_000}))
    with pytest.raises(HubError, match=r"25\.0 MB are to come, .* has room for 24\.0 MB"):
        fetch("owner/model", tmp_path / "model")
    assert hub.asked == []


def test_without_the_package_it_says_how_to_get_it(tmp_path, monkeypatch):
    from llama_lessons.hub import HubError, fetch

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(HubError, match="pip install"):
        fetch("owner/model", tmp_path)


def test_meta_s_own_layout_is_fetched_and_opened(tmp_path):
    config = LlamaConfig(dim=16, n_layers=2, n_heads=4, n_kv_heads=2, vocab_size=29, hidden_dim=20, max_seq_len=64)
    torch.manual_seed(0)
    model = Llama(config)
    save(model, tmp_path / "there", format="meta")
    files = {path.name: path.read_bytes() for path in (tmp_path / "there").glob("[!.]*")}
    with serving(files | {"checklist.chk": b"sums"}) as hub:
        fetched(hub.url, "owner/model", tmp_path / "here")
    assert sorted(lying_in(tmp_path / "here")) == ["consolidated.00.pth", "params.json"]
    tokens = torch.arange(10)[None]
    with torch.no_grad():
        torch.testing.assert_close(load(tmp_path / "here")(tokens), model(tokens))
