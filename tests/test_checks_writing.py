"""The reference of lesson 00's loop writes what the package's `generate` writes."""

from __future__ import annotations

import torch

from llama_lessons.checks.writing import write
from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate
from llama_lessons.model import Llama


def test_the_reference_writes_as_the_package_does_without_dice():
    torch.manual_seed(0)
    shape = {"dim": 24, "n_layers": 2, "n_heads": 6, "n_kv_heads": 3, "hidden_dim": 32}
    model = Llama(LlamaConfig(**shape, vocab_size=13, max_seq_len=20)).eval()

    def scores_after(row):
        with torch.inference_mode():
            return model(torch.tensor([row]))[0, -1]

    start = [3, 8, 1]
    assert write(scores_after, start, 9)[3:] == generate(model, [start], max_new_tokens=9, temperature=0)[0]
    assert start == [3, 8, 1]
