"""The same model laid out for speed: one new token per sequence, on a CPU.

A decoding step multiplies every weight once and is done with it, so it waits for memory and for Python, hardly for
arithmetic. This copy of the weights asks for less of both: matrices that read the same vector lie side by side (one
call instead of three), transposed (the product walks through memory in order), with the norms' weights multiplied in.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention, silu

from llama_lessons.attention import Attention, KVCache
from llama_lessons.feed_forward import FeedForward
from llama_lessons.model import Block, Llama
from llama_lessons.norm import RMSNorm
from llama_lessons.rope import rope_angles

LARGEST = 2**30  # bytes of weights; of a larger model no copy is made
WORTHWHILE = 64  # tokens from which on a faster step repays the copy
MORE = 16  # channels of the stream beyond the model's: one is needed, sixteen keep rows where a processor likes them
STRIP = 64  # rows of a weight that are transposed at a time, so that they stay in the processor's cache


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
    """A copy of a model's weights for decoding; it takes as many bytes again as they do.

    RMSNorm divides x by the root of its mean square plus eps. That root is the length of x with one channel more, of
    sqrt(C eps), over sqrt(C): so the stream here has that channel, and the norm is a division by a length. The weights
    that read the stream have zeros for it, and the factor sqrt(C); those that write to it leave it alone.

    Args:
        model: a plain model in float32 on a CPU. Later changes of its weights do not reach the copy.
    """

    def __init__(self, model: Llama) -> None:
        self.config = model.config
        self.layers = [
            (
                _reading(block.attention_norm, attention.wq, attention.wk, attention.wv),
                _writing(attention.wo),
                _reading(block.feed_forward_norm, feed_forward.w_gate, feed_forward.w_up),
                _writing(feed_forward.w_down),
            )
            for block in model.blocks
            for attention, feed_forward in [(block.attention, block.feed_forward)]
        ]
        self.head = _reading(model.norm, model.output)
        self.embedding = pad(model.embedding.weight.detach(), (0, MORE))
        self.embedding[:, -1] = (self.config.dim * self.config.norm_eps) ** 0.5

    def step(self, ids: Tensor, cache: KVCache) -> Tensor:
        """What `model(ids[:, None], cache)[:, 0]` gives: (B,) -> (B, V), within rounding."""
        cache.check(len(ids), 1)
        angles = rope_angles(torch.tensor([cache.length]), self.config.head_dim, self.config.rope_theta)  # (1, D//2)
        turns = torch.complex(angles.cos(), angles.sin())  # (1, D//2)
        x = self.embedding[ids]  # the stream, a row for each sequence
        for layer, (w_qkv, wo, w_gate_up, w_down) in enumerate(self.layers):
            x = torch.addmm(x, self._attend(_norm(x) @ w_qkv, turns, cache, layer), wo)
            gate, up = (_norm(x) @ w_gate_up).chunk(2, dim=1)  # (B, F) each
            x = torch.addmm(x, silu(gate).mul_(up), w_down)
        cache.length += 1
        return _norm(x) @ self.head

    def _attend(self, qkv: Tensor, turns: Tensor, cache: KVCache, layer: int) -> Tensor:
        """(B, (H + 2 Hkv) D) -> (B, C). What `rotate`, `extend` and `causal_attention` do, in fewer operations."""
        n_kv, head_dim, end = self.config.n_kv_heads, self.config.head_dim, cache.length + 1
        qk, v = qkv.split([qkv.shape[1] - n_kv * head_dim, n_kv * head_dim], dim=1)
        pairs = torch.view_as_complex(qk.view(len(qkv), -1, head_dim // 2, 2))  # (B, H+Hkv, D//2)
        turned = torch.view_as_real(pairs * turns).flatten(2)  # (B, H+Hkv, D)
        q, k = turned.tensor_split([-n_kv], dim=1)
        keys, values = cache.keys[layer], cache.values[layer]  # (B, Hkv, room, D)
        keys.select(2, cache.length).copy_(k)
        values.select(2, cache.length).copy_(v.view_as(k))
        q = q.unflatten(1, (n_kv, -1))  # (B, Hkv, H//Hkv, D)
        out = scaled_dot_product_attention(q, keys.narrow(2, 0, end), values.narrow(2, 0, end))
        return out.view(len(qkv), -1)


def _norm(x: Tensor) -> Tensor:
    return x / torch.linalg.vector_norm(x, dim=1, keepdim=True)


def _reading(norm: RMSNorm, *linears: nn.Linear) -> Tensor:
    """Weights that read the stream, side by side and transposed: a row for each of its channels."""
    packed = linears[0].weight.new_zeros(linears[0].in_features + MORE, sum(part.out_features for part in linears))
    _transpose(linears, packed[:-MORE])
    packed[:-MORE] *= norm.weight.detach()[:, None] * linears[0].in_features ** 0.5
    return packed


def _writing(linear: nn.Linear) -> Tensor:
    """A weight that writes to the stream, transposed: a column for each of its channels."""
    packed = linear.weight.new_zeros(linear.in_features, linear.out_features + MORE)
    _transpose((linear,), packed[:, :-MORE])
    return packed


def _transpose(linears: tuple[nn.Linear, ...], out: Tensor) -> None:
    """Put their weights into out, side by side and transposed: in strips, which is four times as fast as at once."""
    strips = [strip for part in linears for strip in part.weight.detach().split(STRIP)]
    for place, strip in zip(out.split([len(strip) for strip in strips], dim=1), strips, strict=True):
        place.copy_(strip.t())
