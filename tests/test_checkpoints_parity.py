"""The same logits as transformers: its checkpoints in our model, ours in its, with and without a cache."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from torch import Tensor

from llama_lessons.checkpoints import load, save
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from tests.reference.checkpoint_huggingface import huggingface_weights
from tests.reference.checkpoint_meta import meta_params, write_meta
from tests.reference.checkpoint_weights import meta_weights, ours

transformers = pytest.importorskip("transformers")

TOLERANCE = 1e-5  # largest difference of a logit over the largest logit


def random_shapes(n: int) -> list[LlamaConfig]:
    """Shapes drawn from a seed, in turn with all, some and one key and value head, in turn tied and not."""
    draw, shapes = random.Random(0), []
    for i in range(n):
        n_kv_heads = 1 if i % 3 == 2 else draw.randint(2, 4)
        n_heads = n_kv_heads * (1 if i % 3 == 0 else draw.randint(2, 4))
        shapes.append(
            LlamaConfig(
                dim=n_heads * 2 * draw.randint(2, 12),
                n_layers=draw.randint(1, 4),
                n_heads=n_heads,
                n_kv_heads=n_kv_heads,
                vocab_size=draw.randint(20, 300),
                hidden_dim=draw.randint(10, 300),
                max_seq_len=64,
                norm_eps=draw.choice([1e-5, 1e-6]),
                rope_theta=draw.choice([10_000.0, 500_000.0]),
                tie_embeddings=i % 2 == 1,
            )
        )
    return shapes


SHAPES = random_shapes(12)
COUSINS = {  # what anybody may fetch: llama2.c's stories260K, and one layer of TinyLlama 1.1B with fewer ids
    "stories260K": LlamaConfig(
        dim=64,
        n_layers=5,
        n_heads=8,
        n_kv_heads=4,
        vocab_size=512,
        hidden_dim=172,
        max_seq_len=512,
        tie_embeddings=True,
    ),
    "TinyLlama": LlamaConfig(
        dim=2048, n_layers=1, n_heads=32, n_kv_heads=4, vocab_size=1000, hidden_dim=5632, max_seq_len=2048
    ),
}
IDS = [f"H{c.n_heads}-Hkv{c.n_kv_heads}-C{c.dim}{'-tied' if c.tie_embeddings else ''}" for c in SHAPES]


def their_model(config: LlamaConfig) -> torch.nn.Module:
    """transformers' model of this shape with the reference's weights."""
    settings = transformers.LlamaConfig(
        hidden_size=config.dim,
        num_hidden_layers=config.n_layers,
        num_attention_heads=config.n_heads,
        num_key_value_heads=config.n_kv_heads,
        vocab_size=config.vocab_size,
        intermediate_size=config.hidden_dim,
        max_position_embeddings=config.max_seq_len,
        rms_norm_eps=config.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
        tie_word_embeddings=config.tie_embeddings,
    )
    model = transformers.LlamaForCausalLM(settings).eval()
    missing, unexpected = model.load_state_dict(huggingface_weights(config, meta_weights(config)), strict=False)
    assert unexpected == [] and missing == (["lm_head.weight"] if config.tie_embeddings else [])
    return model


def some_tokens(config: LlamaConfig) -> Tensor:
    """Random ids, (B, T) = (2, 33)."""
    return torch.randint(config.vocab_size, (2, 33), generator=torch.Generator().manual_seed(1))


def assert_close(mine: Tensor, theirs: Tensor) -> None:
    """Equal up to TOLERANCE."""
    assert mine.shape == theirs.shape
    error = (mine - theirs).abs().max() / theirs.abs().max()
    assert error <= TOLERANCE, f"relative error {error:.1e}"


@pytest.mark.parametrize("config", [*SHAPES, *COUSINS.values()], ids=[*IDS, *COUSINS])
@torch.inference_mode()
def test_their_checkpoint_gives_their_logits_in_our_model(config: LlamaConfig, tmp_path: Path):
    theirs = their_model(config)
    theirs.save_pretrained(tmp_path / "theirs")
    mine = load(tmp_path / "theirs")
    assert mine.config == config
    tokens = some_tokens(config)
    assert_close(mine(tokens), theirs(tokens).logits)


@pytest.mark.parametrize("config", SHAPES, ids=IDS)
@torch.inference_mode()
def test_our_checkpoint_gives_our_logits_in_their_model(config: LlamaConfig, tmp_path: Path):
    mine = Llama(config)
    mine.load_state_dict({ours(name): weight for name, weight in meta_weights(config).items()}, strict=False)
    save(mine, tmp_path / "ours")
    theirs, loading = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(loading.values()), loading
    tokens = some_tokens(config)
    assert_close(mine(tokens), theirs(tokens).logits)
    assert theirs.dtype == torch.float32 and theirs.config.max_position_embeddings == config.max_seq_len


@pytest.mark.parametrize("config", SHAPES, ids=IDS)
@torch.inference_mode()
def test_a_meta_checkpoint_gives_the_logits_of_their_converted_one(config: LlamaConfig, tmp_path: Path):
    weights = meta_weights(config)
    weights.setdefault("output.weight", weights["tok_embeddings.weight"])
    params = meta_params(config) | {"rope_theta": config.rope_theta}
    mine = load(write_meta(tmp_path / "meta", params, weights, n_shards=1))
    tokens = some_tokens(config)
    assert_close(mine(tokens), their_model(config)(tokens).logits)


@pytest.mark.parametrize("config", SHAPES[:6], ids=IDS[:6])
@torch.inference_mode()
def test_both_caches_agree_over_a_prompt_a_chunk_and_single_tokens(config: LlamaConfig, tmp_path: Path):
    theirs = their_model(config)
    theirs.save_pretrained(tmp_path / "theirs")
    mine = load(tmp_path / "theirs")
    tokens = some_tokens(config)
    our_cache, their_cache = mine.new_cache(batch_size=2), transformers.DynamicCache(config=theirs.config)
    for chunk in tokens.split([17, 8, *[1] * 8], dim=1):
        logits = theirs(chunk, past_key_values=their_cache, use_cache=True).logits
        assert_close(mine(chunk, cache=our_cache), logits)


@torch.inference_mode()
def test_a_bfloat16_checkpoint_stays_bfloat16_in_their_model(tmp_path: Path):
    save(Llama(SHAPES[1]).bfloat16(), tmp_path / "ours")
    assert transformers.AutoConfig.from_pretrained(tmp_path / "ours").dtype == torch.bfloat16
    assert transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours").dtype == torch.bfloat16


def test_their_sharded_checkpoint_is_opened(tmp_path: Path):
    theirs = their_model(SHAPES[4])
    theirs.save_pretrained(tmp_path / "theirs", max_shard_size="100KB")
    assert len(list((tmp_path / "theirs").glob("*.safetensors"))) > 1
    mine = load(tmp_path / "theirs")
    tokens = some_tokens(SHAPES[4])
    with torch.inference_mode():
        assert_close(mine(tokens), theirs(tokens).logits)


@pytest.mark.parametrize("config", SHAPES[:3], ids=IDS[:3])
def test_greedy_text_is_the_same_in_both(config: LlamaConfig, tmp_path: Path):
    mine = Llama(config)
    mine.load_state_dict({ours(name): weight for name, weight in meta_weights(config).items()}, strict=False)
    save(mine, tmp_path / "ours")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours")
    theirs.generation_config.eos_token_id = None
    prompt = some_tokens(config)[:1, :5]
    answer = theirs.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=20, do_sample=False)
    tokens = prompt
    with torch.inference_mode():
        for _ in range(20):
            tokens = torch.cat((tokens, mine(tokens)[:, -1].argmax(-1, keepdim=True)), dim=1)
    assert torch.equal(tokens, answer)
