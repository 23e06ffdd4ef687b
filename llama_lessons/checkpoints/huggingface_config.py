"""Hugging Face's config.json: which of its settings are a Llama 2's, and what it must say of ours."""

from __future__ import annotations

from pathlib import Path

import torch

from llama_lessons.checkpoints.assembly import make_config, number
from llama_lessons.checkpoints.file_io import CheckpointError
from llama_lessons.config import LlamaConfig

HONOURED = {  # what these settings may say; what is not there, or null, is Llama's default
    "model_type": ("llama",),
    "architectures": (["LlamaForCausalLM"],),
    "hidden_act": ("silu",),
    "attention_bias": (False,),
    "mlp_bias": (False,),
    "partial_rotary_factor": (1,),
    "quantization_config": (),
}
REMEDY = "Only plain Llama 2 models can be opened; use transformers for this one"


def config_from(path: Path, settings: dict) -> LlamaConfig:
    """The LlamaConfig of a config.json.

    Args:
        path: the file, to name in errors.
        settings: its content. What it leaves out has the default that transformers gives a Llama.

    Raises:
        CheckpointError: a setting is missing, makes no sense, or cannot be honoured.
    """
    if "model_type" not in settings:
        raise CheckpointError(path, 'does not give "model_type"', REMEDY)
    for key, allowed in HONOURED.items():
        if settings.get(key) is not None and settings[key] not in allowed:
            raise CheckpointError(path, f'asks for "{key}": {settings[key]!r}, which Llama 2 does not have', REMEDY)
    n_heads = number(path, settings, "num_attention_heads")
    n_kv_heads = settings.get("num_key_value_heads")
    config = make_config(
        path,
        dim=number(path, settings, "hidden_size"),
        n_layers=number(path, settings, "num_hidden_layers"),
        n_heads=n_heads,
        n_kv_heads=n_heads if n_kv_heads is None else n_kv_heads,
        vocab_size=number(path, settings, "vocab_size"),
        hidden_dim=number(path, settings, "intermediate_size"),
        max_seq_len=settings.get("max_position_embeddings", 2048),
        norm_eps=settings.get("rms_norm_eps", 1e-6),  # transformers' default, not Llama 2's
        rope_theta=_rope_theta(path, settings),
        tie_embeddings=bool(settings.get("tie_word_embeddings", False)),
    )
    if settings.get("head_dim") not in (None, config.head_dim):
        trouble = (
            f'asks for "head_dim": {settings["head_dim"]!r}; hidden_size / num_attention_heads = {config.head_dim}'
        )
        raise CheckpointError(path, trouble, REMEDY)
    return config


def _rope_theta(path: Path, settings: dict) -> float:
    """The base of the rotary frequencies: `rope_parameters` is transformers 5's place for it, `rope_theta` the old."""
    theta = settings.get("rope_theta", 10_000.0)
    for key in ("rope_scaling", "rope_parameters"):
        rope = settings.get(key) or {}
        if not isinstance(rope, dict) or not _is_plain(rope):
            raise CheckpointError(path, f'asks for "{key}": {rope!r}, but Llama 2 scales no positions', REMEDY)
        theta = rope.get("rope_theta", theta)
    return theta


def _is_plain(rope: dict) -> bool:
    """Whether every channel turns at its usual speed; "type" is what older versions call "rope_type"."""
    kind = rope.get("rope_type") or rope.get("type") or "default"
    return kind == "default" and rope.get("partial_rotary_factor") in (None, 1)


def settings_of(config: LlamaConfig, dtype: torch.dtype) -> dict:
    """What config.json must say of a model, for transformers 4 and 5.

    Args:
        config: the model's shape.
        dtype: of its weights.
    """
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": config.dim,
        "intermediate_size": config.hidden_dim,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.head_dim,
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.max_seq_len,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,  # transformers 4 reads this
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},  # and transformers 5 this
        "tie_word_embeddings": config.tie_embeddings,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "torch_dtype": str(dtype).removeprefix("torch."),
    }
