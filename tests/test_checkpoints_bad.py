"""Checkpoints that cannot be opened: each gives a CheckpointError with the file, the trouble and the remedy."""

from __future__ import annotations

import json
import math
import os
import pickle
import random
import re
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from llama_lessons.checkpoints import CheckpointError, load
from llama_lessons.tokenizer import TokenizerError
from tests.reference.checkpoint_huggingface import SETTINGS, huggingface_weights, write_huggingface
from tests.reference.checkpoint_llama2c import write_llama2c
from tests.reference.checkpoint_meta import meta_params, write_meta
from tests.reference.checkpoint_weights import SMALL, meta_weights


def write(kind: str, path: Path) -> Path:
    """A small checkpoint without fault; return the file that its weights lie in, or the first of them."""
    weights = meta_weights(SMALL)
    if kind.startswith("llama2c"):
        return write_llama2c(path, SMALL, weights, version=int(kind[-1]))
    if kind.startswith("meta"):
        write_meta(path, meta_params(SMALL), weights, n_shards=int(kind[-1]))
        return path / "consolidated.00.pth"
    pattern = "pytorch_model{}.bin" if kind == "hf bin" else "model{}.safetensors"
    n_files = 2 if kind == "hf in 2" else 1
    return write_huggingface(path, huggingface_weights(SMALL, weights), pattern, n_files)[0]


KINDS = ("hf", "hf bin", "hf in 2", "meta in 1", "meta in 2", "llama2c version 0", "llama2c version 1")
NAMED = KINDS[:5]  # the formats in which weights have names


def refusal(path: Path, blamed: Path, trouble: str) -> None:
    """Opening the path fails, the blamed file or folder and the trouble are named, and a remedy is given."""
    with pytest.raises(CheckpointError) as caught:
        load(path)
    error = caught.value
    assert Path(error.path) == blamed
    assert re.search(trouble, error.trouble), error.trouble
    assert re.fullmatch(r"[A-Z].{15,}[^.]", error.remedy), error.remedy
    assert str(error) == f"{blamed}: {error.trouble}. {error.remedy}."


def edit_weights(file: Path, change) -> None:
    """Rewrite a file of named weights after `change` was applied to its table."""
    if file.suffix == ".safetensors":
        table = load_file(file)
        change(table)
        save_file(table, file)
    else:
        table = torch.load(file, weights_only=True)
        change(table)
        torch.save(table, file)


def some_name(table: dict[str, Tensor]) -> str:
    """The name of a matrix in the middle of a table."""
    return sorted(name for name, weight in table.items() if weight.dim() == 2)[len(table) // 3]


@pytest.mark.parametrize("kind", KINDS)
def test_the_checkpoints_that_the_other_tests_spoil_are_good(kind: str, tmp_path: Path):
    write(kind, tmp_path / "it")
    load(tmp_path / "it")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
@pytest.mark.parametrize("kind", KINDS)
def test_truncated(kind: str, share: float, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    os.truncate(file, int(share * file.stat().st_size))
    refusal(tmp_path / "it", file, "truncated|describes no Llama|has .* bytes, but its header.* asks for")


@pytest.mark.parametrize("kind", KINDS)
def test_something_else_in_its_place(kind: str, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    file.write_text("<!DOCTYPE html><html><body>404: no such file</body></html>")
    refusal(tmp_path / "it", file, "another kind of file|describes no Llama|bytes, but its header")


@pytest.mark.parametrize("kind", NAMED)
def test_a_git_lfs_pointer_in_its_place(kind: str, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 9877\n")
    refusal(tmp_path / "it", file, "pointer left by git-lfs")


@pytest.mark.parametrize("kind", [*NAMED, "config.json", "params.json", "tokenizer.model"])
def test_a_folder_in_its_place(kind: str, tmp_path: Path):
    file = write("meta in 1" if kind == "params.json" else kind if kind in NAMED else "hf", tmp_path / "it")
    file = file if kind in NAMED else file.with_name(kind)
    file.unlink(missing_ok=True)
    file.mkdir()
    if kind == "tokenizer.model":
        with pytest.raises(TokenizerError, match=f"{file} cannot be read: Is a directory"):
            load(tmp_path / "it")
    else:
        refusal(tmp_path / "it", file, "cannot be read: (Is a directory|Permission denied)")


LOCKED = {  # what may not be read, and where
    "config.json": "hf",
    "model.safetensors": "hf",
    "pytorch_model.bin": "hf bin",
    "params.json": "meta in 1",
    "consolidated.00.pth": "meta in 1",
    "the folder itself": "hf",
    "the file itself": "llama2c version 0",
}


@pytest.mark.parametrize("name", LOCKED)
@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs the users and rights of Unix")
def test_a_file_or_folder_that_one_may_not_read(name: str, tmp_path: Path):
    write(LOCKED[name], tmp_path / "it")
    name = "" if name.endswith("itself") else name
    blamed = tmp_path / "it" / name
    blamed.chmod(0)
    try:
        assert as_nobody(tmp_path, lambda: refusal(tmp_path / "it", blamed, "cannot be read: Permission denied"))
    finally:
        blamed.chmod(0o700)


def as_nobody(folder: Path, check: Callable[[], None]) -> bool:
    """Whether a check passes in a process of a user who may do nothing special; he may enter the folder."""
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                for above in (folder, *folder.parents[:-2]):
                    above.chmod(0o755)
                os.seteuid(65534)
            check()
            os._exit(0)
        except BaseException as error:
            print(error)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def zip_again(file: Path, keep: Callable[[str, bytes], bytes], compression: int = zipfile.ZIP_STORED) -> None:
    """Pack a file that torch.save wrote again, as another program would."""
    with zipfile.ZipFile(file) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in records.items():
            archive.writestr(name, keep(name, content))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("n_bytes", [0, 40])
@pytest.mark.parametrize("kind", ["hf bin", "meta in 1", "meta in 2"])
def test_a_tensor_that_is_cut_inside_the_archive(kind: str, n_bytes: int, compression: int, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    zip_again(file, lambda name, content: content[: n_bytes if name.endswith("data/3") else None], compression)
    refusal(tmp_path / "it", file, "truncated")


@pytest.mark.parametrize("kind", ["hf bin", "meta in 1"])
def test_a_pickle_that_is_cut_inside_the_archive_raises_an_error_without_a_text(kind: str, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    zip_again(file, lambda name, content: content[: 200 if name.endswith("data.pkl") else None])
    refusal(tmp_path / "it", file, r"truncated.*\(EOFError\)")


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["hf bin", "meta in 1"])
def test_a_truncated_file_of_torch_before_1_6(kind: str, share: float, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    torch.save(torch.load(file, weights_only=True), file, _use_new_zipfile_serialization=False)
    os.truncate(file, int(share * file.stat().st_size))
    refusal(tmp_path / "it", file, "truncated|other than tensors")


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
@pytest.mark.parametrize("kind", NAMED)
def test_numbers_that_are_not_finite_are_told_with_their_weight(kind: str, dtype, number: float, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    name = "model.layers.1.mlp.up_proj.weight" if kind[:2] == "hf" else "layers.1.feed_forward.w3.weight"

    def spoil(table: dict[str, Tensor]) -> None:
        if name in table:
            table[name][2, 3] = number

    for part in file.parent.glob(f"*{file.suffix}"):
        edit_weights(part, spoil)
    with pytest.raises(CheckpointError, match=f"{name} holds NaN or infinite numbers: .* Take an earlier checkpoint"):
        load(tmp_path / "it", dtype=dtype)


def test_numbers_too_large_for_the_dtype_are_told_with_one_that_holds_them(tmp_path: Path):
    """Norms in float32 in a checkpoint in float16, as training in mixed precision leaves them; and dtypes asked for."""
    file = write("hf", tmp_path / "it")

    def mix(table: dict[str, Tensor]) -> None:
        for name in table:
            table[name] = table[name] if "norm" in name else table[name].half()
        table["model.norm.weight"].fill_(1e6)

    edit_weights(file, mix)
    for dtype in (None, torch.float16):
        with pytest.raises(
            CheckpointError, match=r"model\.norm\.weight holds numbers of up to 1e\+06 in float32, too l"
        ):
            load(tmp_path / "it", dtype=dtype)
    for dtype in (torch.float32, torch.bfloat16):
        assert load(tmp_path / "it", dtype=dtype).norm.weight[0] == torch.tensor(1e6, dtype=dtype)


@pytest.mark.parametrize("name", ["foo", "q_proj.weight", ""])
@pytest.mark.parametrize("kind", NAMED[:4])
def test_a_weight_of_any_name_too_many(kind: str, name: str, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    edit_weights(file, lambda table: table.update({name: torch.ones(2)}))
    refusal(tmp_path / "it", tmp_path / "it", rf"weights have no place .* \(1\): {name}$")


@pytest.mark.parametrize("kind", NAMED)
def test_a_weight_is_missing(kind: str, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    blamed = file if kind == "meta in 2" else tmp_path / "it"
    edit_weights(file, lambda table: table.pop(some_name(table)))
    if kind == "meta in 2":  # the shards differ
        refusal(tmp_path / "it", tmp_path / "it" / "consolidated.01.pth", "is not there or has another shape than in")
    else:
        refusal(tmp_path / "it", blamed, r"weights are missing \(1\): (model\.)?layers\.\d\.")


@pytest.mark.parametrize("kind", NAMED[:4])
def test_a_weight_too_many(kind: str, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    edit_weights(file, lambda table: table.update({"layers.0.attention.wq.bias": torch.ones(96)}))
    refusal(tmp_path / "it", tmp_path / "it", r"weights have no place .* \(1\): layers\.0\.attention\.wq\.bias")


@pytest.mark.parametrize("kind", NAMED[:4])
def test_a_weight_of_the_wrong_shape(kind: str, tmp_path: Path):
    file = write(kind, tmp_path / "it")

    def shorten(table: dict[str, Tensor]) -> None:
        name = some_name(table)
        table[name] = table[name][:-1].clone()

    edit_weights(file, shorten)
    refusal(tmp_path / "it", file, r"layers\.\d\..*weight has shape \(\d+, \d+\), a Llama .* has \(\d+, \d+\)")


@pytest.mark.parametrize("kind", NAMED[:4])
def test_a_quantized_weight(kind: str, tmp_path: Path):
    file = write(kind, tmp_path / "it")

    def quantize(table: dict[str, Tensor]) -> None:
        table[some_name(table)] = table[some_name(table)].to(torch.int8)

    edit_weights(file, quantize)
    refusal(tmp_path / "it", file, "holds int8: its weights are quantized")


@pytest.mark.parametrize("missing", ["consolidated.00.pth", "consolidated.01.pth", "consolidated.03.pth"])
def test_a_meta_shard_is_missing(missing: str, tmp_path: Path):
    file = write("meta in 4", tmp_path / "it")
    (tmp_path / "it" / missing).unlink()
    if missing == "consolidated.03.pth":  # no gap in the numbers: the shapes tell
        refusal(tmp_path / "it", file, "shapes say that there are 4 shards, but 3 are here")
    else:
        refusal(tmp_path / "it", tmp_path / "it" / missing, "this shard is missing")


def test_a_meta_shard_too_many(tmp_path: Path):
    file = write("meta in 2", tmp_path / "it")
    (tmp_path / "it" / "consolidated.02.pth").write_bytes(file.read_bytes())
    refusal(tmp_path / "it", file, "shapes say that there are 2 shards, but 3 are here")


def test_a_meta_shard_of_another_model(tmp_path: Path):
    write("meta in 2", tmp_path / "it")
    write("meta in 4", tmp_path / "other")
    foreign = tmp_path / "it" / "consolidated.01.pth"
    foreign.write_bytes((tmp_path / "other" / foreign.name).read_bytes())
    refusal(tmp_path / "it", foreign, r"layers\.0\.attention\.wk\.weight is not there or has another shape")


def test_a_file_that_the_index_names_is_missing(tmp_path: Path):
    file = write("hf in 2", tmp_path / "it")
    file.unlink()
    refusal(tmp_path / "it", file, "this shard is missing, model.safetensors.index.json names it")


@pytest.mark.parametrize("content", ["{}", '{"weight_map": {}}', '{"weight_map": {"norm": 3}}', '{"weight_map": "x"}'])
def test_an_index_without_files(content: str, tmp_path: Path):
    index = write("hf in 2", tmp_path / "it").parent / "model.safetensors.index.json"
    index.write_text(content)
    refusal(tmp_path / "it", index, 'has no "weight_map"')


def test_config_without_weights(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps(SETTINGS))
    refusal(tmp_path, tmp_path, "no weights: neither model.safetensors nor pytorch_model.bin")


def test_params_without_weights(tmp_path: Path):
    (tmp_path / "params.json").write_text(json.dumps(meta_params(SMALL)))
    refusal(tmp_path, tmp_path / "consolidated.00.pth", "this shard is missing")


@pytest.mark.parametrize("kind", ["hf", "meta in 1"])
def test_weights_without_settings(kind: str, tmp_path: Path):
    folder = write(kind, tmp_path / "it").parent
    (folder / ("config.json" if kind == "hf" else "params.json")).unlink()
    refusal(folder, folder, "holds neither config.json .* nor params.json")


def test_an_empty_folder(tmp_path: Path):
    refusal(tmp_path, tmp_path, "is no checkpoint")


def test_a_name_of_the_hub_instead_of_a_folder():
    refusal(Path("meta-llama/Llama-2-7b-hf"), Path("meta-llama/Llama-2-7b-hf"), "does not exist")


@pytest.mark.parametrize("kind", NAMED)
def test_one_file_of_a_folder_instead_of_the_folder(kind: str, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    with pytest.raises(CheckpointError, match=re.escape(f"open the folder {tmp_path / 'it'}")):
        load(file)


class Intruder:
    """Pickled, it asks whoever unpickles it to make a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("kind", ["hf bin", "meta in 1", "meta in 2"])
def test_code_in_a_pickle_is_refused_and_not_run(kind: str, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    mark = tmp_path / "the code was run"
    table = torch.load(file, weights_only=True)
    torch.save(table | {"intruder": Intruder(mark)}, file)
    torch.load(file, weights_only=False)
    assert mark.exists(), "the trap does not work"
    mark.unlink()
    refusal(tmp_path / "it", file, "something other than tensors, such as code; none of it was run")
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["hf bin", "meta in 1"])
def test_a_plain_pickle_is_refused_and_not_run(kind: str, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    mark = tmp_path / "the code was run"
    file.write_bytes(pickle.dumps(Intruder(mark)))
    refusal(tmp_path / "it", file, "another kind of file")
    assert not mark.exists()


@pytest.mark.parametrize("content", [[torch.ones(3)], {"model": {"norm.weight": torch.ones(3)}}, {3: torch.ones(3)}])
@pytest.mark.parametrize("kind", ["hf bin", "meta in 1"])
def test_a_torch_file_that_is_no_table_of_weights(kind: str, content, tmp_path: Path):
    file = write(kind, tmp_path / "it")
    torch.save(content, file)
    refusal(tmp_path / "it", file, "is no table of named tensors")


@pytest.mark.parametrize("content", ["", "{", '{"dim": 96,}', "\xff\xfe", "[1, 2]", "7", "[" * 100_000], ids=range(7))
@pytest.mark.parametrize("kind", ["hf", "meta in 1"])
def test_settings_that_are_no_json_table(kind: str, content: str, tmp_path: Path):
    path = write(kind, tmp_path / "it").parent / ("config.json" if kind == "hf" else "params.json")
    path.write_bytes(content.encode("latin-1"))
    refusal(tmp_path / "it", path, "is not valid JSON|holds a (list|int), not a table")


KEYS = {"hf": ("hidden_size", "num_hidden_layers", "num_attention_heads"), "meta in 1": ("dim", "n_layers", "n_heads")}
NONSENSE = (0, -3, 2.5, "12", True, [], 10**12, 10**30, float("inf"), None)


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("kind", ["hf", "meta in 1"])
def test_numbers_in_the_settings_that_make_no_sense(kind: str, position: int, value, tmp_path: Path):
    folder = write(kind, tmp_path / "it").parent
    path = folder / ("config.json" if kind == "hf" else "params.json")
    settings = json.loads(path.read_text()) | {KEYS[kind][position]: value}
    path.write_text(json.dumps(settings))
    refusal(folder, path, "describes|does not give")


@pytest.mark.parametrize("key", ["rms_norm_eps", "rope_theta", "num_key_value_heads", "max_position_embeddings"])
@pytest.mark.parametrize("value", [-1, 0, "ten", [], {}], ids=repr)
def test_other_numbers_in_config_json_that_make_no_sense(key: str, value, tmp_path: Path):
    write("hf", tmp_path / "it")
    path = tmp_path / "it" / "config.json"
    path.write_text(json.dumps(SETTINGS | {key: value}))
    refusal(tmp_path / "it", path, "describes no Llama")


@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "vocab_size", "intermediate_size", "model_type"])
def test_a_setting_that_is_missing(key: str, tmp_path: Path):
    write("hf", tmp_path / "it")
    path = tmp_path / "it" / "config.json"
    path.write_text(json.dumps({k: v for k, v in SETTINGS.items() if k != key}))
    refusal(tmp_path / "it", path, f'does not give "{key}"')


@pytest.mark.parametrize(
    "settings",
    [
        {"model_type": "mistral"},
        {"architectures": ["LlamaForSequenceClassification"]},
        {"hidden_act": "gelu"},
        {"attention_bias": True},
        {"mlp_bias": True},
        {"head_dim": 8},
        {"partial_rotary_factor": 0.5},
        {"quantization_config": {"bits": 4}},
        {"rope_scaling": {"type": "linear", "factor": 2.0}},
        {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
        {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}},
        {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}},
        {"rope_parameters": "default"},
    ],
    ids=str,
)
def test_a_config_json_that_cannot_be_honoured(settings: dict, tmp_path: Path):
    write("hf", tmp_path / "it")
    path = tmp_path / "it" / "config.json"
    path.write_text(json.dumps(SETTINGS | settings))
    refusal(tmp_path / "it", path, re.escape(f'asks for "{next(iter(settings))}": '))


@pytest.mark.parametrize("key", ["use_scaled_rope", "quantization_args", "lora_args"])
def test_a_params_json_that_cannot_be_honoured(key: str, tmp_path: Path):
    write("meta in 1", tmp_path / "it")
    path = tmp_path / "it" / "params.json"
    path.write_text(json.dumps(meta_params(SMALL) | {key: True}))
    refusal(tmp_path / "it", path, f'asks for "{key}"')


def test_a_tied_head_that_differs_from_its_table(tmp_path: Path):
    file = write("hf", tmp_path / "it")
    path = tmp_path / "it" / "config.json"
    path.write_text(json.dumps(SETTINGS | {"tie_word_embeddings": True}))
    refusal(tmp_path / "it", file, "config.json ties lm_head.weight to model.embed_tokens.weight, but they differ")


@pytest.mark.parametrize("version", [2, 3, -1])
def test_other_versions_of_llama2c(version: int, tmp_path: Path):
    path = write("llama2c version 1", tmp_path / "it")
    content = bytearray(path.read_bytes())
    content[4:8] = struct.pack("<i", version)
    path.write_bytes(content)
    refusal(path, path, f"file of version {version}" + (r" \(quantized to int8\)" if version == 2 else "; only"))


@pytest.mark.parametrize("position", range(7))
@pytest.mark.parametrize("value", [0, -(2**31), 2**31 - 1])
@pytest.mark.parametrize("version", [0, 1])
def test_numbers_in_a_llama2c_header_that_make_no_sense(version: int, value: int, position: int, tmp_path: Path):
    path = write(f"llama2c version {version}", tmp_path / "it")
    content = bytearray(path.read_bytes())
    start = (0, 8)[version] + 4 * position
    content[start : start + 4] = struct.pack("<i", value)
    path.write_bytes(content)
    if version == 1 and position == 6 and value > 0:
        assert load(path).config.max_seq_len == value  # version 1 stores nothing whose size depends on it
    else:
        refusal(path, path, "describes no Llama|bytes, but its header")


def test_bytes_after_the_end_of_a_llama2c_file(tmp_path: Path):
    path = write("llama2c version 0", tmp_path / "it")
    path.write_bytes(path.read_bytes() + b"\0\0\0\0")
    refusal(path, path, r"has [\d,]+ bytes, but its header, read as llama2.c's, asks for [\d,]+")


@pytest.mark.parametrize("kind", KINDS)
def test_damage_anywhere_is_either_harmless_or_a_checkpoint_error(kind: str, tmp_path: Path):
    """Bytes changed at random, half of them in the first and last 2000, where the structure is."""
    file = write(kind, tmp_path / "it")
    good, draw = file.read_bytes(), random.Random(0)
    for n in range(60):
        content = bytearray(good)
        at = draw.randrange(len(good)) if n % 3 == 0 else draw.randrange(2000) - (2000 if n % 3 == 1 else 0)
        content[at] = draw.randrange(256)
        file.write_bytes(content)
        with suppress(CheckpointError):
            load(tmp_path / "it")


def test_the_error_survives_pickling():
    error = pickle.loads(pickle.dumps(CheckpointError("a/b", "is broken", "Mend it")))
    assert (error.path, str(error)) == ("a/b", "a/b: is broken. Mend it.")


def test_a_checkpoint_error_can_be_caught_as_a_value_error():
    assert issubclass(CheckpointError, ValueError)
