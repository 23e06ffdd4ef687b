"""What a Llama costs, from its shape alone: bytes to hold it, bytes to remember, operations to run it."""

from __future__ import annotations

from llama_lessons.config import LlamaConfig

BYTES = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "int8": 1.0, "int4": 0.5}  # bytes per number
CARDS = {"RTX 4090": 24_564 << 20, "A100 80GB": 81_920 << 20, "H200": 143_771 << 20}  # bytes: nvidia-smi's MiB


def bytes_per_number(dtype: str) -> float:
    """Bytes that one number takes; scales of the quantized formats are not counted.

    Raises:
        ValueError: dtype is none of float32, float16, bfloat16, int8, int4.
    """
    if dtype not in BYTES:
        raise ValueError(f"dtype must be one of {', '.join(BYTES)}, got {dtype!r}")
    return BYTES[dtype]


def weights_bytes(config: LlamaConfig, dtype: str = "float16") -> int:
    """Bytes that all weights of a model take."""
    return int(config.n_params * bytes_per_number(dtype))


def kv_cache_bytes(config: LlamaConfig, n_tokens: int = 1, batch_size: int = 1, dtype: str = "float16") -> int:
    """Bytes that the keys and values of a batch take.

    Args:
        config: the model's shape.
        n_tokens: tokens remembered per sequence.
        batch_size: sequences.
        dtype: type of the cached numbers.

    Source: Llama 2, arXiv:2307.09288, appendix A.2.1 (why fewer key and value heads).
    """
    numbers = 2 * config.n_layers * config.n_kv_heads * config.head_dim  # a key and a value
    return int(batch_size * n_tokens * numbers * bytes_per_number(dtype))


def flops_per_token(config: LlamaConfig, n_context: int = 0) -> int:
    """Floating-point operations to run one token through the model; training takes three times as many.

    A multiplication and an addition for every weight but those of the embedding table, which is only looked up,
    and for every channel of every key and value that the token attends to.

    Args:
        config: the model's shape.
        n_context: tokens attended to; 0 leaves attention out, as the rule "2 N per token" does.

    Source: Scaling Laws for Neural Language Models, arXiv:2001.08361, section 2.1 and table 1.
    """
    embedding = 0 if config.tie_embeddings else config.vocab_size * config.dim  # a tied table works as the head
    norms = (2 * config.n_layers + 1) * config.dim
    matmul = config.n_params - embedding - norms
    attended = 2 * config.n_layers * config.dim * n_context  # scores, then the weighted sum
    return 2 * (matmul + attended)
