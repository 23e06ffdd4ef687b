"""Our speed beside others' and the machine's limit: `make bench`; `make bench SAVE=1` keeps the table.

All run the same random weights in turns, in float32 on a CPU, and the best of some repetitions counts: other work on
the machine only ever slows a run down. The roof of writing one text is how often a second the machine can read as many
bytes as a step has to: every weight but the embedding table, and the cache. The roof of all else is its rate of
multiplying matrices. `LLAMA2C=path/to/run` puts llama2.c's program beside them. It takes a C++ compiler.
"""

from __future__ import annotations

import argparse
import datetime
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm
from transformers.utils import logging

from benchmarks.decoding import as_transformers, many_rows, one_row
from benchmarks.machine import best_rates, matmul_rate, processor, rate_of
from llama_lessons.arithmetic import flops_per_token
from llama_lessons.batches import Batch
from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.training import next_token_loss

RESULTS = Path(__file__).parent / "RESULTS.md"
SHAPES = {
    "4M": LlamaConfig(dim=256, n_layers=4, n_heads=8, n_kv_heads=4, vocab_size=2048, hidden_dim=704, max_seq_len=512),
    "24M": replace(LlamaConfig.preset("stories15m"), tie_embeddings=False),
    "134M": replace(LlamaConfig.preset("stories110m"), tie_embeddings=False),
}
LONG_PROMPT = 200  # tokens
ROWS, SEQ_LEN = 4, 128  # of a training batch
PEERS = ("transformers", "llama2.c")

Measured = tuple[str, dict[str, float], float | None]  # what; by name, the larger the better; roof


def first_token(model: Llama, theirs: nn.Module) -> dict[str, float]:
    """Tokens a second of reading a long prompt, until the first new token is there."""
    prompt = torch.arange(LONG_PROMPT)[None]
    settings = {"attention_mask": torch.ones_like(prompt), "max_new_tokens": 1, "do_sample": False}
    return best_rates(
        {
            "plain": rate_of(lambda: generate(model, prompt.tolist(), 1, temperature=0), LONG_PROMPT),
            "transformers": rate_of(lambda: theirs.generate(prompt, **settings), LONG_PROMPT),
        }
    )


def training(model: Llama, theirs: nn.Module) -> tuple[dict[str, float], dict[str, float]]:
    """Tokens a second of one step (forward, backward, AdamW) of both, and tokens per GB kept for the backward pass."""
    tokens = torch.randint(model.config.vocab_size, (ROWS, SEQ_LEN + 1))
    batch, n_tokens = Batch(tokens[:, :-1], tokens[:, 1:]), ROWS * SEQ_LEN
    losses = {
        "plain": (model, lambda: next_token_loss(model, batch) / n_tokens),
        "transformers": (theirs, lambda: _mean_loss(theirs(batch.tokens, use_cache=False).logits, batch.targets)),
    }
    steps = {name: (network, _step(network, loss)) for name, (network, loss) in losses.items()}
    kept = {name: n_tokens / (kept_bytes(step, network) / 1e9) for name, (network, step) in steps.items()}
    return best_rates({name: rate_of(step, n_tokens) for name, (_, step) in steps.items()}), kept


def _mean_loss(logits: Tensor, targets: Tensor) -> Tensor:
    return cross_entropy(logits.flatten(0, 1), targets.flatten())


def _step(network: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def kept_bytes(step: Callable[[], None], network: nn.Module) -> int:
    """Bytes that a step keeps for the backward pass, weights left out."""
    weights = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step()
    return sum(kept.values())


def measure(name: str, rate: float, program: Path | None) -> Iterator[Measured]:
    """Everything about one shape; rate: operations a second."""
    torch.manual_seed(0)
    model = Llama(SHAPES[name])
    theirs = as_transformers(model)
    yield "decode, 1 row, tokens/s", *one_row(model, theirs, program)
    yield "decode, 16 rows, tokens/s", many_rows(model, theirs, 16), None
    head = 2 * model.config.vocab_size * model.config.dim  # computed for the last token only
    read = rate / (flops_per_token(model.config, LONG_PROMPT // 2) - head * (1 - 1 / LONG_PROMPT))
    yield f"read {LONG_PROMPT} tokens, tokens/s", first_token(model, theirs), read
    speed, kept = training(model, theirs)
    yield "train, tokens/s", speed, rate / (3 * flops_per_token(model.config, SEQ_LEN // 2))
    yield "train, tokens per GB kept", kept, None


def table(names: list[str], program: Path | None) -> str:
    """The whole comparison as a Markdown table."""
    rate = matmul_rate()
    lines = [
        f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}, {processor()}, {datetime.date.today()}; "
        f"multiplies {rate / 1e9:.0f} GFLOP/s",
        "",
        "| model | what | who | | of transformers | of llama2.c | of the roof |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in tqdm(names, desc="models"):
        for what, found, roof in measure(name, rate, program):
            for who, value in found.items():
                ratios = [f"{value / found[peer]:.2f}" if peer in found and who != peer else "" for peer in PEERS]
                share = f"{value / roof:.0%} of {roof:.0f}" if roof else ""
                lines.append(f"| {name} | {what} | {who} | {value:.0f} | {' | '.join(ratios)} | {share} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=SHAPES, default=list(SHAPES), help="which shapes to run")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()), help="PyTorch's threads")
    parser.add_argument("--llama2c", type=Path, metavar="RUN", help="llama2.c's program, built by its `make runomp`")
    parser.add_argument("--save", action="store_true", help=f"also write the table to {RESULTS.name}")
    arguments = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(arguments.threads)
    text = table(arguments.models, arguments.llama2c)
    print(text)
    if arguments.save:
        RESULTS.write_text(f"# Speed\n\nMeasured by `make bench SAVE=1`.\n\n{text}\n")


if __name__ == "__main__":
    main()
