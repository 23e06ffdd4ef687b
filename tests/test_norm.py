import torch
from torch.testing import assert_close

from llama_lessons.norm import RMSNorm
from tests.reference import plain


def make_norm(dim: int, eps: float) -> RMSNorm:
    norm = RMSNorm(dim, eps)
    norm.weight.data = torch.linspace(0.5, 1.5, dim)
    return norm


def test_norm_equals_the_formula_by_hand():
    x = torch.randn(2, 5, 8)
    norm = make_norm(8, eps=0.1)  # large enough to matter: inside the root, not after it
    rows = [plain.rms_norm(row.tolist(), norm.weight.tolist(), 0.1) for row in x.flatten(0, 1)]
    assert_close(norm(x), torch.tensor(rows).view(2, 5, 8))


def test_a_zero_vector_stays_zero():
    assert_close(make_norm(8, 1e-5)(torch.zeros(1, 8)), torch.zeros(1, 8))


def test_bfloat16_is_computed_wide_and_returned_narrow():
    x = torch.randn(3, 4096).bfloat16() * 100
    out = RMSNorm(4096).bfloat16()(x)
    assert out.dtype == torch.bfloat16
    assert_close(out, RMSNorm(4096)(x.float()).bfloat16(), rtol=0, atol=0)


def test_bfloat16_is_rounded_before_the_weight():
    x = torch.randn(3, 512).bfloat16()
    norm = make_norm(512, 1e-5).bfloat16()
    scale = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + 1e-5)
    by_hand = (x.float() * scale).bfloat16() * norm.weight
    assert not torch.equal(by_hand, (x.float() * scale * norm.weight.float()).bfloat16())
    assert_close(norm(x), by_hand, rtol=0, atol=0)


def test_gradients_are_those_of_the_formula():
    x = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(make_norm(8, 0.1).double(), x)
