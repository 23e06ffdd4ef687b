"""The references of lesson 03's checks give what the package's attention gives."""

from __future__ import annotations

import torch

from llama_lessons.attention import Attention, KVCache
from llama_lessons.checks import rope as checks
from llama_lessons.config import LlamaConfig
from llama_lessons.rope import rope_angles


def test_the_reference_scores_are_those_of_the_packages_attention():
    config = LlamaConfig(dim=8, n_layers=1, n_heads=1, n_kv_heads=1, vocab_size=9, hidden_dim=10, max_seq_len=7)
    module, cache = Attention(config), KVCache(config)
    x = torch.randn(1, 7, 8, generator=torch.Generator().manual_seed(0))
    seen = []
    module.observer = seen.append
    with torch.no_grad():
        for part in (slice(0, 4), slice(4, 7)):
            kept = cache.keys[0][0, 0, : cache.length].clone()
            angles = rope_angles(torch.arange(part.start, part.stop), 8)
            module(x[:, part], angles.cos(), angles.sin(), cache)
            cache.length = part.stop
        scores = checks.scores(module.wq(x[0, part]), module.wk(x[0, part]), kept) / 8**0.5
    future = ~torch.ones(3, 7).tril(4).bool()
    torch.testing.assert_close(scores.masked_fill(future, -torch.inf).softmax(-1), seen[-1][0, 0], atol=1e-5, rtol=1e-4)
