from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from llama_lessons.config import PRESETS, LlamaConfig
from llama_lessons.model import Llama

SHAPE = {"dim": 48, "n_layers": 2, "n_heads": 6, "n_kv_heads": 3, "vocab_size": 61, "hidden_dim": 40, "max_seq_len": 32}


@pytest.mark.parametrize(
    ("name", "n_params"),
    [
        ("llama2-7b", 6_738_415_616),
        ("llama2-13b", 13_015_864_320),
        ("llama2-34b", 33_743_970_304),
        ("llama2-70b", 68_976_648_192),
    ],
)
def test_presets_have_the_published_number_of_parameters(name, n_params):
    assert LlamaConfig.preset(name).n_params == n_params


@pytest.mark.parametrize("name", PRESETS)
def test_the_model_has_as_many_parameters_as_its_config_says(name):
    config = LlamaConfig.preset(name)
    with torch.device("meta"):
        model = Llama(config)
    assert sum(weight.numel() for weight in model.parameters()) == config.n_params


def test_a_tied_table_is_counted_once():
    untied = LlamaConfig(**SHAPE)
    assert untied.n_params - replace(untied, tie_embeddings=True).n_params == 61 * 48


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 50}, "dim must be a multiple of n_heads, got dim=50, n_heads=6"),
        ({"n_kv_heads": 4}, "n_heads must be a multiple of n_kv_heads, got n_heads=6, n_kv_heads=4"),
        ({"dim": 42}, "head_dim must be even, got 7"),
        ({"n_layers": 0}, "n_layers must be a whole number of at least 1, got 0"),
        ({"vocab_size": 3.0}, "vocab_size must be a whole number of at least 1, got 3.0"),
        ({"hidden_dim": True}, "hidden_dim must be a whole number"),
        ({"norm_eps": 0}, "norm_eps must be a positive number, got 0"),
        ({"norm_eps": "1e-5"}, "norm_eps must be a positive number, got '1e-5'"),
        ({"rope_theta": float("nan")}, "rope_theta must be a positive number, got nan"),
        ({"rope_theta": float("inf")}, "rope_theta must be a positive number, got inf"),
    ],
)
def test_numbers_that_do_not_fit_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        LlamaConfig(**{**SHAPE, **change})


def test_an_unknown_preset_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="no preset named 'llama3-8b'; there are llama2-7b, llama2-13b"):
        LlamaConfig.preset("llama3-8b")


def test_a_config_cannot_be_changed_nor_built_by_position():
    config = LlamaConfig(**SHAPE)
    with pytest.raises(FrozenInstanceError):
        config.dim = 64
    with pytest.raises(TypeError):
        LlamaConfig(*SHAPE.values())
