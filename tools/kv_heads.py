"""What sharing keys and values costs: small Llamas with 4 query heads on 4, 2 and 1 key-value heads, trained alike.

    python tools/kv_heads.py                     writes data/tables/kv_heads.csv (twelve models; about 45 minutes)
    python tools/kv_heads.py --tokens 20000 --seeds 2 --out FILE         a short run, to see that it works

All models read the same tokens in the same order; the seeds differ in the first weights only. Everything but the
key-value heads is unchanged, the feed-forward layer too, so that fewer heads also mean fewer parameters. (Llama 2's
paper, appendix A.2.1, widened the feed-forward layer to make up for it.)
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from tqdm.auto import tqdm

from llama_lessons.arithmetic import kv_cache_bytes
from llama_lessons.batches import Batch, pack, token_loss
from llama_lessons.config import LlamaConfig
from llama_lessons.files import COURSE, data_path
from llama_lessons.model import Llama
from llama_lessons.optimizers import TrainConfig
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Trainer
from llama_lessons.world import make_documents
from tools.tables import write_table

KV_HEADS = (4, 2, 1)
SEEDS = 4
TOKENS = 2**20  # to train on, about a million
ROWS, SEQ_LEN = 16, 256  # of a step
HELD_OUT, HELD_OUT_ROWS = 5, 64  # seed of documents that nothing is trained on, and how many rows of them are measured
FIRST_STEP = 2_000_000  # seed of the documents of the first step; no other run uses these
COLUMNS = ("kv_heads", "seed", "tokens", "parameters", "cache_bytes_per_token", "loss")


def shape(n_kv_heads: int, vocab_size: int) -> LlamaConfig:
    """The models' shape: about a million parameters."""
    return LlamaConfig(
        dim=128,
        n_layers=4,
        n_heads=4,
        n_kv_heads=n_kv_heads,
        vocab_size=vocab_size,
        hidden_dim=384,
        max_seq_len=SEQ_LEN,
        tie_embeddings=True,
    )


def documents(seed: int, tok: Tokenizer, rows: int, seq_len: int = SEQ_LEN) -> Batch:
    """Rows of the Valley's documents from a seed; every token is to be predicted."""
    texts = (tok.encode(part, eos=True) for document in make_documents(seed) for part in document.parts)
    return pack(((ids, [True] * len(ids)) for ids in texts), rows, seq_len)


@torch.inference_mode()
def loss_of(model: Llama, batch: Batch) -> float:
    """Mean loss in nats per token."""
    return sum(float(token_loss(model(part.tokens), part.targets)) for part in batch.split(8)) / batch.n_targets


def measure(n_tokens: int, seeds: int) -> Iterator[dict]:
    """Train every model; a row of the table as soon as it is done.

    Args:
        n_tokens: to train on; rounded down to whole steps.
        seeds: models of each shape.
    """
    tok = Tokenizer(data_path("checkpoints/base/tokenizer.model"))
    n_steps = n_tokens // (ROWS * SEQ_LEN)
    train_config = TrainConfig(n_steps=n_steps, peak_lr=3e-3, warmup_steps=min(20, n_steps // 4), eps=1e-8)
    train = [documents(FIRST_STEP + step, tok, ROWS) for step in tqdm(range(n_steps), desc="documents")]
    test = documents(HELD_OUT, tok, HELD_OUT_ROWS)
    runs = [(n_kv_heads, seed) for seed in range(seeds) for n_kv_heads in KV_HEADS]
    for n_kv_heads, seed in tqdm(runs, desc="models"):
        torch.manual_seed(seed)
        config = shape(n_kv_heads, tok.vocab_size)
        trainer = Trainer(Llama(config), train_config, lambda step: train[step])
        for _ in trainer.run():
            pass
        row = (n_kv_heads, seed, n_steps * ROWS * SEQ_LEN, config.n_params, kv_cache_bytes(config))
        yield dict(zip(COLUMNS, (*row, round(loss_of(trainer.model, test), 4)), strict=True))


def main() -> None:
    """Command line: train, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=TOKENS, help="tokens that each model is trained on")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="models of each shape")
    parser.add_argument("--out", type=Path, default=COURSE / "data/tables/kv_heads.csv", help="the file to write")
    arguments = parser.parse_args()
    if arguments.tokens < 4 * ROWS * SEQ_LEN or arguments.seeds < 1:
        parser.error(f"--tokens must be at least {4 * ROWS * SEQ_LEN}, and --seeds at least 1")
    rows = sorted(measure(arguments.tokens, arguments.seeds), key=lambda row: (-row["kv_heads"], row["seed"]))
    write_table(arguments.out, rows)
    print(arguments.out.read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
