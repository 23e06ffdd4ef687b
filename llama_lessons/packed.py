"""The same model laid out for speed: one new token per sequence, on a CPU.

A decoding step multiplies every weight once and is done with it, so it waits for memory and for Python, hardly for
arithmetic. This copy of the weights asks for less of both: matrices that read the same vector lie side by side (one
call instead of three), transposed (the product walks through memory in order), with the norms' weights multiplied in.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu

from llama_lessons.attention import Attention, KVCache
from llama_lessons.feed_forward import FeedForward
from llama_lessons.model import Block, Llama
from llama_lessons.norm import RMSNorm
from llama_lessons.rope import rope_angles

LARGEST = 2**30  # bytes of weights; of a larger model no copy is made
WORTHWHILE = 64  # tokens from which on a faster step repays the copy
MORE = 16  # channels of the stream beyond the model's: one is needed, sixteen keep rows where a processor likes them
STRIP = 128  # rows of a weight that are transposed at a time, so that they stay in the processor's cache


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
    """A copy of a model's weights for decoding; it takes as many bytes again as all but the embedding table do.

    RMSNorm divides x by the root of its mean square plus eps. That root is the length of x with one channel more, of
    sqrt(C eps), over sqrt(C): so the stream here has that channel, and the norm is a division by a length. The weights
    that read the stream have zeros for it, and the factor sqrt(C); those that write to it leave it alone.

    What a layer computes on the way lies in memory set aside once, in places named once: at this size an operation
    takes less time than to find memory for its result and to cut views of it.

    Args:
        model: a plain model in float32 on a CPU. Later changes of its weights do not reach the copy.
        batch_size: sequences (B).
    """

    def __init__(self, model: Llama, batch_size: int) -> None:
        self.config = config = model.config
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
        self.embedding = model.embedding.weight.detach()  # only a row of it is read: no copy
        angles = rope_angles(torch.arange(config.max_seq_len), config.head_dim, config.rope_theta)
        self.turns = torch.complex(angles.cos(), angles.sin())  # (max_seq_len, D//2)
        self._set_memory_aside(batch_size)

    def _set_memory_aside(self, batch_size: int) -> None:
        n_kv, head_dim = self.config.n_kv_heads, self.config.head_dim
        empty = partial(self.head.new_empty, batch_size)  # a tensor with a row for each sequence
        self.x, self.normed, self.length = empty(len(self.head)).zero_(), empty(len(self.head)), empty(1)
        self.x[:, -1] = (self.config.dim * self.config.norm_eps) ** 0.5
        self.qkv, self.gate_up = empty(self.config.dim + 2 * n_kv * head_dim), empty(2 * self.config.hidden_dim)
        gate, up = self.gate_up.chunk(2, dim=1)  # (B, F) each
        q, k, v = self.qkv.unflatten(1, (-1, head_dim)).tensor_split([-2 * n_kv, -n_kv], dim=1)  # k and v: (B, Hkv, D)
        q = q.unflatten(1, (n_kv, -1))  # (B, Hkv, H//Hkv, D)
        turning = self.qkv[:, : -n_kv * head_dim]  # all but v
        pairs = torch.view_as_complex(turning.view(batch_size, -1, head_dim // 2, 2))  # (B, H+Hkv, D//2)
        self.gate, self.up, self.q, self.k, self.v, self.pairs = gate, up, q, k, v, pairs

    def step(self, ids: Tensor, cache: KVCache) -> Tensor:
        """What `model(ids[:, None], cache)[:, 0]` gives: (B,) -> (B, V), within rounding."""
        cache.check(len(ids), 1)
        place, end = cache.length, cache.length + 1
        self.x[:, : self.config.dim] = self.embedding[ids]  # the stream
        of_token = cache.keys[:, :, :, place], cache.values[:, :, :, place]  # (n_layers, B, Hkv, D) each
        of_all = cache.keys[:, :, :, :end], cache.values[:, :, :, :end]  # (n_layers, B, Hkv, S, D) each
        for (w_qkv, wo, w_gate_up, w_down), *memory in zip(self.layers, *of_token, *of_all, strict=True):
            torch.mm(self._norm(), w_qkv, out=self.qkv)
            self.x.addmm_(self._attend(self.turns[place], *memory), wo)
            torch.mm(self._norm(), w_gate_up, out=self.gate_up)
            self.x.addmm_(silu(self.gate, inplace=True).mul_(self.up), w_down)
        cache.length = end
        return self._norm() @ self.head

    def _norm(self) -> Tensor:
        torch.linalg.vector_norm(self.x, dim=1, keepdim=True, out=self.length)
        return torch.div(self.x, self.length, out=self.normed)

    def _attend(self, turns: Tensor, key: Tensor, value: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """What `rotate`, `extend` and `causal_attention` do, in fewer operations: (B, C) from what is in `qkv`."""
        self.pairs.mul_(turns)
        key.copy_(self.k)
        value.copy_(self.v)
        return scaled_dot_product_attention(self.q, keys, values).view(len(self.x), -1)


def _reading(norm: RMSNorm, *linears: nn.Linear) -> Tensor:
    """Weights that read the stream, side by side and transposed: a row for each of its channels."""
    n_channels = linears[0].in_features
    packed = norm.weight.new_zeros(n_channels + MORE, sum(part.out_features for part in linears))
    _transpose(linears, norm.weight.detach()[:, None] * n_channels**0.5, packed[:-MORE])
    return packed


def _writing(linear: nn.Linear) -> Tensor:
    """A weight that writes to the stream, transposed: a column for each of its channels."""
    packed = linear.weight.new_zeros(linear.in_features, linear.out_features + MORE)
    _transpose((linear,), 1.0, packed[:, :-MORE])
    return packed


def _transpose(linears: tuple[nn.Linear, ...], factor: Tensor | float, out: Tensor) -> None:
    """Put weights times factor into out, side by side and transposed: in strips, four times as fast as at once."""
    strips = [strip for part in linears for strip in part.weight.detach().split(STRIP)]
    for place, strip in zip(out.split([len(strip) for strip in strips], dim=1), strips, strict=True):
        torch.mul(strip.t(), factor, out=place)
