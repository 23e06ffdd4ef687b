import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from llama_lessons.rope import rope_angles, rotate
from tests.reference import plain


def turned(x: torch.Tensor, start: int, theta: float = 10_000.0) -> torch.Tensor:
    angles = rope_angles(torch.arange(start, start + x.shape[1]), x.shape[3], theta)
    return rotate(x, angles.cos(), angles.sin())


@pytest.mark.parametrize("start", [0, 3, 1000])
@pytest.mark.parametrize("theta", [10_000.0, 500.0])
def test_rotation_is_complex_multiplication(start, theta):
    x = torch.randn(2, 5, 6, 8)
    assert_close(turned(x, start, theta), plain.rotate(x, start, theta), rtol=1e-4, atol=1e-4)


def test_angles_are_exact_for_hand_computed_positions():
    angles = rope_angles(torch.tensor([0, 1, 7]), head_dim=4, theta=100.0)
    assert_close(angles, torch.tensor([[0.0, 0.0], [1.0, 0.1], [7.0, 0.7]]))


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_scores_depend_on_the_distance_only(query_at, key_at, shift):
    q, k = torch.randn(2, 1, 1, 1, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    here = (turned(q, query_at) * turned(k, key_at)).sum()
    there = (turned(q, query_at + shift) * turned(k, key_at + shift)).sum()
    assert_close(here, there, rtol=1e-3, atol=1e-3)


def test_rotation_keeps_length_and_dtype():
    x = torch.randn(2, 5, 6, 8)
    assert_close(turned(x, 9).norm(dim=-1), x.norm(dim=-1))
    assert turned(x.bfloat16(), 9).dtype == torch.bfloat16
    assert rope_angles(torch.arange(3), 8).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_angles_do_not_depend_on_the_default_dtype(dtype):
    wanted = rope_angles(torch.arange(4096), head_dim=128)
    torch.set_default_dtype(dtype)
    try:
        found = rope_angles(torch.arange(4096), head_dim=128)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_close(found, wanted, rtol=0, atol=0)


def test_float64_is_not_narrowed():
    x, angles = torch.randn(1, 3, 2, 4, dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64)
    there = rotate(x, angles.cos(), angles.sin())
    assert_close(rotate(there, angles.cos(), -angles.sin()), x, rtol=0, atol=1e-14)


def test_odd_head_dim_is_named_in_the_error():
    with pytest.raises(ValueError, match="even, got 7"):
        rope_angles(torch.arange(3), head_dim=7)
