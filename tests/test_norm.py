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
