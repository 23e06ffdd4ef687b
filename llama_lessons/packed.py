"""The same model laid out for speed: one new token per sequence, on a CPU.

A decoding step multiplies every weight once and is done with it, so it waits for memory and for Python, hardly for
arithmetic. This copy of the weights asks for less of both: matrices that read the same vector lie side by side (one
call instead of three), transposed (the product walks through memory in order), with the norms' weights multiplied in.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm, silu

from llama_lessons.attention import Attention, KVCache, causal_attention
from llama_lessons.feed_forward import FeedForward
from llama_lessons.model import Block, Llama
from llama_lessons.norm import RMSNorm
from llama_lessons.rope import rope_angles, rotate

LARGEST = 2**30  # bytes of weights; of a larger model no copy is made
WORTHWHILE = 64  # tokens from which on a faster step repays the copy


def worth_packing(model: Llama, n_tokens: int) -> bool:
    """Whether decoding n_tokens is likely to be faster with a packed copy than without, and the copy is allowed.

    It is for a model in float32 on a CPU, of at most 1 GiB, that is Llama's own in every part: a replaced layer, an
    adapter, a bias, a hook or a watched attention would be lost in the copy.
    """
    weight = model.embedding.weight
    return (
        n_tokens >= WORTHWHILE
        and (weight.device.type, weight.dtype) == ("cpu", torch.float32)
        and model.config.n_params * weight.itemsize <= LARGEST
        and all(_is_as_built(name, module, model) for name, module in model.named_modules())
    )


def _is_as_built(name: str, module: nn.Module, model: Llama) -> bool:
    """Whether a module is what `Llama` put into this place, and does no more than it did then."""
    place = name.split(".")[-1]
    return (
        type(module) is (Block if place.isdigit() else PLACES.get(place))
        and not (module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))
        and getattr(module, "bias", None) is None
        and getattr(module, "observer", None) is None
        and getattr(module, "eps", model.config.norm_eps) == model.config.norm_eps
    )


PLACES = dict.fromkeys(("wq", "wk", "wv", "wo", "w_gate", "w_up", "w_down", "output"), nn.Linear)
PLACES |= dict.fromkeys(("attention_norm", "feed_forward_norm", "norm"), RMSNorm)
PLACES |= {"attention": Attention, "feed_forward": FeedForward, "embedding": nn.Embedding}
PLACES |= {"": Llama, "blocks": nn.ModuleList}


class PackedLlama:
    """A copy of a model's weights for decoding; it takes as many bytes again as they do, less the embedding table.

    Args:
        model: a plain model in float32 on a CPU. Later changes of its weights do not reach the copy.
    """

    def __init__(self, model: Llama) -> None:
        self.config = model.config
        self.embedding = model.embedding.weight
        self.layers = [
            (
                _side_by_side(block.attention_norm.weight, attention.wq, attention.wk, attention.wv),
                _side_by_side(None, attention.wo),
                _side_by_side(block.feed_forward_norm.weight, feed_forward.w_gate, feed_forward.w_up),
                _side_by_side(None, feed_forward.w_down),
            )
            for block in model.blocks
            for attention, feed_forward in [(block.attention, block.feed_forward)]
        ]
        self.head = _side_by_side(model.norm.weight, model.output)

    def step(self, ids: Tensor, cache: KVCache) -> Tensor:
        """What `model(ids[:, None], cache)[:, 0]` gives: (B,) -> (B, V), within rounding."""
        cache.check(len(ids), 1)
        angles = rope_angles(torch.tensor([cache.length]), self.config.head_dim, self.config.rope_theta)  # (1, D//2)
        cos, sin = angles.cos(), angles.sin()
        x = self.embedding[ids]  # (B, C)
        for layer, (w_qkv, wo, w_gate_up, w_down) in enumerate(self.layers):
            x = torch.addmm(x, self._attend(self._norm(x) @ w_qkv, cos, sin, cache, layer), wo)
            gate, up = (self._norm(x) @ w_gate_up).chunk(2, dim=1)  # (B, F) each
            x = torch.addmm(x, silu(gate) * up, w_down)
        cache.length += 1
        return self._norm(x) @ self.head

    def _norm(self, x: Tensor) -> Tensor:
        return rms_norm(x, (self.config.dim,), eps=self.config.norm_eps)

    def _attend(self, qkv: Tensor, cos: Tensor, sin: Tensor, cache: KVCache, layer: int) -> Tensor:
        """(B, (H + 2 Hkv) D) -> (B, C)."""
        n_heads, n_turned = self.config.n_heads, self.config.n_heads + self.config.n_kv_heads
        heads = qkv.view(len(qkv), 1, -1, self.config.head_dim)  # (B, 1, H + 2 Hkv, D): one new token
        turned = rotate(heads[:, :, :n_turned], cos, sin).transpose(
            1, 2
        )  # (B, H + Hkv, 1, D): queries and keys at once
        keys, values = cache.extend(layer, turned[:, n_heads:], heads[:, :, n_turned:].transpose(1, 2))
        return causal_attention(turned[:, :n_heads], keys, values).flatten(1)


def _side_by_side(norm: Tensor | None, *linears: nn.Linear) -> Tensor:
    """Several weights (out, in), transposed, as one (in, sum of out); scaled by the norm before them, (in,)."""
    packed = linears[0].weight.new_empty(linears[0].in_features, sum(linear.out_features for linear in linears))
    start = 0
    for linear in linears:
        packed[:, start : start + linear.out_features] = linear.weight.detach().t()
        start += linear.out_features
    return packed if norm is None else packed.mul_(norm.detach()[:, None])
