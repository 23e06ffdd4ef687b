"""The references of lesson 14's checks are what the package does."""

from __future__ import annotations

import pytest
import torch

from llama_lessons.checkpoints.assembly import skeleton
from llama_lessons.checks import quantization as checks
from llama_lessons.config import LlamaConfig
from llama_lessons.quantization import QuantizedLinear, pack, quantize


def test_a_row_of_the_reference_is_the_packages_but_for_the_scales_type():
    weight = torch.randn(5, 12, generator=torch.Generator().manual_seed(0))
    codes, scale = checks.int8_rows(weight)
    layer = QuantizedLinear(weight, "int8", None)
    assert (codes - layer.codes.squeeze(1)).abs().max() <= 1
    torch.testing.assert_close(scale, layer.scale.float(), rtol=2**-8, atol=0)


def test_packing_is_the_packages():
    codes = torch.randint(-7, 8, (3, 10), generator=torch.Generator().manual_seed(0), dtype=torch.int8)
    assert torch.equal(checks.packed(codes), pack(codes[:, None]).squeeze(1))


@pytest.mark.parametrize("name", ["llama2-7b", "llama2-70b"])
@pytest.mark.parametrize(("kind", "group"), [("int8", 128), ("int4", 64), ("int4", 96)])
def test_the_size_is_that_of_a_model_without_memory(name, kind, group):
    config = LlamaConfig.preset(name)
    model = quantize(skeleton(config).bfloat16(), kind, group)
    n_bytes = sum(tensor.nbytes for tensor in model.state_dict().values())
    assert checks.quantized_gb(config, int(kind[3:]), group) == pytest.approx(n_bytes / 1e9, rel=1e-9)
