"""The drawings of lessons 05 to 08 state what the model, the packer, the sampler and the adapters do."""

from __future__ import annotations

import pytest
import torch
from matplotlib.axes import Axes
from torch import nn

from llama_lessons.batches import pack
from llama_lessons.config import LlamaConfig
from llama_lessons.lora import LoraLinear
from llama_lessons.model import Llama
from llama_lessons.sampling import next_token_probs
from llama_lessons.widgets.choice_picture import dart_picture, nucleus_picture
from llama_lessons.widgets.lora_picture import lora_picture
from llama_lessons.widgets.model_picture import model_picture
from llama_lessons.widgets.packing_picture import packing_picture

SIZES = {"dim": 24, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "vocab_size": 50, "hidden_dim": 40, "max_seq_len": 16}


def texts(axes: Axes) -> str:
    return "\n".join(text.get_text() for text in axes.texts)


@pytest.mark.parametrize("tied", [True, False])
def test_the_drawn_model_has_the_shapes_of_the_real_one(tied: bool):
    config = LlamaConfig(**SIZES, tie_embeddings=tied)
    [axes] = model_picture(config, 7).axes
    with torch.device("meta"):
        model = Llama(config)
        logits = model(torch.zeros(1, 7, dtype=torch.int64))
    shapes = {tuple(weight.shape) for weight in model.parameters() if weight.dim() == 2}
    missing = [shape for shape in (*shapes, (1, 7), (1, 7, 24), tuple(logits.shape)) if str(shape) not in texts(axes)]
    assert missing == []
    assert ("the table again" in texts(axes)) is tied


def test_drawn_rows_are_full_and_hold_the_pages_that_pack_puts_there():
    lengths, row = [9, 4, 13, 6, 2], 8
    _, _, packed = packing_picture(lengths, row).axes
    drawn = [[0] * row for _ in range(sum(lengths) // row)]
    for bar, page in _pages(packed):
        for place in range(int(bar.get_x()), int(bar.get_x() + bar.get_width())):
            drawn[round(bar.get_y() + bar.get_height() / 2)][place] = page
    ids = [(length * [page], length * [True]) for page, length in enumerate(lengths, start=1)]
    batch = pack(ids, len(drawn), row - 1)  # of a row of `row` ids, all but the last are read
    assert [line[:-1] for line in drawn] == batch.tokens.tolist()


def _pages(axes: Axes):
    """The bars of a panel, each with the number on it; here every piece is wide enough to have one."""
    numbers = {(text.get_position()[1], text.get_position()[0]): int(text.get_text()) for text in axes.texts}
    for bar in axes.patches:
        yield bar, numbers[round(bar.get_y() + bar.get_height() / 2), bar.get_x() + bar.get_width() / 2]


def test_the_drawn_line_is_one_long_and_each_piece_as_long_as_its_token_is_likely():
    [axes] = dart_picture(["a", "the"], [0.5, 0.3], [0.6]).axes
    assert [bar.get_width() for bar in axes.patches[:3]] == pytest.approx([0.5, 0.3, 0.2])
    assert texts(axes).split("\n") == ["a", "the", "all others", "dart 1"]


@pytest.mark.parametrize("top_p", [0.0, 0.5, 0.75, 0.9])
def test_the_drawn_nucleus_is_what_sampling_keeps(top_p: float):
    shares = torch.tensor([0.5, 0.25, 0.125, 0.0625, 0.0625])
    axes = nucleus_picture({"here": ("vwxyz", shares.tolist()), "there": ("v", [1.0])}, top_p).axes[0]
    kept = [bar.get_hatch() == "" for bar in axes.patches]
    assert kept == (next_token_probs(shares.log()[None], 1.0, top_p=top_p)[0] > 0).tolist()


def test_the_drawn_adapter_has_as_many_numbers_as_the_real_one():
    adapter = LoraLinear(nn.Linear(32, 20, bias=False), rank=3, alpha=6.0)
    [axes] = lora_picture(20, 32, 3).axes
    assert f"trained:\n{adapter.lora_a.numel() + adapter.lora_b.numel()}" in texts(axes)
    for name, matrix in (("B", adapter.lora_b), ("A", adapter.lora_a)):
        assert f"{name}\n{matrix.shape[0]} × {matrix.shape[1]}" in texts(axes)
