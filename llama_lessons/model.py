"""The assembled Llama."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from llama_lessons.attention import Attention, KVCache
from llama_lessons.config import LlamaConfig
from llama_lessons.feed_forward import FeedForward
from llama_lessons.norm import RMSNorm
from llama_lessons.rope import rope_angles

TABLE_STD = 0.02  # of the embedding table and of the head: the first logits are near 0, the first loss near ln V


class Block(nn.Module):
    """One layer: attention, then feed-forward, each reading a normalised stream and adding to it.

    Args:
        config: the model's shape.

    Source: Llama, arXiv:2302.13971, section 2.2 (pre-normalisation).
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.dim, config.norm_eps)
        self.attention = Attention(config)
        self.feed_forward_norm = RMSNorm(config.dim, config.norm_eps)
        self.feed_forward = FeedForward(config.dim, config.hidden_dim)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, cache: KVCache | None = None, layer: int = 0) -> Tensor:
        """(B, T, C) -> (B, T, C); the other arguments are those of `Attention.forward`."""
        x = x + self.attention(self.attention_norm(x), cos, sin, cache, layer)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Llama(nn.Module):
    """A Llama 2: token ids in, a score for every possible next token out.

    Args:
        config: its shape.

    Attributes:
        n_ids: ids that stand for text, the first of vocab_size: `generate` writes no others. `load` lowers it where a
            tokenizer is smaller than the table.

    Weights start as normal noise, of standard deviation 0.02 in embedding table and head, in the blocks 1 / sqrt of the
    channels that the matrix reads (dim, for w_down hidden_dim); what writes to the residual stream (wo, w_down) is
    divided by sqrt(2 n_layers), so that the stream's size does not grow with depth (GPT-2's rule; Llama 2's paper does
    not state its own).

    A model that was built on the meta device and given memory by `to_empty` has its tables untied: tie them again.

    Source: Llama 2, arXiv:2307.09288, section 2.2.
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.n_ids = config.vocab_size
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = RMSNorm(config.dim, config.norm_eps)
        self.output = nn.Linear(config.dim, config.vocab_size, bias=False)
        if config.tie_embeddings:
            self.output.weight = self.embedding.weight
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                nn.init.normal_(weight, std=self._init_std(name))

    def _init_std(self, name: str) -> float:
        """Spread of a matrix at the start: what leaves a block's matrix is as large as what enters it, in any width."""
        if not name.startswith("blocks."):
            return TABLE_STD
        fan_in = self.config.hidden_dim if name.endswith("w_down.weight") else self.config.dim
        into_stream = name.endswith(("wo.weight", "w_down.weight"))  # 2 n_layers of them add up
        return fan_in**-0.5 / ((2 * self.config.n_layers) ** 0.5 if into_stream else 1)

    def forward(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        """Scores of every next token, after each of the new ones.

        Args:
            tokens: ids, int64, shape (B, T); T >= 1.
            cache: what came before; the new tokens' keys and values are added to it.

        Returns:
            Logits, shape (B, T, V).

        Raises:
            ValueError: tokens has another shape or type, an id is outside the vocabulary, or the cache has no room.
        """
        return self.output(self.hidden(tokens, cache))

    def hidden(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        """The residual stream after the last norm: (B, T) -> (B, T, C). `self.output` makes logits of it."""
        self._check(tokens)
        start, n_new = 0, tokens.shape[1]
        if cache is not None:
            cache.check(*tokens.shape)
            start = cache.length
        positions = torch.arange(n_new, device=tokens.device) + start  # (T,)
        angles = rope_angles(positions, self.config.head_dim, self.config.rope_theta)  # (T, D//2)
        cos, sin = angles.cos(), angles.sin()
        x = self.embedding(tokens)  # (B, T, C)
        for layer, block in enumerate(self.blocks):
            x = block(x, cos, sin, cache, layer)
        if cache is not None:
            cache.length += n_new
        return self.norm(x)

    def new_cache(self, batch_size: int = 1, max_seq_len: int | None = None) -> KVCache:
        """An empty cache for this model, on its device and in its dtype.

        Args:
            batch_size: sequences (B).
            max_seq_len: tokens to have room for; None takes the model's.
        """
        weight = self.embedding.weight
        return KVCache(self.config, batch_size, max_seq_len, weight.device, weight.dtype)

    def _check(self, tokens: Tensor) -> None:
        if tokens.dim() != 2 or tokens.numel() == 0 or tokens.dtype != torch.int64:
            raise ValueError(f"tokens must be int64 of shape (B, T), got {tokens.dtype} of {tuple(tokens.shape)}")
        if tokens.device.type == "cpu" and not torch.compiler.is_compiling():  # a GPU would wait, a graph would break
            low, high = tokens.aminmax()
            if low < 0 or high >= self.config.vocab_size:
                raise ValueError(f"token ids must be in 0 ... {self.config.vocab_size - 1}, got {low} ... {high}")


class AttentionMaps(Sequence):
    """What `record_attention` saw: `maps[layer]` is a tensor of shape (B, H, T, S), rows of several calls stacked."""

    def __init__(self, n_layers: int) -> None:
        self._calls: list[list[Tensor]] = [[] for _ in range(n_layers)]

    def see(self, layer: int, outer: Callable[[Tensor], None] | None, weights: Tensor) -> None:
        """Keep a call's weights (B, H, T, S) behind the first S - T rows: later ones are of tokens since forgotten."""
        kept, n_earlier = [], weights.shape[3] - weights.shape[2]
        for call in self._calls[layer]:
            kept.append(call[:, :, :n_earlier])
            n_earlier = max(0, n_earlier - call.shape[2])
        self._calls[layer] = [*kept, weights.detach()]
        if outer is not None:  # a recording that was going on when this one began
            outer(weights)

    def __len__(self) -> int:
        return len(self._calls)

    def __getitem__(self, layer: int | slice) -> Tensor | list[Tensor]:
        if isinstance(layer, slice):
            return [self[k] for k in range(len(self))[layer]]
        calls = self._calls[layer]
        if not calls:
            raise ValueError("no attention was recorded: call the model inside `with record_attention(model)`")
        n_all = calls[-1].shape[3]
        return torch.cat([pad(weights, (0, n_all - weights.shape[3])) for weights in calls], dim=2)


@contextmanager
def record_attention(model: Llama) -> Iterator[AttentionMaps]:
    """Record the attention weights that the model really uses while the block runs.

    Inside it the weights are computed openly instead of by the fused kernel. Rows of several calls with one cache
    (a prefill and the decoding after it) are stacked, zero-padded, to the triangle that one call would give.

    Yields:
        The maps: `maps[layer]` has shape (B, H, T, S).
    """
    maps = AttentionMaps(len(model.blocks))
    before = [block.attention.observer for block in model.blocks]
    for layer, block in enumerate(model.blocks):
        block.attention.observer = partial(maps.see, layer, before[layer])
    try:
        yield maps
    finally:
        for block, observer in zip(model.blocks, before, strict=True):
            block.attention.observer = observer
