"""Lesson 05, exercise 2: SwiGLU."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import gelu, linear, relu, silu

from llama_lessons.checks.model_parts import check_feed_forward
from llama_lessons.feed_forward import FeedForward
from tests.answers.bank import Bank

bank = Bank(check_feed_forward)


@bank.right
def the_packages_layer(x, w_gate, w_up, w_down):
    layer = FeedForward(w_gate.shape[1], w_gate.shape[0])
    layer.load_state_dict({"w_gate.weight": w_gate, "w_up.weight": w_up, "w_down.weight": w_down})
    return layer(x)


@bank.right
def in_one_product(x, w_gate, w_up, w_down):
    gate, up = torch.einsum("...c,kfc->k...f", x, torch.stack((w_gate, w_up)))
    return (gate.sigmoid_() * (x @ w_gate.mT) * up) @ w_down.mT


def layers(x, w_gate, w_up, w_down, hidden):
    return linear(hidden(linear(x, w_gate), linear(x, w_up)), w_down)


for says, hidden in {
    "you swapped gate and up: silu": lambda gate, up: up * torch.sigmoid(up) * gate,
    "you used sigmoid instead of silu": lambda gate, up: nn.functional.glu(torch.cat((up, gate), -1), -1),
    "that is ReGLU": lambda gate, up: gate.clamp(min=0) * up,
    "you used gelu instead of silu": lambda gate, up: up * gelu(gate),
    "you used tanh instead of silu": lambda gate, up: up * gate.tanh(),
    "you used softmax as the gate": lambda gate, up: up * gate.softmax(-1),
    "you forgot silu": lambda gate, up: gate * up,
    "you applied silu to both": lambda gate, up: silu(gate) * silu(up),
    "you applied silu to the product": lambda gate, up: silu(up * gate),
    "you turned a sign inside silu": lambda gate, up: gate / (1 + gate.exp()) * up,
    "you added gate and up": lambda gate, up: up + silu(gate),
    "you left out the gate: w_gate decides": lambda gate, up: nn.SiLU()(up),
    "and used relu as in 2017": lambda gate, up: relu(up),
    "you left out w_up": lambda gate, up: silu(gate),
}.items():
    bank.wrong(says)(lambda *given, hidden=hidden: layers(*given, hidden=hidden))


@bank.wrong("you added x to the result")
def with_residual(x, *weights):
    return x + in_one_product(x, *weights)


@bank.wrong("you forgot w_down")
def stays_wide(x, w_gate, w_up, w_down):
    return silu(x @ w_gate.T) * (x @ w_up.T)


@bank.wrong("you forgot to transpose: nn.Linear")
def no_transpose(x, w_gate, w_up, w_down):
    return torch.matmul(silu(torch.matmul(x, w_gate)) * torch.matmul(x, w_up), w_down)


@bank.wrong()
def a_bend_of_its_own(*given):
    return layers(*given, hidden=lambda gate, up: gate.sin() * up)
