import torch
from torch.testing import assert_close

from llama_lessons.feed_forward import FeedForward
from tests.reference import plain


def test_swiglu_equals_the_formula_by_hand():
    layer = FeedForward(dim=6, hidden_dim=10)
    x = torch.randn(2, 5, 6)
    weights = (layer.w_gate.weight, layer.w_up.weight, layer.w_down.weight)
    with torch.no_grad():
        rows = [plain.swiglu(row, *weights) for row in x.flatten(0, 1)]
        assert_close(layer(x), torch.stack(rows).view(2, 5, 6))
