"""EleutherAI's way to score multiple choice, written again as a plain loop over `transformers`: no batch, no padding.

As in lm-evaluation-harness (`HFLM._encode_pair`, `_loglikelihood_tokens`): blanks at the end of a context belong to
what follows; context and both together are encoded, what is longer is the continuation, and the log-probabilities of
its tokens are summed.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


class PlainHarness:
    """One exported model.

    Args:
        folder: in Hugging Face's layout.
    """

    def __init__(self, folder: Path) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    def ids(self, text: str) -> list[int]:
        """<s> and the text."""
        return [self.tokenizer.bos_token_id, *self.tokenizer(text, add_special_tokens=False).input_ids]

    @torch.no_grad()
    def log_likelihood(self, context: str, continuation: str) -> tuple[float, int]:
        """The summed log-probability of a continuation in nats, and how many tokens it has."""
        stripped = context.rstrip()
        continuation = context[len(stripped) :] + continuation
        n_read, whole = len(self.ids(stripped)), self.ids(stripped + continuation)
        logits = self.model(torch.tensor([whole[:-1]])).logits[0].double()  # (T, V)
        total = 0.0
        for place in range(n_read, len(whole)):
            row = logits[place - 1]
            total += float(row[whole[place]] - torch.logsumexp(row, 0))
        return total, len(whole) - n_read

    def answers(self, prompt: str, choices: list[str]) -> dict[str, int]:
        """Which choice each of three rules takes: harness's acc (sum), its acc_norm (per byte), ours (per token)."""
        found = [self.log_likelihood(prompt, f" {choice}") for choice in choices]
        weights = {
            "sum": [1] * len(choices),
            "per byte": [len(choice.encode()) for choice in choices],
            "per token": [n for _, n in found],
        }
        scores = {name: [total / w for (total, _), w in zip(found, ws, strict=True)] for name, ws in weights.items()}
        return {name: values.index(max(values)) for name, values in scores.items()}
