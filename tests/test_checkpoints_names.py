"""Names and rows: the table against transformers' own names, the reordering against rows picked one by one."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from llama_lessons.checkpoints.assembly import skeleton
from llama_lessons.checkpoints.names import LAYOUTS, half_split_to_interleaved, interleaved_to_half_split, translate
from llama_lessons.config import LlamaConfig
from llama_lessons.rope import rope_angles, rotate
from tests.reference.checkpoint_huggingface import huggingface_weights
from tests.reference.checkpoint_weights import SMALL, meta_weights, ours

PAIRS = torch.arange(2 * 6)[:, None] * torch.tensor([[1, 100]])  # (H * D, C) with H=2, D=6, C=2
HALVES = PAIRS[[0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]]


def test_every_weight_of_the_model_has_a_name_of_metas():
    assert {translate(n, "ours", "meta"): n for n in skeleton(SMALL).state_dict()} == {
        name: ours(name) for name in meta_weights(SMALL)
    }


def test_every_weight_of_the_model_has_the_name_that_transformers_gives_it():
    transformers = pytest.importorskip("transformers")
    with torch.device("meta"):
        theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(num_hidden_layers=12, vocab_size=8))
    config = LlamaConfig(
        dim=4, n_layers=12, n_heads=2, n_kv_heads=1, vocab_size=8, hidden_dim=6, max_seq_len=4
    )  # numbers of two digits
    names = [translate(name, "ours", "hf") for name in skeleton(config).state_dict()]
    assert sorted(names) == sorted(theirs.state_dict())


@pytest.mark.parametrize("source", LAYOUTS)
@pytest.mark.parametrize("target", LAYOUTS)
def test_translating_there_and_back_gives_the_same_name(source: str, target: str):
    for name in skeleton(SMALL).state_dict():
        name = translate(name, "ours", source)
        assert translate(translate(name, source, target), target, source) == name


def test_a_module_without_its_weight_can_be_translated():
    assert translate("model.layers.31.mlp.up_proj", "hf", "ours") == "blocks.31.feed_forward.w_up"


@pytest.mark.parametrize("name", ["blocks.0.attention.wz", "blocks.attention.wq", "norm.bias", "blocks.0.norm"])
def test_a_name_that_no_llama_has_is_an_error(name: str):
    with pytest.raises(KeyError):
        translate(name, "ours", "meta")


def test_halves_from_pairs_moves_the_even_rows_of_each_head_to_the_front():
    assert torch.equal(interleaved_to_half_split(PAIRS, n_heads=2), HALVES)


def test_half_split_to_interleaved_is_the_way_back():
    assert torch.equal(half_split_to_interleaved(HALVES, n_heads=2), PAIRS)


def test_scores_are_the_same_in_both_orders():
    """The reason why reordering is allowed: neighbours turned in one order, halves in the other, equal scores."""
    H, Hkv, D, T, C = 6, 3, 8, 5, 10
    noise = torch.Generator().manual_seed(0)
    wq, wk = (torch.randn(heads * D, C, generator=noise) for heads in (H, Hkv))
    x = torch.randn(T, C, generator=noise)
    angles = rope_angles(torch.arange(T), D)  # (T, D//2)
    cos, sin = angles.cos(), angles.sin()

    def turn_halves(x: torch.Tensor) -> torch.Tensor:  # (T, heads, D)
        a, b = x.chunk(2, dim=-1)
        return torch.cat((a * cos[:, None] - b * sin[:, None], a * sin[:, None] + b * cos[:, None]), dim=-1)

    def scores(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return torch.einsum("thd,shd->hts", q, k.repeat_interleave(H // Hkv, dim=1))

    pairs = [rotate((x @ w.T).view(1, T, -1, D), cos, sin)[0] for w in (wq, wk)]
    halves = [turn_halves((x @ interleaved_to_half_split(w, n).T).view(T, -1, D)) for w, n in ((wq, H), (wk, Hkv))]
    assert_close(scores(*halves), scores(*pairs), rtol=1e-5, atol=1e-4)


def test_the_reference_reorders_as_the_package_does():
    weights = meta_weights(SMALL)
    theirs = huggingface_weights(SMALL, weights)
    for part, n_heads in (("q", 16), ("k", 8)):
        mine = interleaved_to_half_split(weights[f"layers.2.attention.w{part}.weight"], n_heads)
        assert torch.equal(mine, theirs[f"model.layers.2.self_attn.{part}_proj.weight"])
