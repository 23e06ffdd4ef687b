"""One weight, three names: ours, Meta's and Hugging Face's; and the one difference that is not a name."""

from __future__ import annotations

import re

import torch
from torch import Tensor

LAYOUTS = ("ours", "meta", "hf")
MODULES = (  # in the order of LAYOUTS; # stands for the number of the layer
    ("embedding", "tok_embeddings", "model.embed_tokens"),
    ("blocks.#.attention_norm", "layers.#.attention_norm", "model.layers.#.input_layernorm"),
    ("blocks.#.attention.wq", "layers.#.attention.wq", "model.layers.#.self_attn.q_proj"),
    ("blocks.#.attention.wk", "layers.#.attention.wk", "model.layers.#.self_attn.k_proj"),
    ("blocks.#.attention.wv", "layers.#.attention.wv", "model.layers.#.self_attn.v_proj"),
    ("blocks.#.attention.wo", "layers.#.attention.wo", "model.layers.#.self_attn.o_proj"),
    ("blocks.#.feed_forward_norm", "layers.#.ffn_norm", "model.layers.#.post_attention_layernorm"),
    ("blocks.#.feed_forward.w_gate", "layers.#.feed_forward.w1", "model.layers.#.mlp.gate_proj"),
    ("blocks.#.feed_forward.w_up", "layers.#.feed_forward.w3", "model.layers.#.mlp.up_proj"),
    ("blocks.#.feed_forward.w_down", "layers.#.feed_forward.w2", "model.layers.#.mlp.down_proj"),
    ("norm", "norm", "model.norm"),
    ("output", "output", "lm_head"),
)


def translate(name: str, source: str, target: str) -> str:
    """The name of a module, or of its weight, in another layout.

    Args:
        name: such as "blocks.3.attention.wq" or "blocks.3.attention.wq.weight".
        source: layout the name is from: "ours", "meta" or "hf".
        target: layout to translate it to.

    Returns:
        The name in the target layout: "model.layers.3.self_attn.q_proj.weight".

    Raises:
        KeyError: a Llama has no such module.
    """
    module, weight = re.fullmatch(r"(.*?)(\.weight)?", name).groups(default="")
    pattern = re.sub(r"\.\d+\.", ".#.", module)
    table = {row[LAYOUTS.index(source)]: row[LAYOUTS.index(target)] for row in MODULES}
    number = re.search(r"\.(\d+)\.", module)
    return table[pattern].replace("#", number[1] if number else "") + weight


def interleaved_to_half_split(weight: Tensor, n_heads: int) -> Tensor:
    """Rows of wq or wk from Meta's order, which turns neighbours, to Hugging Face's, which turns row i with i + D/2.

    Both models then compute the same scores: a score is a sum over a head's channels, and a sum knows no order.

    Args:
        weight: shape (H * D, ...) with Meta's rows: in every head (0, 1), (2, 3), ... turn together.
        n_heads: heads that the rows belong to: n_heads for wq, n_kv_heads for wk.

    Returns:
        A copy of the same shape: of every head first the even rows, then the odd ones.

    Source: transformers, models/llama/convert_llama_weights_to_hf.py, `permute`.
    """
    return weight.unflatten(0, (n_heads, -1, 2)).transpose(1, 2).flatten(0, 2)


def half_split_to_interleaved(weight: Tensor, n_heads: int, out: Tensor | None = None) -> Tensor:
    """The way back: rows of q_proj or k_proj from Hugging Face's order to Meta's, which is ours.

    Args:
        weight: shape (H * D, ...) with Hugging Face's rows.
        n_heads: heads that the rows belong to: n_heads for q_proj, n_kv_heads for k_proj.
        out: where to write them; None makes a new tensor.

    Returns:
        `out`, of the same shape.
    """
    out = torch.empty_like(weight) if out is None else out
    even_then_odd = out.unflatten(0, (n_heads, -1, 2)).transpose(1, 2)  # (H, 2, D/2, ...), a view of out
    even_then_odd.copy_(weight.unflatten(0, (n_heads, 2, -1)))
    return out
