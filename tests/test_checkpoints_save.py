"""What `save` writes, and that `load` gives the same back."""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from llama_lessons.checkpoints import CheckpointError, check_destination, file_io, huggingface, load, meta, save
from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate
from llama_lessons.lora import add_lora, merge_lora, save_lora
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer
from tests.reference.checkpoint_huggingface import huggingface_weights, write_huggingface
from tests.reference.checkpoint_llama2c import write_llama2c
from tests.reference.checkpoint_meta import meta_params, write_meta
from tests.reference.checkpoint_weights import SMALL, meta_weights, ours
from tests.reference.killed import kill_at

TIED = replace(SMALL, tie_embeddings=True)
TOKENS = torch.tensor([[1, 5, 39, 0, 7], [1, 2, 2, 30, 11]])  # (B, T)


def small_model(config: LlamaConfig = SMALL, dtype: torch.dtype = torch.float32) -> Llama:
    """A Llama with the reference's weights."""
    model = Llama(config)
    model.load_state_dict({ours(name): weight for name, weight in meta_weights(config).items()}, strict=False)
    return model.to(dtype)


def assert_same(a: Llama, b: Llama) -> None:
    """The same weights, bit for bit, of the same type, and the same logits."""
    mine, theirs = dict(a.named_parameters()), dict(b.named_parameters())
    assert mine.keys() == theirs.keys()
    for name, weight in mine.items():
        assert weight.dtype == theirs[name].dtype and torch.equal(weight, theirs[name]), name
    assert torch.equal(a(TOKENS), b(TOKENS))


@pytest.mark.parametrize("config", [SMALL, TIED, replace(SMALL, n_kv_heads=1)], ids=["GQA", "tied", "MQA"])
@pytest.mark.parametrize("format", ["hf", "meta", "llama2c"])
def test_round_trip_is_exact(format: str, config: LlamaConfig, tmp_path: Path):
    model = small_model(config)
    save(model, tmp_path / "saved", format)
    again = load(tmp_path / "saved")
    assert_same(again, model)
    assert again.config == (replace(config, max_seq_len=4096) if format == "meta" else config)


@pytest.mark.parametrize("format", ["hf", "meta"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_round_trip_keeps_the_dtype(format: str, dtype: torch.dtype, tmp_path: Path):
    model = small_model(dtype=dtype)
    save(model, tmp_path / "saved", format)
    assert_same(load(tmp_path / "saved"), model)


def test_llama2c_makes_float32_of_any_dtype(tmp_path: Path):
    model = small_model(dtype=torch.bfloat16)
    save(model, tmp_path / "model.bin", "llama2c")
    assert_same(load(tmp_path / "model.bin"), model.float())


@pytest.mark.parametrize("format", ["hf", "meta"])
def test_round_trip_keeps_other_constants(format: str, tmp_path: Path):
    config = replace(SMALL, norm_eps=1e-6, rope_theta=5e5)
    save(small_model(config), tmp_path / "saved", format)
    again = load(tmp_path / "saved")
    assert (again.config.norm_eps, again.config.rope_theta) == (1e-6, 5e5)


@pytest.mark.parametrize("name, value", [("norm_eps", 1e-6), ("rope_theta", 5e5)])
def test_llama2c_refuses_constants_that_are_not_its_own(name: str, value: float, tmp_path: Path):
    model = small_model(replace(SMALL, **{name: value}))
    with pytest.raises(ValueError, match=f"{name}=.* built in, this model has {value}.*save it as 'hf' or 'meta'"):
        save(model, tmp_path / "model.bin", "llama2c")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("config", [SMALL, TIED], ids=["own head", "tied"])
def test_llama2c_file_is_what_export_py_writes(config: LlamaConfig, tmp_path: Path):
    mine, theirs = tmp_path / "mine.bin", tmp_path / "theirs.bin"
    save(small_model(config), mine, "llama2c")
    write_llama2c(theirs, config, meta_weights(config), version=0)
    size = 4 * config.max_seq_len * config.head_dim  # the two tables of rotations; float32 cosines differ in a bit
    end = mine.stat().st_size - (0 if config.tie_embeddings else 4 * config.vocab_size * config.dim)
    a, b = mine.read_bytes(), theirs.read_bytes()
    assert len(a) == len(b) and a[: end - size] == b[: end - size] and a[end:] == b[end:]
    tables = [torch.frombuffer(bytearray(x[end - size : end]), dtype=torch.float32) for x in (a, b)]
    torch.testing.assert_close(*tables, rtol=0, atol=3e-6)


def test_meta_file_has_the_weights_under_metas_names(tmp_path: Path):
    save(small_model(), tmp_path / "meta", "meta")
    table = torch.load(tmp_path / "meta" / "consolidated.00.pth", weights_only=True)
    expected = meta_weights(SMALL)
    assert table.keys() == expected.keys()
    assert all(torch.equal(table[name], weight) for name, weight in expected.items())


@pytest.mark.parametrize("n_shards", [1, 2, 4, 8])
def test_meta_shards_are_cut_as_metas_layers_are(n_shards: int, tmp_path: Path):
    model = small_model()
    save(model, tmp_path / "mine", "meta", n_shards=n_shards)
    theirs = write_meta(tmp_path / "theirs", meta_params(SMALL), meta_weights(SMALL), n_shards)
    files = sorted(path.name for path in (tmp_path / "mine").glob("*.pth"))
    assert files == [f"consolidated.{rank:02d}.pth" for rank in range(n_shards)]
    for file in files:
        a, b = (torch.load(folder / file, weights_only=True) for folder in (tmp_path / "mine", theirs))
        del b["rope.freqs"]  # which everyone computes
        torch.testing.assert_close(a, b, rtol=0, atol=0)
        assert (tmp_path / "mine" / file).stat().st_size < sum(x.nbytes for x in a.values()) + 500 * len(a)
    assert_same(load(tmp_path / "mine"), model)


@pytest.mark.parametrize(
    ("config", "format", "n_shards", "message"),
    [
        (SMALL, "meta", 3, "n_shards must divide n_heads=16, got 3"),
        (replace(SMALL, n_kv_heads=4), "meta", 8, "n_shards must divide n_kv_heads=4, got 8"),
        (SMALL, "meta", 0, "n_shards must divide dim=96, got 0"),
        (SMALL, "hf", 2, "n_shards must be 1 for format 'hf', got 2"),
        (TIED, "meta", 2, "n_shards must be 1 for a model with tied embeddings, got 2"),
    ],
)
def test_shards_that_cannot_be_are_refused(
    config: LlamaConfig, format: str, n_shards: int, message: str, tmp_path: Path
):
    with pytest.raises(ValueError, match=message):
        save(small_model(config), tmp_path / "it", format, n_shards=n_shards)
    assert not (tmp_path / "it").exists()


def test_meta_file_of_a_tied_model_has_both_names_and_one_table(tmp_path: Path):
    save(small_model(TIED), tmp_path / "meta", "meta")
    file = tmp_path / "meta" / "consolidated.00.pth"
    table = torch.load(file, weights_only=True)
    assert torch.equal(table["output.weight"], table["tok_embeddings.weight"])
    assert file.stat().st_size < 4 * TIED.n_params + 2 * len(table) * 500  # bytes; a second table would be 15 360


def metas_rule(dim: int, multiple_of: int, ffn_dim_multiplier: float | None = None) -> int:
    """The width that Meta's code makes of params.json: llama/model.py, TransformerBlock and FeedForward."""
    hidden_dim = 4 * dim
    hidden_dim = int(2 * hidden_dim / 3)
    if ffn_dim_multiplier is not None:
        hidden_dim = int(ffn_dim_multiplier * hidden_dim)
    return multiple_of * ((hidden_dim + multiple_of - 1) // multiple_of)


@given(dim=st.integers(1, 20_000), hidden_dim=st.integers(1, 80_000))
@settings(max_examples=500)
def test_metas_rule_gives_our_hidden_dim(dim: int, hidden_dim: int):
    assert metas_rule(dim, **meta.feed_forward_rule(dim, hidden_dim)) == hidden_dim


def test_params_json_has_only_keys_that_metas_code_takes(tmp_path: Path):
    save(small_model(), tmp_path / "meta", "meta")
    params = json.loads((tmp_path / "meta" / "params.json").read_text())
    assert params == {
        "dim": 96, "n_layers": 3, "n_heads": 16, "n_kv_heads": 8, "vocab_size": 40, "norm_eps": 1e-5,
        "multiple_of": 160, "ffn_dim_multiplier": params["ffn_dim_multiplier"],
    }  # fmt: skip


def test_large_models_are_saved_in_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(huggingface, "SHARD_BYTES", 200_000)
    model = small_model()
    save(model, tmp_path / "hf")
    files = sorted((tmp_path / "hf").glob("*.safetensors"))
    n = len(files)
    assert n >= math.ceil(4 * SMALL.n_params / 200_000) > 1
    assert [file.name for file in files] == [f"model-{i:05d}-of-{n:05d}.safetensors" for i in range(1, n + 1)]
    index = json.loads((tmp_path / "hf" / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == 4 * SMALL.n_params
    for file in files:
        with safe_open(file, framework="pt") as tensors:
            names = set(tensors.keys())
            assert tensors.metadata() == {"format": "pt"}
            assert sum(tensors.get_tensor(name).nbytes for name in names) <= 200_000
        assert names == {name for name, place in index["weight_map"].items() if place == file.name}
    assert_same(load(tmp_path / "hf"), model)


@pytest.mark.parametrize("format", ["hf", "meta", "llama2c"])
def test_a_model_can_be_saved_over_the_checkpoint_it_was_loaded_from(format: str, tmp_path: Path):
    path = tmp_path / "saved"
    save(small_model(), path, format)
    model = load(path)
    for weight in model.parameters():
        weight.data.mul_(0.5)
    save(model, path, format)
    assert_same(load(path), model)
    assert [entry.name for entry in tmp_path.iterdir()] == ["saved"]


def test_an_interrupted_save_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "hf"
    save(small_model(), path)
    before = {file.name: file.read_bytes() for file in path.iterdir()}

    def no_space(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file_io, "save_file", no_space)
    with pytest.raises(OSError, match="No space left"):
        save(small_model(TIED), path)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["hf"]


def test_a_folder_with_other_things_in_it_is_not_replaced(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("three years of work")
    for format in ("hf", "meta"):
        for attempt in (partial(save, small_model()), check_destination):
            with pytest.raises(ValueError, match=r"holds thesis.tex, which is not of a checkpoint saved here before"):
                attempt(tmp_path, format)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    assert (tmp_path / "thesis.tex").read_text() == "three years of work"


def test_somebody_elses_checkpoint_is_not_replaced(tmp_path: Path):
    write_huggingface(tmp_path / "hf", huggingface_weights(SMALL, meta_weights(SMALL)), "model{}.safetensors", 1)
    write_meta(tmp_path / "meta", meta_params(SMALL), meta_weights(SMALL), 1)
    for format in ("hf", "meta"):
        before = {file.name: file.read_bytes() for file in (tmp_path / format).iterdir()}
        with pytest.raises(ValueError, match="which is not of a checkpoint saved here before"):
            save(small_model(), tmp_path / format, format)
        assert {file.name: file.read_bytes() for file in (tmp_path / format).iterdir()} == before


def test_adapters_are_no_checkpoint_to_replace_nor_a_checkpoint_adapters(tmp_path: Path):
    model = small_model()
    add_lora(model, 2, 4.0)
    save_lora(model, tmp_path / "adapters")
    merge_lora(model)
    with pytest.raises(
        ValueError, match=r"holds adapter_config\.json, adapter_model\.safetensors, which is not of a ch"
    ):
        save(model, tmp_path / "adapters")
    save(model, tmp_path / "model")
    add_lora(model, 2, 4.0)
    with pytest.raises(ValueError, match=r"holds config\.json, .* not of adapters"):
        save_lora(model, tmp_path / "model")


def test_a_checkpoint_in_another_format_or_of_other_files_is_replaced_whole(tmp_path: Path, monkeypatch):
    names = {}
    for format, n_bytes in (("hf", 1e9), ("hf", 200_000), ("meta", 1e9), ("hf", 1e9)):
        monkeypatch.setattr(huggingface, "SHARD_BYTES", n_bytes)
        model = small_model(replace(SMALL, max_seq_len=4096))
        model.norm.weight.data.fill_(n_bytes)
        save(model, tmp_path, format)
        assert_same(load(tmp_path), model)
        names[format, n_bytes] = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert not names["hf", 1e9] & names["meta", 1e9]
    assert "model.safetensors" in names["hf", 1e9] - names["hf", 200_000]


def test_only_a_file_of_llama2c_is_replaced_by_one(tmp_path: Path):
    path = tmp_path / "thesis.docx"
    path.write_text("years of work")
    for attempt in (partial(save, small_model()), check_destination):
        with pytest.raises(ValueError, match=r"path .*thesis\.docx is a file of another kind, and would be lost"):
            attempt(path, "llama2c")
    assert path.read_text() == "years of work"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that can be killed is forked")
def test_wherever_saving_is_killed_load_opens_the_old_model_or_the_new_one(tmp_path: Path):
    old, new = small_model(), small_model(TIED)
    found = []
    for step in itertools.count(1):
        path = tmp_path / str(step)
        save(old, path, "meta")
        killed = kill_at(step, lambda path=path: save(new, path))
        found.append(load(path).config.tie_embeddings)
        assert_same(load(path), new if found[-1] else old)
        if not killed:
            break
    assert not found[0] and found[-1] and len(found) > 6


@pytest.mark.parametrize("trouble", ["a format that cannot say it", "a tokenizer too large", "a full disk"])
def test_a_save_that_is_refused_or_fails_leaves_no_folders(trouble: str, tokenizer, tmp_path: Path, monkeypatch):
    def no_space(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file_io, "save_file", no_space)
    with pytest.raises((ValueError, OSError)):
        if trouble == "a format that cannot say it":
            save(small_model(replace(SMALL, norm_eps=1e-6)), tmp_path / "a" / "b" / "model.bin", "llama2c")
        else:
            save(
                small_model(), tmp_path / "a" / "b", tokenizer=tokenizer if trouble == "a tokenizer too large" else None
            )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("format", ["hf", "meta", "llama2c"])
def test_a_broken_model_is_not_saved_over_a_whole_one(format: str, number: float, tmp_path: Path):
    save(small_model(), tmp_path / "saved", format)
    broken = small_model()
    broken.blocks[2].attention.wo.weight.data[5, 7] = number
    with pytest.raises(ValueError, match=r"model holds NaN or infinite numbers in blocks\.2\.attention\.wo\.weight"):
        save(broken, tmp_path / "saved", format)
    assert torch.equal(load(tmp_path / "saved").norm.weight, small_model().norm.weight)


def test_a_compiled_model_is_saved_as_the_model_itself(tmp_path: Path):
    model = small_model()
    save(torch.compile(model), tmp_path / "saved")
    assert_same(load(tmp_path / "saved"), model)


def test_a_checkpoint_can_be_saved_where_the_current_folder_or_a_link_is(tmp_path: Path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    for path, model in ((".", small_model(TIED)), (tmp_path / "link", small_model())):
        save(model, path)
        assert_same(load(tmp_path / "here"), model)
        assert_same(load("."), model)
    assert (tmp_path / "link").is_symlink()
    save(small_model(), tmp_path / "model.bin", "llama2c")
    (tmp_path / "link.bin").symlink_to(tmp_path / "model.bin")
    save(small_model(TIED), tmp_path / "link.bin", "llama2c")
    assert (tmp_path / "link.bin").is_symlink()
    assert_same(load(tmp_path / "model.bin"), small_model(TIED))


@pytest.mark.parametrize("format, kind", [("hf", "file"), ("meta", "file"), ("llama2c", "folder")])
def test_a_file_is_not_replaced_by_a_folder_nor_a_folder_by_a_file(format: str, kind: str, tmp_path: Path):
    path = tmp_path / "taken"
    path.mkdir() if kind == "folder" else path.write_text("mine")
    with pytest.raises(ValueError, match=f"taken is a {kind}: choose another"):
        save(small_model(), path, format)


def test_an_unknown_format_is_named():
    with pytest.raises(ValueError, match="format must be one of hf, meta, llama2c, got 'gguf'"):
        save(small_model(), "anywhere", "gguf")


@pytest.mark.parametrize("format", ["hf", "meta", "llama2c"])
def test_a_model_with_adapters_is_refused(format: str, tmp_path: Path):
    model = small_model()
    model.blocks[1].attention.wq.lora_a = torch.nn.Parameter(torch.zeros(4, 96))
    with pytest.raises(ValueError, match=r"not a plain Llama: blocks.1.attention.wq.lora_a .*merge them first"):
        save(model, tmp_path / "saved", format)


def test_a_model_whose_head_came_untied_is_refused(tmp_path: Path):
    model = small_model(TIED)
    model.output.weight = torch.nn.Parameter(model.embedding.weight.clone())
    with pytest.raises(ValueError, match=r"not a plain Llama: output\.weight"):
        save(model, tmp_path / "saved")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("config", [SMALL, TIED], ids=["own head", "tied"])
@pytest.mark.parametrize("format", ["hf", "meta", "llama2c"])
def test_a_model_on_a_gpu_is_saved_and_loaded(format: str, config: LlamaConfig, tmp_path: Path):
    model = small_model(config)
    save(model.cuda(), tmp_path / "saved", format)
    assert_same(load(tmp_path / "saved"), model.cpu())
    assert load(tmp_path / "saved", device="cuda").norm.weight.device.type == "cuda"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A tokenizer of 300 pieces."""
    texts = [f"{a} {b} the llama, and {b} the shepherd" for a in ("Ana", "Bo", "Cal") for b in ("fed", "saw", "met")]
    return Tokenizer.train(texts, 300, tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")


@pytest.mark.parametrize("format", ["hf", "meta"])
def test_a_tokenizer_is_saved_beside_the_weights(format: str, tokenizer: Tokenizer, tmp_path: Path):
    model = small_model(replace(SMALL, vocab_size=300))
    save(model, tmp_path / "saved", format, tokenizer)
    text = "Ana fed the llama 12 times."
    assert Tokenizer(tmp_path / "saved" / "tokenizer.model").encode(text) == tokenizer.encode(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(tmp_path / "saved")


@pytest.mark.parametrize("format", ["hf", "meta"])
def test_a_tokenizer_larger_than_the_vocabulary_is_refused(format: str, tokenizer: Tokenizer, tmp_path: Path):
    message = r"tokenizer.model: has 300 ids, but the model's vocabulary has only 40\. Take the tokenizer"
    with pytest.raises(CheckpointError, match=message):
        save(small_model(), tmp_path / "saved", format, tokenizer)
    save(small_model(), tmp_path / "saved", format)
    (tmp_path / "saved" / "tokenizer.model").write_bytes(tokenizer.path.read_bytes())
    with pytest.raises(CheckpointError, match=message):
        load(tmp_path / "saved")


def test_a_tokenizer_smaller_than_the_vocabulary_is_only_a_note(tokenizer: Tokenizer, tmp_path: Path):
    model = small_model(replace(SMALL, vocab_size=320))
    with pytest.warns(UserWarning, match="300 ids, the model 320"):
        save(model, tmp_path / "hf", tokenizer=tokenizer)
    with pytest.warns(UserWarning, match="300 ids, the model 320: the rest is never sampled"):
        assert_same(load(tmp_path / "hf"), model)


ADDED = {
    "added_tokens.json": {"<|begin|>": 300, "<|end|>": 304},
    "tokenizer_config.json": {"added_tokens_decoder": {"2": {"content": "</s>"}, "304": {"content": "<|end|>"}}},
    "tokenizer.json": {"added_tokens": [{"id": 304, "content": "<|end|>"}, {"id": 0, "content": "<unk>"}]},
}


@pytest.mark.parametrize("file", [None, *ADDED])
def test_ids_that_nothing_names_are_never_sampled(file: str | None, tokenizer: Tokenizer, tmp_path: Path):
    """The rows of ids 305 to 319 would be the likeliest, then those of 300 to 304, which a file may name."""
    model = small_model(replace(SMALL, vocab_size=320))
    model.output.weight.data[300:305] = 10 * model.output.weight.data[:300].abs().max()
    model.output.weight.data[305:] = 100 * model.output.weight.data[:300].abs().max()
    model.norm.weight.data.fill_(1.0)
    save(model, tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(tokenizer.path.read_bytes())
    if file:
        (tmp_path / file).write_text(json.dumps(ADDED[file]))
    with pytest.warns(UserWarning, match=rf"{305 if file else 300} ids, the model 320: the rest is never sampled"):
        again = load(tmp_path)
    ids = {
        i for _ in range(5) for new in generate(again, [[1, 5], [1, 7, 9]], 20, temperature=1.5, top_p=1.0) for i in new
    }
    assert max(ids) < 300 or (file and max(ids) < 305)
    assert not file or ids & set(range(300, 305))


def test_no_warning_where_every_row_is_named(tokenizer: Tokenizer, tmp_path: Path):
    save(small_model(replace(SMALL, vocab_size=305)), tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(tokenizer.path.read_bytes())
    (tmp_path / "added_tokens.json").write_text(json.dumps(ADDED["added_tokens.json"]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(tmp_path).n_ids == 305


def test_llama2c_takes_no_tokenizer(tokenizer: Tokenizer, tmp_path: Path):
    with pytest.raises(ValueError, match="holds no tokenizer"):
        save(small_model(replace(SMALL, vocab_size=300)), tmp_path / "model.bin", "llama2c", tokenizer)


@pytest.mark.parametrize("format", ["hf", "meta", "llama2c"])
def test_progress_is_shown_for_large_models_only(
    format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    model = small_model()
    save(model, tmp_path / "saved", format)
    load(tmp_path / "saved")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(file_io, "QUIET_BELOW", 0)
    save(model, tmp_path / "saved", format)
    load(tmp_path / "saved")
    shown = capsys.readouterr().err
    assert "saving: " in shown and "loading: 100%" in shown


@pytest.mark.parametrize("setting, shown", [({}, True), ({"TQDM_DISABLE": "1"}, False)])
def test_progress_obeys_tqdm_disable(setting: dict, shown: bool):
    code = "from llama_lessons.checkpoints.file_io import progress; list(progress([1, 2], 10**9, 'loading'))"
    environment = {key: value for key, value in os.environ.items() if key != "TQDM_DISABLE"} | setting
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ("loading: 100%" in run.stderr) == shown
