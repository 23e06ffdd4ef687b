"""Every shape comment of the model's code is true, and was compared with a tensor."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from llama_lessons import attention, feed_forward, generate, model, norm, rope, sampling
from llama_lessons.config import LlamaConfig
from tests.shapes import shape_comments, trace

CONFIG = LlamaConfig(dim=48, n_layers=2, n_heads=6, n_kv_heads=3, vocab_size=40, hidden_dim=100, max_seq_len=90)
SIZES = {"B": 2, "C": 48, "H": 6, "Hkv": 3, "D": 8, "F": 100, "V": 40}
MODULES = (attention, feed_forward, generate, model, norm, rope, sampling)


def call_everything() -> None:
    """Attention both ways, with and without a cache, prefill, chunk and single steps, as a compiler sees it too;
    sampling with all filters."""
    llama = model.Llama(CONFIG).requires_grad_(False)
    tokens = torch.arange(10).view(2, 5)
    cache = llama.new_cache(batch_size=2)
    llama(tokens, cache)
    llama(tokens[:, :3], cache)
    llama(tokens[:, :1], cache)
    with model.record_attention(llama):
        llama(tokens, cache)
    with patch.object(torch.compiler, "is_compiling", return_value=True):
        llama(tokens)
    prompts, draws = [[1, 2, 3], [4, 5, 6, 7, 8]], torch.Generator().manual_seed(0)
    generate.generate(llama, prompts, 70, temperature=0.8, top_k=9, top_p=0.9, generator=draws)


def test_shape_comments_are_true():
    comments = {module.__file__: shape_comments(Path(module.__file__), {*SIZES, "T", "S"}) for module in MODULES}
    sizes = dict.fromkeys(comments, SIZES)
    sizes[rope.__file__] = {letter: size for letter, size in SIZES.items() if letter != "H"}  # q and k turn alike
    seen, wrong = trace(comments, sizes, call_everything)
    assert wrong == []
    unseen = {(file, line) for file in comments for line in comments[file]} - seen
    assert unseen == set(), "make call_everything call these lines"


GOOD = """
import torch

def halves(x):
    a, b = x.chunk(2, dim=-1)  # (B, T, D//2) each
    both = torch.cat((a, b), dim=1)  # (B, 2 T, D//2): one behind the other
    return both.sum(-1)  # (B, S)
"""
LIES = {
    "a size": ("(B, T, D//2)", "(B, T, D)"),
    "an axis more": ("(B, T, D//2)", "(B, T, H, D//2)"),
    "axes swapped": ("(B, T, D//2)", "(T, B, D//2)"),
    "a letter that is not the call's": ("(B, 2 T, D//2)", "(B, T, D//2)"),
    "what is returned": ("(B, S)", "(B, V)"),
}


@pytest.mark.parametrize("lie", [None, *LIES])
def test_tracer_notices_a_lie_about(lie: str | None, tmp_path: Path):
    path = tmp_path / "halves.py"
    path.write_text(GOOD.replace(*LIES[lie]) if lie else GOOD)
    space: dict = {}
    exec(compile(path.read_text(), str(path), "exec"), space)
    comments = {str(path): shape_comments(path, {*SIZES, "T", "S"})}
    seen, wrong = trace(comments, {str(path): SIZES}, lambda: space["halves"](torch.zeros(2, 5, 8)))
    assert len(seen) == 3
    assert bool(wrong) is (lie is not None)
