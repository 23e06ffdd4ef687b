"""The second half of the file that is taken home: choosing the next token, writing, and opening a checkpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import torch

from llama_lessons.my_llama.model import Block, MyCache, MyLlama, Norm


# Part: probs
def my_probs(logits, temperature, top_k):
    """Chances of the top_k likeliest tokens of each row: (B, V) -> (B, V)."""
    scores = logits / temperature
    return scores.masked_fill(scores < scores.topk(top_k).values[:, -1:], -torch.inf).softmax(-1)


# Part: top_p
def my_top_p(probs, top_p):
    """Chances without the tail: (V,) -> (V,)."""
    values, order = probs.sort(descending=True)
    kept = torch.zeros_like(probs)
    kept[order] = values.masked_fill(values.cumsum(0) - values > top_p, 0)
    return kept / kept.sum()


# Around the parts: writing, and reading a checkpoint
def build(config):
    """A Llama of a shape, with new weights."""
    return MyLlama(config, Block, Norm)


def choose(logits, temperature, top_p, top_k, generator=None):
    """The next token's id, from its scores: (V,) -> an int; temperature 0 takes the likeliest."""
    if temperature == 0:
        return int(logits.argmax())
    probs = my_probs(logits.float()[None], temperature, min(top_k or len(logits), len(logits)))[0]
    return int(torch.multinomial(my_top_p(probs, top_p).cpu(), 1, generator=generator))


@torch.no_grad()
def generate(model, ids, n_new, temperature=0.6, top_p=0.9, top_k=None, stop=None, generator=None):
    """At most n_new ids that go on after a list of ids; what was read is kept in a cache for each layer."""
    shape, table = model.config, model.embedding.weight
    for block in model.blocks:
        block.attention.cache = MyCache(1, shape.n_kv_heads, len(ids) + n_new, shape.head_dim)
    try:
        new, logits = [], model(torch.tensor([ids], device=table.device))[0, -1]
        while len(new) < n_new and (token := choose(logits, temperature, top_p, top_k, generator)) != stop:
            new.append(token)
            if len(new) < n_new:
                logits = model(torch.tensor([[token]], device=table.device), len(ids) + len(new) - 1)[0, -1]
        return new
    finally:
        for block in model.blocks:
            block.attention.cache = None


NAMES = {  # Hugging Face's names and ours
    "model.embed_tokens": "embedding",
    "model.layers": "blocks",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "feed_forward_norm",
    "self_attn": "attention",
    "mlp": "feed_forward",
    "model.norm": "norm",
    "lm_head": "output",
} | {
    f"{name}_proj": f"w{name}" if len(name) == 1 else f"w_{name}" for name in ("q", "k", "v", "o", "gate", "up", "down")
}


def shape_of(stated):
    """Our names for what a config.json states."""
    heads, rope = stated["num_attention_heads"], stated.get("rope_parameters") or stated
    return SimpleNamespace(
        dim=stated["hidden_size"],
        hidden_dim=stated["intermediate_size"],
        n_layers=stated["num_hidden_layers"],
        n_heads=heads,
        n_kv_heads=stated.get("num_key_value_heads", heads),
        head_dim=stated["hidden_size"] // heads,
        vocab_size=stated["vocab_size"],
        norm_eps=stated["rms_norm_eps"],
        rope_theta=rope.get("rope_theta", 10_000.0),
        tie_embeddings=stated.get("tie_word_embeddings", False),
    )


def load(folder):
    """A Llama with the weights of a folder, in float32."""
    config = shape_of(json.loads((folder / "config.json").read_text()))
    raw, weights = bytearray((folder / "model.safetensors").read_bytes()), {}
    begin = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:begin])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        kind = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}[entry["dtype"]]
        weight = torch.frombuffer(raw[begin + first : begin + last], dtype=kind).view(entry["shape"]).float()
        if "q_proj" in name or "k_proj" in name:  # these files turn two halves, we turn neighbours
            weight = weight.unflatten(0, (-1, 2, config.head_dim // 2)).transpose(1, 2).flatten(0, 2)
        for theirs, ours in NAMES.items():
            name = name.replace(theirs, ours)
        weights[name] = weight
    if config.tie_embeddings:
        weights["output.weight"] = weights["embedding.weight"]
    model = build(config)
    model.load_state_dict(weights)
    return model


if __name__ == "__main__":
    from sentencepiece import SentencePieceProcessor

    folder, text = Path(sys.argv[1]), sys.argv[2]
    tokenizer, model = SentencePieceProcessor(model_file=str(folder / "tokenizer.model")), load(folder)
    ids = [tokenizer.bos_id(), *tokenizer.encode(text)]
    print(tokenizer.decode(ids + generate(model, ids, 200, stop=tokenizer.eos_id())))
