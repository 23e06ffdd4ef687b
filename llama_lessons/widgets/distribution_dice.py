"""A text that grows by dice: the prompt's distribution, what is drawn from it, and the text so far."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from llama_lessons.model import Llama
from llama_lessons.page import stable
from llama_lessons.sampling import next_token_probs
from llama_lessons.tokenizer import Tokenizer

MAX_PROMPT = 300  # tokens of the prompt that are read
RARE = 0.1  # a drawn token that the model itself gave less is marked


class GrowingText:
    """A prompt, the distribution of what may follow, and tokens that were drawn and put behind it.

    Args:
        model: a Llama.
        tokenizer: its tokenizer.
        prompt: the text; its first 300 tokens are read.
        seed: of the dice.

    Attributes:
        own: the model's own distribution of the next token, shape (V,).
        words: what was written: for each token its text, a title with its chance, and whether that was small.
        ended: whether nothing more can be written: </s> was drawn, or the model has no room.
        is_cut: whether the prompt was longer than what is read.

    Raises:
        ValueError: the prompt holds half of a character.
    """

    def __init__(self, model: Llama, tokenizer: Tokenizer, prompt: str, seed: int) -> None:
        ids = tokenizer.encode(prompt)
        self._model, self._tokenizer = model, tokenizer
        self._dice = torch.Generator().manual_seed(seed)
        self._decoder = tokenizer.stream_decoder()
        self._cache = model.new_cache()
        self.is_cut, self.ended = len(ids) > MAX_PROMPT, False
        self.words: list[dict] = []
        for token in ids[:MAX_PROMPT]:
            self._decoder.feed(token)
        self._read(ids[:MAX_PROMPT])

    @torch.inference_mode()
    def _read(self, ids: list[int]) -> None:
        tokens = torch.tensor([ids], device=self._model.embedding.weight.device)
        self._logits = self._model(tokens, self._cache)[:, -1].float().cpu()  # (1, V)
        self.own = self._logits.softmax(-1)[0]

    def probs(self, temperature: float, top_k: int, top_p: float) -> Tensor:
        """What the dice are rolled on, (V,): as `next_token_probs`; temperature 0 is greedy, top_k 0 is off."""
        if temperature == 0:
            return one_hot(self._logits[0].argmax(), self._logits.shape[1]).float()
        return next_token_probs(self._logits, temperature, top_k or None, top_p)[0]

    def write(self, probs: Tensor) -> str:
        """Draw a token from probs, shape (V,), put it behind the text, and say which it was."""
        token = int(torch.multinomial(probs, 1, generator=self._dice))
        name, chance = named(self._tokenizer.pieces([token])[0]), percent(self.own[token])
        title, rare = f"{name} {chance}", bool(self.own[token] < RARE)
        self.words.append({"text": self._decoder.feed(token), "title": title, "rare": rare})
        self.ended = token == self._tokenizer.eos_id or self._cache.length == self._cache.max_seq_len
        if not self.ended:
            self._read([token])
        return f"Drew {name}, which the model gave {chance}.{' The text ends here.' if self.ended else ''}"

    def roll(self, probs: Tensor, n_rolls: int) -> Tensor:
        """How often each token is drawn from probs, shape (V,), in n_rolls draws; none is put behind the text."""
        ids = torch.multinomial(probs, n_rolls, replacement=True, generator=self._dice)
        return torch.bincount(ids, minlength=len(probs))


def named(piece: str) -> str:
    """A piece of the vocabulary as a reader knows it."""
    return "line break" if piece == "<0x0A>" else piece


def percent(share: Tensor) -> str:
    """A probability (one number) in words: "6.6 %"; what is nearly nothing and not nothing is "< 0.1 %"."""
    text = stable(100 * share.item(), 1)
    return f"{text} %" if text != "0.0" or share == 0 else "< 0.1 %"
