"""Muon takes PyTorch's steps, in float32."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from llama_lessons.muon import Muon, orthogonalized

COEFFICIENTS = (3.4445, -4.775, 2.0315)  # PyTorch's
SHAPES = [(24, 40), (40, 24), (32, 32)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_three_steps_are_pytorchs(shape: tuple[int, int]):
    """PyTorch's iteration is rounded to bfloat16, so the two may differ by a few hundredths of a step."""
    draws = torch.Generator().manual_seed(1)
    start = torch.randn(shape, generator=draws)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    group = {"lr": 0.1, "weight_decay": 0.3, "momentum": 0.9}
    optimizers = [Muon([ours], **group), torch.optim.Muon([theirs], **group)]
    for _ in range(3):
        grad = torch.randn(shape, generator=draws)
        for weight, optimizer in zip((ours, theirs), optimizers, strict=True):
            weight.grad = grad.clone()
            optimizer.step()
    assert_close(ours, theirs, rtol=0, atol=0.015)  # a step moves a number by about 0.02
    states = [optimizer.state_dict()["state"][0] for optimizer in optimizers]
    assert states[0].keys() == states[1].keys()
    assert_close(states[0]["momentum_buffer"], states[1]["momentum_buffer"])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_directions_stay_and_their_sizes_go_through_the_polynomial(shape: tuple[int, int]):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(2)).double()
    u, sizes, v = torch.linalg.svd(matrix, full_matrices=False)
    sizes = sizes / sizes.norm()
    for _ in range(5):
        a, b, c = COEFFICIENTS
        sizes = a * sizes + b * sizes**3 + c * sizes**5
    assert_close(orthogonalized(matrix, COEFFICIENTS, 5), u @ torch.diag(sizes) @ v)


def test_a_matrix_without_a_gradient_stays():
    weights = [nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(3, 4))]
    weights[1].grad = torch.ones(3, 4)
    Muon(weights, lr=0.1).step()
    assert_close(weights[0].detach(), torch.ones(2, 3))
    assert not torch.equal(weights[1], torch.ones(3, 4))
