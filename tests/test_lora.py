"""Adapters: a low-rank change beside frozen weights, merged and taken out again, in peft's files and out of them."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.testing import assert_close
from transformers import AutoModelForCausalLM

from llama_lessons.checkpoints import CheckpointError, load, save
from llama_lessons.config import LlamaConfig
from llama_lessons.lora import add_lora, load_lora, merge_lora, save_lora, unmerge_lora
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig, make_optimizers

CONFIG = LlamaConfig(dim=48, n_layers=3, n_heads=6, n_kv_heads=2, vocab_size=61, hidden_dim=40, max_seq_len=32)
ALL = ("wq", "wk", "wv", "wo", "w_gate", "w_up", "w_down")
TOKENS = torch.arange(2 * 7).reshape(2, 7)
RANK, ALPHA = 5, 3.0


def plain_model(seed: int = 0) -> Llama:
    torch.manual_seed(seed)
    return Llama(CONFIG)


def adapted_model(targets: tuple[str, ...] = ALL, seed: int = 0) -> Llama:
    """A model with adapters that were trained, as far as anybody can tell."""
    model = plain_model(seed)
    for weight in add_lora(model, RANK, ALPHA, targets):
        nn.init.normal_(weight, std=0.3)
    return model


def by_hand(model: Llama) -> Llama:
    """A plain model with every weight W replaced by W + alpha / r * B A, entry by entry."""
    plain, found = plain_model(), model.state_dict()
    for name, weight in plain.named_parameters():
        module = name.removesuffix(".weight")
        if f"{module}.lora_b" in found:
            b, a = found[f"{module}.lora_b"], found[f"{module}.lora_a"]
            weight.data += sum(torch.outer(b[:, k], a[k]) for k in range(RANK)) * (ALPHA / RANK)
    return plain


def test_a_model_with_fresh_adapters_computes_what_it_did():
    model = plain_model()
    before = model(TOKENS)
    add_lora(model, RANK, ALPHA, ALL)
    assert_close(model(TOKENS), before, rtol=0, atol=0)


def test_the_change_is_alpha_over_rank_times_b_a():
    model = adapted_model()
    assert_close(model(TOKENS), by_hand(model)(TOKENS), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("targets", [("wq", "wv"), ("w_down",), ALL])
def test_only_the_adapters_are_trained(targets):
    model = plain_model()
    added = add_lora(model, RANK, ALPHA, targets)
    assert len(added) == 2 * 3 * len(targets)
    optimizers = make_optimizers(model, TrainConfig(n_steps=1))
    trained = [weight for optimizer in optimizers for group in optimizer.param_groups for weight in group["params"]]
    assert {id(weight) for weight in trained} == {id(weight) for weight in added}
    model(TOKENS).sum().backward()
    assert {name for name, weight in model.named_parameters() if weight.grad is not None} == {
        name for name, _ in model.named_parameters() if "lora" in name
    }


def test_adapters_of_a_model_in_16_bits_are_kept_in_32():
    model = plain_model().bfloat16()
    before = model(TOKENS)
    assert {weight.dtype for weight in add_lora(model, RANK, ALPHA)} == {torch.float32}
    assert_close(model(TOKENS), before, rtol=0, atol=0)


def test_merged_it_is_a_plain_model_with_the_same_logits(tmp_path: Path):
    model = adapted_model()
    logits = model(TOKENS)
    merge_lora(model)
    assert {type(m) for m in model.modules()} == {type(m) for m in plain_model().modules()}
    assert [name for name, _ in model.named_parameters()] == [name for name, _ in plain_model().named_parameters()]
    assert all(weight.requires_grad for weight in model.parameters())
    assert_close(model(TOKENS), logits, rtol=1e-4, atol=1e-4)
    save(model, tmp_path / "merged")
    assert_close(load(tmp_path / "merged")(TOKENS), logits, rtol=1e-4, atol=1e-4)


def test_unmerged_it_has_the_weights_and_adapters_that_it_had():
    model = adapted_model()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    merged = merge_lora(model)
    with pytest.raises(ValueError, match="no adapters"):
        merge_lora(model)
    added = unmerge_lora(model, merged)
    assert_close(model.state_dict(), before, rtol=1e-6, atol=1e-6)
    assert {id(weight) for weight in added} == {id(w) for w in model.parameters() if w.requires_grad}


def test_adapters_are_not_taken_out_of_another_model():
    model, other = adapted_model(), plain_model(seed=1)
    merged = merge_lora(model)
    weights = [{name: weight.clone() for name, weight in one.state_dict().items()} for one in (model, other)]
    fewer = Llama(replace(CONFIG, n_layers=1))
    for wrong in (other, fewer):
        with pytest.raises(ValueError, match=r"merged holds adapters of another model: its blocks\.\d"):
            unmerge_lora(wrong, merged)
    assert_close([model.state_dict(), other.state_dict()], weights, rtol=0, atol=0)
    assert list(other.state_dict()) == list(weights[1]) and all(weight.requires_grad for weight in other.parameters())


def peft_logits(base: Path, adapters: Path) -> Tensor:
    theirs = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.no_grad():
        return peft.PeftModel.from_pretrained(theirs, adapters)(TOKENS).logits


@pytest.mark.parametrize("targets", [("wq", "wv"), ("wk", "w_gate"), ALL])
def test_peft_opens_our_adapters(targets, tmp_path: Path):
    save(plain_model(), tmp_path / "base")
    model = adapted_model(targets)
    save_lora(model, tmp_path / "adapters")
    assert_close(peft_logits(tmp_path / "base", tmp_path / "adapters"), model(TOKENS), rtol=1e-5, atol=1e-5)


def peft_adapters(folder: Path, **settings) -> Path:
    """Adapters made and saved by peft, with all of its settings written out."""
    save(plain_model(), folder / "base")
    theirs = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    model = peft.get_peft_model(theirs, peft.LoraConfig(**({"r": RANK, "lora_alpha": 7} | settings)))
    for name, weight in model.named_parameters():
        if "lora_" in name:
            nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder / "adapters")
    return folder / "adapters"


@pytest.mark.parametrize("targets", [["q_proj", "v_proj"], "all-linear"])
def test_we_open_adapters_of_peft(targets, tmp_path: Path):
    adapters = peft_adapters(tmp_path, target_modules=targets)
    model = plain_model()
    load_lora(model, adapters)
    assert_close(model(TOKENS), peft_logits(tmp_path / "base", adapters), rtol=1e-5, atol=1e-5)
    save_lora(model, tmp_path / "again")
    assert_close(
        load_file(tmp_path / "again" / "adapter_model.safetensors"), load_file(adapters / "adapter_model.safetensors")
    )


def test_adapters_of_some_layers_only_are_opened(tmp_path: Path):
    adapters = peft_adapters(tmp_path, target_modules=["o_proj"], layers_to_transform=[1])
    model = plain_model()
    assert len(load_lora(model, adapters)) == 2
    assert_close(model(TOKENS), peft_logits(tmp_path / "base", adapters), rtol=1e-5, atol=1e-5)
    save_lora(model, tmp_path / "again")
    assert_close(peft_logits(tmp_path / "base", tmp_path / "again"), model(TOKENS), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [{"use_dora": True}, {"use_rslora": True}, {"lora_bias": True}, {"init_lora_weights": "pissa"}, {"bias": "all"}],
    ids=lambda settings: next(iter(settings)),
)
def test_adapters_that_are_more_than_lora_are_refused(settings, tmp_path: Path):
    save_lora(adapted_model(), tmp_path / "adapters")
    path = tmp_path / "adapters" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    with pytest.raises(CheckpointError, match=f'"{next(iter(settings))}" is .* not plain LoRA'):
        load_lora(plain_model(), tmp_path / "adapters")


Q = "base_model.model.model.layers.1.self_attn.q_proj.lora_{}.weight"
DAMAGES = {
    "holds only one of model.layers.1.self_attn.q_proj's two": lambda t: t.pop(Q.format("B")),
    r"q_proj has matrices of \(4, 48\)": lambda t: t.update({Q.format("A"): torch.zeros(4, 48)}),
    r"and \(47, 5\), but": lambda t: t.update({Q.format("B"): torch.zeros(47, 5)}),
    "no matrix of a plain LoRA adapter": lambda t: t.update({Q.format("C"): torch.zeros(1)}),
    "layers.9.self_attn.q_proj, which this model": lambda t: t.update(
        {Q.format(part).replace(".1.", ".9."): t[Q.format(part)].clone() for part in "AB"}
    ),
    "lm_head, which this model": lambda t: t.update(
        {f"base_model.model.lm_head.lora_{part}.weight": torch.zeros(5, 5) for part in "AB"}
    ),
    "holds no adapters": lambda t: t.clear(),
}


@pytest.mark.parametrize("trouble", DAMAGES)
def test_a_damaged_file_is_named_and_the_model_left_as_it_was(trouble, tmp_path: Path):
    save_lora(adapted_model(), tmp_path / "adapters")
    file = tmp_path / "adapters" / "adapter_model.safetensors"
    tensors = load_file(file)
    DAMAGES[trouble](tensors)
    save_file(tensors, file)
    model = plain_model()
    with pytest.raises(CheckpointError, match=trouble):
        load_lora(model, tmp_path / "adapters")
    assert list(model.state_dict()) == list(plain_model().state_dict())
    assert all(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize("number", [math.nan, -math.inf])
def test_broken_adapters_are_told_when_saved_and_when_loaded(number: float, tmp_path: Path):
    save_lora(adapted_model(), tmp_path / "adapters")
    file = tmp_path / "adapters" / "adapter_model.safetensors"
    before = file.read_bytes()
    model = adapted_model()
    model.blocks[1].attention.wk.lora_b.data[3, 2] = number
    with pytest.raises(
        ValueError, match=r"model holds NaN or infinite numbers in .*layers\.1\.self_attn\.k_proj\.lora_B"
    ):
        save_lora(model, tmp_path / "adapters")
    assert file.read_bytes() == before
    tensors = load_file(file)
    tensors[Q.format("A")][1, 2] = number
    save_file(tensors, file)
    model = plain_model()
    with pytest.raises(CheckpointError, match=r"layers\.1\.self_attn\.q_proj holds NaN or infinite numbers"):
        load_lora(model, tmp_path / "adapters")
    assert list(model.state_dict()) == list(plain_model().state_dict())


@pytest.mark.parametrize("settings", [{"r": 0}, {"r": "five"}, {"lora_alpha": "seven"}, {"lora_alpha": -1}], ids=str)
def test_settings_that_make_no_sense_are_named(settings: dict, tmp_path: Path):
    save_lora(adapted_model(), tmp_path / "adapters")
    path = tmp_path / "adapters" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    with pytest.raises(CheckpointError, match=r"adapter_config\.json: describes no adapters: (rank|alpha) must be"):
        load_lora(plain_model(), tmp_path / "adapters")


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_folder_in_the_place_of_a_file_is_named(name: str, tmp_path: Path):
    save_lora(adapted_model(), tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(CheckpointError, match=f"{name}: cannot be read: "):
        load_lora(plain_model(), tmp_path)


def test_truncated_and_missing_files_are_named(tmp_path: Path):
    save_lora(adapted_model(), tmp_path / "adapters")
    file = tmp_path / "adapters" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="truncated"):
        load_lora(plain_model(), tmp_path / "adapters")
    file.unlink()
    with pytest.raises(CheckpointError, match="is missing"):
        load_lora(plain_model(), tmp_path / "adapters")
    with pytest.raises(CheckpointError, match=r"adapter_config.json: is missing"):
        load_lora(plain_model(), tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("arguments", "trouble"),
    [
        ({"rank": 0}, "rank must be a whole number of at least 1, got 0"),
        ({"rank": 2.0}, r"rank must be a whole number of at least 1, got 2\.0"),
        ({"alpha": 0}, "alpha must be above 0, got 0"),
        ({"targets": ("wq", "q_proj")}, "targets must be some of wq, wk, .* got 'q_proj'"),
        ({"targets": "wq"}, "targets must be some of .* got 'w'"),
        ({"targets": ()}, "targets must be some of .* got 'none'"),
    ],
    ids=lambda value: "",
)
def test_bad_arguments_are_named_and_the_model_left_as_it_was(arguments, trouble):
    model = plain_model()
    with pytest.raises(ValueError, match=trouble):
        add_lora(model, **({"rank": 4, "alpha": 8} | arguments))
    assert all(weight.requires_grad for weight in model.parameters())


def test_a_second_set_of_adapters_is_refused(tmp_path: Path):
    model = adapted_model()
    save_lora(model, tmp_path / "adapters")
    for again in (lambda: add_lora(model, 2, 2), lambda: load_lora(model, tmp_path / "adapters")):
        with pytest.raises(ValueError, match="has adapters already"):
            again()


def test_saving_replaces_adapters_and_nothing_else(tmp_path: Path):
    model = adapted_model()
    save_lora(model, tmp_path / "adapters")
    save_lora(model, tmp_path / "adapters")
    (tmp_path / "adapters" / "diary.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds diary\.txt, which is not of adapters saved here before"):
        save_lora(model, tmp_path / "adapters")
    with pytest.raises(ValueError, match="no adapters"):
        save_lora(plain_model(), tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_every_file_has_the_rights_of_a_new_one_and_a_readme_stays(umask: int, tmp_path: Path):
    (tmp_path / "README.md").write_text("mine")
    before = os.umask(umask)
    try:
        save_lora(adapted_model(), tmp_path)
        save(plain_model(), tmp_path / "model")
    finally:
        os.umask(before)
    assert (tmp_path / "README.md").read_text() == "mine"
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "README.md"]
    assert {path.stat().st_mode & 0o777 for path in written} == {0o666 & ~umask} and len(written) == 7
