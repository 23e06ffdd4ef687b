"""The attention view on a model that reads what one types, writes on, and can be made to attend wrongly."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from llama_lessons import attention
from llama_lessons.attention import causal_weights
from llama_lessons.model import AttentionMaps, Llama, record_attention
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.attention import AttentionView
from llama_lessons.widgets.attention_maps import Reading

Way = Callable[[Tensor, Tensor], Tensor]  # queries (B, H, T, D), keys (B, Hkv, S, D) -> weights (B, H, T, S)
AS_TRAINED = "as trained"
MAX_TOKENS = 512  # of a text with what the model adds to it


class LiveAttention(AttentionView):
    """One or two texts that the reader can change; the model reads each, writes on, and its maps are drawn.

    The text is read at once (prefill), then the model's likeliest next token is added and read, one at a time, with
    a cache (decoding). In place of the model's own weights it can use those of another function, to see what breaks.

    Args:
        model: the model.
        tokenizer: its tokenizer.
        prompts: one text, or two to compare.
        max_new_tokens: the most tokens to write after each.
        ways: name -> function that takes queries (B, H, T, D) and keys (B, Hkv, S, D) to weights (B, H, T, S) and
            stands in for `causal_weights`.
        layer, head, token: as for `AttentionView`; the token is counted in the first text.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        model: Llama,
        tokenizer: Tokenizer,
        prompts: Sequence[str],
        max_new_tokens: int = 12,
        ways: dict[str, Way] | None = None,
        layer: int = 0,
        head: int = 0,
        token: int | None = None,
    ) -> None:
        super(AttentionView, self).__init__(prompts=list(prompts), way=AS_TRAINED)
        if len(prompts) not in (1, 2):
            raise ValueError(f"prompts must be one text or two, got {len(prompts)}")
        self._model, self._tokenizer, self._max_new = model, tokenizer, max_new_tokens
        self._ways = {AS_TRAINED: causal_weights, **(ways or {})}
        self.set_trait("ways", list(self._ways))
        config = model.config
        self._limit = min(MAX_TOKENS, config.max_seq_len) - max_new_tokens
        if max_new_tokens < 0 or self._limit < 1:
            raise ValueError(f"max_new_tokens must leave room for a prompt, got {max_new_tokens}")
        self._begin((config.n_layers, config.n_heads), config.n_kv_heads, layer, head)
        self._run()
        self._choose(token)
        self.observe(self._run, ["prompts", "way"])

    def _run(self, _change: dict | None = None) -> None:
        """Read all texts anew, as trained and in the way chosen."""
        try:
            way = self._ways[self.way]
            self.first_of(max(map(self._tokenizer.encode, self.prompts), key=len), self._limit, "tokens")
            usual = [self._read(prompt, causal_weights) for prompt in self.prompts]
            now = usual if way is causal_weights else [self._read(prompt, way) for prompt in self.prompts]
        except Exception as trouble:  # a way is the reader's to write; the view must say what is wrong with it
            if not self._readings:
                raise
            self.set_trait("note", f"{type(trouble).__name__}: {trouble}")
            return
        note = "Some numbers are no numbers (nan): nothing can be chosen." if any(run[2] for run in now) else ""
        texts = [{"text": new[1], "usual": old[1]} for new, old in zip(now, usual, strict=True)]
        self._show([run[0] for run in now], texts, note)

    def _read(self, prompt: str, way: Way) -> tuple[Reading, str, bool]:
        """Read a text and write on; returns the reading, what was written, and whether numbers were lost."""
        ids = self._tokenizer.encode(prompt)[: self._limit]
        maps, new, lost = read(self._model, ids, self._max_new, [self._tokenizer.eos_id], way)
        start, whole = self._tokenizer.decode(ids), self._tokenizer.decode(ids + new)
        return Reading(maps, self._tokenizer.pieces(ids + new), len(ids)), whole[len(start) :], lost

    def describe(self) -> str:
        """As for any view of attention; then what the model wrote, and in which way it attended."""
        written = "; ".join(f"it wrote {run['text'].strip()!r}" for run in self.runs)
        return f"{super().describe()}. Attending {self.way}, {written}"


@torch.inference_mode()
def read(
    model: Llama, ids: list[int], max_new_tokens: int, stop_ids: Collection[int] = (), way: Way = causal_weights
) -> tuple[AttentionMaps, list[int], bool]:
    """Read a text at once, then add the likeliest token and read it, one at a time, with a cache.

    Args:
        model: the model.
        ids: the text.
        max_new_tokens: the most tokens to add.
        stop_ids: ids that end the writing; they are not added.
        way: what makes the weights, (B, H, T, D), (B, Hkv, S, D) -> (B, H, T, S).

    Returns:
        The maps of the text with the new tokens, shape (1, H, S, S) per layer; the new ids; whether the last logits
        hold a nan, after which nothing can be chosen.
    """
    new: list[int] = []
    device = model.embedding.weight.device
    with attending(way), record_attention(model) as maps:
        cache = model.new_cache(max_seq_len=len(ids) + max(max_new_tokens, 1))
        logits = model(torch.tensor([ids], device=device), cache)[0, -1]  # (V,)
        while len(new) < max_new_tokens and not logits.isnan().any() and int(logits.argmax()) not in stop_ids:
            new.append(int(logits.argmax()))
            logits = model(torch.tensor([new[-1:]], device=device), cache)[0, -1]  # (V,)
    return maps, new, bool(logits.isnan().any())


@contextmanager
def attending(way: Way) -> Iterator[None]:
    """Let every recorded attention use the weights of `way` instead of `causal_weights` while the block runs."""
    own = attention.causal_weights
    attention.causal_weights = way
    try:
        yield
    finally:
        attention.causal_weights = own
