"""Whether a tokenizer and a model belong together."""

from __future__ import annotations

import warnings

from llama_lessons.checkpoints.errors import CheckpointError
from llama_lessons.config import LlamaConfig
from llama_lessons.tokenizer import Tokenizer


def check_vocab(tokenizer: Tokenizer, config: LlamaConfig) -> None:
    """Refuse a tokenizer whose ids the model's embedding table has no rows for.

    Some models have more rows than their tokenizer has ids, to round the table's size up: that only gives a warning.

    Args:
        tokenizer: the tokenizer.
        config: the model's shape.

    Raises:
        CheckpointError: the tokenizer has more ids than the model.
    """
    n_ids, n_rows = tokenizer.vocab_size, config.vocab_size
    if n_ids > n_rows:
        raise CheckpointError(
            tokenizer.path,
            f"has {n_ids} ids, but the model's vocabulary has only {n_rows}",
            "Take the tokenizer that the model was trained with",
        )
    if n_ids < n_rows:
        warnings.warn(f"{tokenizer.path} has {n_ids} ids, the model {n_rows}: the rest is never used", stacklevel=3)
