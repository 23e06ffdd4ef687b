"""Our speed beside transformers' and the machine's limit: `make bench`; `make bench SAVE=1` keeps the table.

Add `LLAMA2C=path/to/run` to stand beside llama2.c's program too, and `COMPILE=1` for `generate(compile=True)`.

Both run the same random weights in one process, in turns, in float32 on a CPU, and the best of some repetitions
counts: other work on the machine only ever slows a run down. The roof of decoding is the machine's read bandwidth: a
step has to read every weight but the embedding table, and the cache. (A model that fits into the processor's cache may
exceed it.) The roof of all else is its rate of multiplying matrices.
"""

from __future__ import annotations

import argparse
import datetime
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from benchmarks import llama2c
from benchmarks.machine import best_seconds, matmul_rate, processor, read_bandwidth
from llama_lessons.arithmetic import flops_per_token, kv_cache_bytes
from llama_lessons.checkpoints import save
from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate
from llama_lessons.model import Llama

RESULTS = Path(__file__).parent / "RESULTS.md"
SHAPES = {
    "4M": LlamaConfig(dim=256, n_layers=4, n_heads=8, n_kv_heads=4, vocab_size=2048, hidden_dim=704, max_seq_len=512),
    "24M": replace(LlamaConfig.preset("stories15m"), tie_embeddings=False),
    "134M": replace(LlamaConfig.preset("stories110m"), tie_embeddings=False),
}
PROMPT, NEW_TOKENS = list(range(1, 9)), 128
LONG_PROMPT = 200  # tokens
ROWS, SEQ_LEN = 4, 128  # of a training batch

Row = tuple[str, float, float, float | None]  # what, ours, theirs, roof: larger is better


def bytes_per_step(config: LlamaConfig) -> float:
    """What decoding one token reads, at the mean length of the text."""
    weights = 4 * (config.n_params - config.vocab_size * config.dim)
    return weights + kv_cache_bytes(config, len(PROMPT) + NEW_TOKENS // 2, dtype="float32")


def as_transformers(model: Llama) -> nn.Module:
    """The same weights in transformers' own model."""
    with tempfile.TemporaryDirectory() as folder:
        save(model, f"{folder}/model", format="hf")
        theirs = AutoModelForCausalLM.from_pretrained(f"{folder}/model", dtype=torch.float32)
    theirs.generation_config.eos_token_id = None  # both write every token they are asked for
    return theirs


def decoding(model: Llama, theirs: nn.Module, batch_size: int) -> list[float]:
    """Tokens a second of our `generate` and of theirs, greedy."""
    prompts = [PROMPT] * batch_size

    def hugging_face() -> list[list[int]]:
        ids = torch.tensor(prompts)
        out = theirs.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0
        )
        return out[:, len(PROMPT) :].tolist()

    def ours() -> list[list[int]]:
        return generate(model, prompts, NEW_TOKENS, temperature=0)

    assert ours() == hugging_face(), "the two models wrote different texts"
    return [batch_size * NEW_TOKENS / seconds for seconds in best_seconds(ours, hugging_face)]


def compiled_decoding(model: Llama) -> tuple[float, float]:
    """Tokens a second of `generate(compile=True)`, one sequence; and how many seconds its first call takes."""

    def compiled() -> list[list[int]]:
        return generate(model, [PROMPT], NEW_TOKENS, temperature=0, compile=True)

    start = time.perf_counter()
    compiled()
    first = time.perf_counter() - start
    return NEW_TOKENS / best_seconds(compiled)[0], first


def first_token(model: Llama, theirs: nn.Module) -> list[float]:
    """Tokens a second of reading a long prompt, until the first new token is there."""
    prompt = torch.arange(LONG_PROMPT)[None]
    jobs = (
        lambda: generate(model, prompt.tolist(), 1, temperature=0),
        lambda: theirs.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=1, do_sample=False),
    )
    return [LONG_PROMPT / seconds for seconds in best_seconds(*jobs)]


def training(model: Llama, theirs: nn.Module) -> tuple[list[float], list[float]]:
    """Tokens a second of one step (forward, backward, AdamW) of both, and tokens per GB kept for the backward pass."""
    tokens = torch.randint(model.config.vocab_size, (ROWS, SEQ_LEN + 1))

    def step_of(network: nn.Module, logits_of: Callable[[Tensor], Tensor]) -> Callable[[], None]:
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

        def step() -> None:
            cross_entropy(logits_of(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten()).backward()
            optimizer.step()
            optimizer.zero_grad()

        return step

    jobs = step_of(model, model), step_of(theirs, lambda ids: theirs(ids, use_cache=False).logits)
    n_tokens = ROWS * SEQ_LEN
    kept = [n_tokens / (kept_bytes(job, net) / 1e9) for job, net in zip(jobs, (model, theirs), strict=True)]
    return [n_tokens / seconds for seconds in best_seconds(*jobs)], kept


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


def rows(name: str, bandwidth: float, rate: float, compile: bool, program: Path | None) -> Iterator[Row]:
    """Everything about one shape."""
    torch.manual_seed(0)
    model = Llama(SHAPES[name])
    theirs = as_transformers(model)
    roof = bandwidth / bytes_per_step(model.config)
    yield "decode, 1 row, tokens/s", *(one := decoding(model, theirs, 1)), roof
    if compile:
        fast, first = compiled_decoding(model)
        yield f"the same, compiled (first call {first:.0f} s)", fast, one[1], roof
    if program:
        written = llama2c.tokens_per_second(program, model, NEW_TOKENS, torch.get_num_threads())
        yield "decode, 1 row, beside llama2.c's run", one[0], written, roof
    yield "decode, 16 rows, tokens/s", *decoding(model, theirs, 16), None
    read = rate / flops_per_token(model.config, LONG_PROMPT // 2)
    yield f"read {LONG_PROMPT} tokens, tokens/s", *first_token(model, theirs), read
    speed, kept = training(model, theirs)
    yield "train, tokens/s", *speed, rate / (3 * flops_per_token(model.config, SEQ_LEN // 2))
    yield "train, tokens per GB kept", *kept, None


def table(names: list[str], compile: bool, program: Path | None) -> str:
    """The whole comparison as a Markdown table."""
    bandwidth, rate = read_bandwidth(), matmul_rate()
    lines = [
        f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}, {processor()}, {datetime.date.today()}; "
        f"reads {bandwidth / 1e9:.1f} GB/s, multiplies {rate / 1e9:.0f} GFLOP/s",
        "",
        "| model | what | ours | peer: transformers | ratio | roof | share of it |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in tqdm(names, desc="models"):
        for what, ours, theirs, roof in rows(name, bandwidth, rate, compile, program):
            limit = f"{roof:.0f} | {ours / roof:.0%}" if roof else "|"
            lines.append(f"| {name} | {what} | {ours:.0f} | {theirs:.0f} | {ours / theirs:.2f} | {limit} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=SHAPES, default=list(SHAPES), help="which shapes to run")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()), help="PyTorch's threads")
    parser.add_argument("--compile", action="store_true", help="also generate(compile=True); takes a C++ compiler")
    parser.add_argument(
        "--llama2c", type=Path, metavar="RUN", help="also llama2.c's program, built by its `make runomp`"
    )
    parser.add_argument("--save", action="store_true", help=f"also write the table to {RESULTS.name}")
    arguments = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(arguments.threads)
    text = table(arguments.models, arguments.compile, arguments.llama2c)
    print(text)
    if arguments.save:
        RESULTS.write_text(f"# Speed\n\nMeasured by `make bench SAVE=1`.\n\n{text}\n")


if __name__ == "__main__":
    main()
