"""Wrong SwiGLUs of lesson 05, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

from torch.nn.functional import elu, gelu, hardswish, relu, sigmoid, silu, softmax, softplus, tanh


def _swiglu(hidden: Callable) -> Callable:
    """A feed-forward layer whose hidden vector is `hidden(gate, up)`."""
    return lambda x, w_gate, w_up, w_down: hidden(x @ w_gate.T, x @ w_up.T) @ w_down.T


def _gate_by(name: str, function: Callable, other: str = "") -> dict[str, Callable]:
    """One mistake: another function for the gate."""
    advice = f"you used {name} instead of silu{other}"
    return {advice: _swiglu(lambda gate, up: function(gate) * up)}


_right = _swiglu(lambda gate, up: silu(gate) * up)


def _normalised(eps: float) -> Callable:
    return lambda x, *weights: _right(x / (x.square().mean(-1, keepdim=True) + eps).sqrt(), *weights)


FEED_FORWARD_MISTAKES = {
    "you swapped gate and up: silu belongs to the branch of w_gate": _swiglu(lambda gate, up: gate * silu(up)),
    "you swapped gate and up, and used sigmoid instead of silu: the gate is silu of w_gate's branch, not sigmoid of "
    "up": _swiglu(lambda gate, up: gate * sigmoid(up)),
    "you swapped gate and up, and used relu instead of silu": _swiglu(lambda gate, up: gate * relu(up)),
    "you swapped gate and up, and used gelu instead of silu": _swiglu(lambda gate, up: gate * gelu(up)),
    **_gate_by("sigmoid", sigmoid, ": silu(x) is x * sigmoid(x)"),
    **_gate_by("relu", relu, ": that is ReGLU"),
    **_gate_by("gelu", gelu, ": that is GEGLU"),
    **_gate_by("gelu's approximation by tanh", lambda x: gelu(x, approximate="tanh"), ": that is GEGLU"),
    **_gate_by(
        "gelu's approximation by a sigmoid of 1.702 x", lambda x: x * sigmoid(1.702 * x), ": silu takes x itself"
    ),
    **_gate_by("softplus", softplus, ": it is a smooth relu, too, but another one"),
    **_gate_by("tanh", tanh),
    **_gate_by("elu", elu),
    **_gate_by("hardswish", hardswish, ": it is silu made of straight lines"),
    **_gate_by("the square of relu", lambda x: relu(x).square()),
    **_gate_by("x * tanh(x)", lambda x: x * tanh(x), ": silu(x) is x * sigmoid(x)"),
    **_gate_by("x * x * sigmoid(x)", lambda x: x * silu(x), ": silu holds the factor x already"),
    **_gate_by("sigmoid of silu", lambda x: sigmoid(silu(x))),
    "you used softmax as the gate: each channel's gate opens by itself, by silu": (
        _swiglu(lambda gate, up: softmax(gate, -1) * up)
    ),
    "you turned a sign inside silu: it is x / (1 + e to the minus x)": _swiglu(lambda gate, up: -silu(-gate) * up),
    "you turned silu round: silu(-x) is another function than silu(x)": _swiglu(lambda gate, up: silu(-gate) * up),
    "you forgot silu: a product of two straight lines has no gate": _swiglu(lambda gate, up: gate * up),
    "you applied silu to both branches: up stays as it is": _swiglu(lambda gate, up: silu(gate) * silu(up)),
    "you applied silu twice to the gate: once is enough": _swiglu(lambda gate, up: silu(silu(gate)) * up),
    "you applied silu to the product: it belongs to the gate alone": _swiglu(lambda gate, up: silu(gate * up)),
    "you applied silu to the gate and once more to the product: it belongs to the gate alone": (
        _swiglu(lambda gate, up: silu(silu(gate) * up))
    ),
    "you added gate and up: the gate multiplies": _swiglu(lambda gate, up: silu(gate) + up),
    "you applied silu to the sum of gate and up: it belongs to the gate, which multiplies up": (
        _swiglu(lambda gate, up: silu(gate + up))
    ),
    "you left out the gate: w_gate decides how much of each channel of up goes on": _swiglu(lambda gate, up: silu(up)),
    "you left out the gate and silu: w_gate decides how much of each channel of up goes on": _swiglu(
        lambda gate, up: up
    ),
    "you left out the gate, and used relu as in 2017": _swiglu(lambda gate, up: relu(up)),
    "you left out w_up: the gate has nothing to let through": _swiglu(lambda gate, up: silu(gate)),
    "you used w_gate for both branches: up comes from w_up": _swiglu(lambda gate, up: silu(gate) * gate),
    "you used w_up for both branches: the gate comes from w_gate": _swiglu(lambda gate, up: silu(up) * up),
    "you applied silu to x, before w_gate: it belongs behind w_gate": (
        lambda x, w_gate, w_up, w_down: (silu(x) @ w_gate.T * (x @ w_up.T)) @ w_down.T
    ),
    "you applied silu to x, before w_gate and w_up: it belongs behind w_gate": (
        lambda x, w_gate, w_up, w_down: (silu(x) @ w_gate.T * (silu(x) @ w_up.T)) @ w_down.T
    ),
    "you applied silu at the end, after w_down: it belongs to the gate": (
        lambda x, w_gate, w_up, w_down: silu((x @ w_gate.T * (x @ w_up.T)) @ w_down.T)
    ),
    "you applied silu to the gate and once more at the end, after w_down: it belongs to the gate alone": (
        lambda x, *weights: silu(_right(x, *weights))
    ),
    "you multiplied after w_down: gate and up multiply in the hidden channels, before it": (
        lambda x, w_gate, w_up, w_down: (silu(x @ w_gate.T) @ w_down.T) * (x @ w_up.T @ w_down.T)
    ),
    "you added x to the result: that is the block's business, not this layer's": (
        lambda x, *weights: x + _right(x, *weights)
    ),
    **{
        f"you normalised x first{words}: that is the norm's business, not this layer's": _normalised(eps)
        for words, eps in (("", 1e-5), (", with next to no eps", 1e-8))
    },
    "you divided by the root of C: nothing is scaled here": lambda x, *weights: (
        _right(x, *weights) / x.shape[-1] ** 0.5
    ),
    "you divided by the root of F: nothing is scaled here": (
        lambda x, w_gate, *others: _right(x, w_gate, *others) / len(w_gate) ** 0.5
    ),
    "you forgot w_down: the hidden channels must come back to the stream": (
        lambda x, w_gate, w_up, w_down: silu(x @ w_gate.T) * (x @ w_up.T)
    ),
    "you exchanged w_up and w_down: the order of the three is gate, up, down": (
        lambda x, w_gate, w_up, w_down: (silu(x @ w_gate.T) * (x @ w_down.T)) @ w_up.T
    ),
    "you exchanged w_gate and w_down: the order of the three is gate, up, down": (
        lambda x, w_gate, w_up, w_down: (silu(x @ w_down.T) * (x @ w_up.T)) @ w_gate.T
    ),
    "you forgot to transpose: nn.Linear keeps (out, in), so write x @ w.T": (
        lambda x, w_gate, w_up, w_down: (silu(x @ w_gate) * (x @ w_up)) @ w_down
    ),
    "you forgot to transpose w_gate and w_up: nn.Linear keeps (out, in), so write x @ w.T": (
        lambda x, w_gate, w_up, w_down: (silu(x @ w_gate) * (x @ w_up)) @ w_down.T
    ),
    "you forgot to transpose w_gate: nn.Linear keeps (out, in), so write x @ w.T": (
        lambda x, w_gate, w_up, w_down: (silu(x @ w_gate) * (x @ w_up.T)) @ w_down.T
    ),
    "you forgot to transpose w_up: nn.Linear keeps (out, in), so write x @ w.T": (
        lambda x, w_gate, w_up, w_down: (silu(x @ w_gate.T) * (x @ w_up)) @ w_down.T
    ),
    "you forgot to transpose w_down: nn.Linear keeps (out, in), so write x @ w.T": (
        lambda x, w_gate, w_up, w_down: (silu(x @ w_gate.T) * (x @ w_up.T)) @ w_down
    ),
}
