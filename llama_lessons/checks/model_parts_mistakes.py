"""Wrong RMSNorms and wrong SwiGLUs of lesson 05, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import gelu, relu, sigmoid, silu, softmax


def _mean_square(x: Tensor) -> Tensor:
    return x.float().square().mean(-1, keepdim=True)


def _norm(length: Callable) -> Callable:
    """An RMSNorm that divides by what `length(x, eps)` makes of x in float32."""
    return lambda x, weight, eps: (x.float() / length(x.float(), eps)).type_as(x) * weight


def _scaled_before(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    x = x * weight
    return (x.float() / (_mean_square(x) + eps).sqrt()).type_as(x)


def _layer_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    centred = x.float() - x.float().mean(-1, keepdim=True)
    return (centred / (_mean_square(centred) + eps).sqrt()).type_as(x) * weight


def _in_the_type_of_x(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * weight


NORM_MISTAKES = {
    "you subtracted the mean first: that is LayerNorm; RMSNorm only divides": _layer_norm,
    "you divided by the standard deviation: it measures from the mean, RMSNorm from zero": (
        _norm(lambda x, eps: (x.var(-1, keepdim=True, correction=0) + eps).sqrt())
    ),
    "you divided by torch's standard deviation: it measures from the mean, and divides by C - 1 besides": (
        _norm(lambda x, eps: (x.var(-1, keepdim=True) + eps).sqrt())
    ),
    "you added eps outside the root: it belongs to the mean square, inside": (
        _norm(lambda x, eps: _mean_square(x).sqrt() + eps)
    ),
    "you used eps as a least length: it is added to the mean square, inside the root": (
        _norm(lambda x, eps: _mean_square(x).sqrt().clamp(min=eps))
    ),
    "you forgot eps: a vector of zeros becomes nan": _norm(lambda x, eps: _mean_square(x).sqrt()),
    "you used an eps of your own: take the one that is given, it differs from model to model": (
        _norm(lambda x, eps: (_mean_square(x) + 1e-6).sqrt())
    ),
    "you used 1e-5 whatever is given: take eps, it differs from model to model": (
        _norm(lambda x, eps: (_mean_square(x) + 1e-5).sqrt())
    ),
    "you forgot the root: divide by the root of the mean square": _norm(lambda x, eps: _mean_square(x) + eps),
    "you multiplied with the root mean square: divide by it": _norm(lambda x, eps: (_mean_square(x) + eps).rsqrt()),
    "you applied the weight before the norm: first scale x to length 1, then each channel by its weight": (
        _scaled_before
    ),
    "you forgot the weight: multiply each channel with its own at the end": (
        lambda x, weight, eps: _norm(lambda x, eps: (_mean_square(x) + eps).sqrt())(x, torch.ones_like(weight), eps)
    ),
    "you scaled by 1 + weight, as Gemma does: a Llama's weight is the factor itself": (
        lambda x, weight, eps: _norm(lambda x, eps: (_mean_square(x) + eps).sqrt())(x, 1 + weight, eps)
    ),
    "you took the mean over the tokens: each token's vector has a length of its own, over the last axis": (
        _norm(lambda x, eps: (x.square().mean(-2, keepdim=True) + eps).sqrt())
    ),
    "you took the mean over all numbers: each token's vector has a length of its own, over the last axis": (
        _norm(lambda x, eps: (x.square().mean() + eps).sqrt())
    ),
    "you took the sum of the squares: RMSNorm takes their mean": (
        _norm(lambda x, eps: (x.square().sum(-1, keepdim=True) + eps).sqrt())
    ),
    "you took the mean of the sizes: square them, and take the root afterwards": (
        _norm(lambda x, eps: x.abs().mean(-1, keepdim=True) + eps)
    ),
    "you squared in float16: 300 * 300 is beyond its largest number, 65504, so square in float32": _in_the_type_of_x,
}


def _swiglu(hidden: Callable) -> Callable:
    """A feed-forward layer whose hidden vector is `hidden(gate, up)`."""
    return lambda x, w_gate, w_up, w_down: hidden(x @ w_gate.T, x @ w_up.T) @ w_down.T


def _right(x: Tensor, w_gate: Tensor, w_up: Tensor, w_down: Tensor) -> Tensor:
    return _swiglu(lambda gate, up: silu(gate) * up)(x, w_gate, w_up, w_down)


FEED_FORWARD_MISTAKES = {
    "you swapped gate and up: silu belongs to the branch of w_gate": _swiglu(lambda gate, up: gate * silu(up)),
    "you used sigmoid instead of silu: silu(x) is x * sigmoid(x)": _swiglu(lambda gate, up: sigmoid(gate) * up),
    "you used relu instead of silu: that is ReGLU": _swiglu(lambda gate, up: relu(gate) * up),
    "you used gelu instead of silu: that is GEGLU": _swiglu(lambda gate, up: gelu(gate) * up),
    "you used gelu's approximation by tanh instead of silu: that is GEGLU": (
        _swiglu(lambda gate, up: gelu(gate, approximate="tanh") * up)
    ),
    "you used softmax as the gate: each channel's gate opens by itself, by silu": (
        _swiglu(lambda gate, up: softmax(gate, -1) * up)
    ),
    "you forgot silu: a product of two straight lines has no gate": _swiglu(lambda gate, up: gate * up),
    "you applied silu to both branches: up stays as it is": _swiglu(lambda gate, up: silu(gate) * silu(up)),
    "you applied silu to the product: it belongs to the gate alone": _swiglu(lambda gate, up: silu(gate * up)),
    "you added gate and up: the gate multiplies": _swiglu(lambda gate, up: silu(gate) + up),
    "you left out the gate: w_gate decides how much of each channel of up goes on": _swiglu(lambda gate, up: silu(up)),
    "you left out w_up: the gate has nothing to let through": _swiglu(lambda gate, up: silu(gate)),
    "you applied silu to x, before w_gate: it belongs behind w_gate": (
        lambda x, w_gate, w_up, w_down: (silu(x) @ w_gate.T * (x @ w_up.T)) @ w_down.T
    ),
    "you applied silu at the end, after w_down: it belongs to the gate": (
        lambda x, w_gate, w_up, w_down: silu((x @ w_gate.T * (x @ w_up.T)) @ w_down.T)
    ),
    "you added x to the result: that is the block's business, not this layer's": (
        lambda x, *weights: x + _right(x, *weights)
    ),
    "you forgot w_down: the hidden channels must come back to the stream": (
        lambda x, w_gate, w_up, w_down: silu(x @ w_gate.T) * (x @ w_up.T)
    ),
    "you forgot to transpose: nn.Linear keeps (out, in), so write x @ w.T": (
        lambda x, w_gate, w_up, w_down: (silu(x @ w_gate) * (x @ w_up)) @ w_down
    ),
}
