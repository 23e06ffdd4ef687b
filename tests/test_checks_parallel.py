"""The references of lesson 13's checks are what the package, and PyTorch, do."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, linear
from torch.testing import assert_close

from llama_lessons.checks import parallel as checks
from llama_lessons.feed_forward import FeedForward


def test_averaged_gradient_is_that_of_one_process():
    weight = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    x, targets = torch.randn(7, 4, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 2, 1, 1, 0, 2, 2])

    def gradient(rows: slice) -> torch.Tensor:
        return torch.autograd.grad(cross_entropy(linear(x[rows], weight), targets[rows]), weight)[0]

    parts = [slice(0, 2), slice(2, 7)]
    assert_close(checks.averaged([gradient(part) for part in parts], [2, 5]), gradient(slice(0, 7)))


def test_bytes_are_those_of_the_zero_paper():
    """Figure 1 of arXiv:1910.02054: a model of 7.5 billion numbers on 64 ranks."""
    found = [checks.rank_gb(7_500_000_000, 64, stage) for stage in range(4)]
    assert found == pytest.approx([120, 31.4, 16.6, 1.9], abs=0.05)


def test_parts_add_up_to_the_packages_feed_forward():
    layer = FeedForward(4, 6)
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    weights = (layer.w_gate.weight, layer.w_up.weight, layer.w_down.weight)
    assert_close(sum(checks.feed_forward_parts(x, *weights, 3)), layer(x))


def test_shared_loss_is_cross_entropy():
    logits, targets = 20 * torch.randn(4, 6, generator=torch.Generator().manual_seed(0)), torch.tensor([5, 0, 3, 2])
    halves = logits.chunk(2, 1)
    tops = torch.stack([half.amax(1) for half in halves])
    sums = torch.stack([(half - half.amax(1, True)).exp().sum(1) for half in halves])
    said = torch.zeros(2, 4)
    said[targets // 3, range(4)] = logits[range(4), targets]
    assert_close(checks.shared_loss(tops, sums, said), cross_entropy(logits, targets, reduction="none"))
