"""Our speed beside transformers' and the machine's limit: `make bench`; `make bench SAVE=1` keeps the table.

Both run the same random weights in one process, in turns, in float32 on a CPU, and the best of some repetitions counts:
other work on the machine only ever slows a run down. A decoding step has to read every weight but the embedding table,
and the cache: `roof` is the machine's read bandwidth divided by those bytes. (A model that fits into the processor's
cache may exceed it.)
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from llama_lessons.arithmetic import kv_cache_bytes
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
PROMPT = list(range(1, 9))
NEW_TOKENS = 128
ROWS, SEQ_LEN = 4, 128  # of a training batch
REPEATS = 5


def read_bandwidth() -> float:
    """Bytes a second that one product of a 1-GiB matrix and a vector reads."""
    matrix, vector = torch.ones(2**14, 2**14), torch.ones(2**14)
    return matrix.nbytes / best_seconds(lambda: matrix @ vector)[0]


def best_seconds(*jobs: Callable[[], object]) -> list[float]:
    """Shortest time of each job, run in turns after one round of warming up."""
    best = [float("inf")] * len(jobs)
    for repeat in range(REPEATS + 1):
        for index, job in enumerate(jobs):
            start = time.perf_counter()
            job()
            seconds = time.perf_counter() - start
            if repeat > 0:
                best[index] = min(best[index], seconds)
    return best


def bytes_per_step(config: LlamaConfig) -> float:
    """What decoding one token reads, at the mean length of the text."""
    weights = 4 * (config.n_params - config.vocab_size * config.dim)
    return weights + kv_cache_bytes(config, len(PROMPT) + NEW_TOKENS // 2, dtype="float32")


def as_transformers(model: Llama) -> torch.nn.Module:
    """The same weights in transformers' own model."""
    with tempfile.TemporaryDirectory() as folder:
        save(model, f"{folder}/model", format="hf")
        theirs = AutoModelForCausalLM.from_pretrained(f"{folder}/model", dtype=torch.float32)
    theirs.generation_config.eos_token_id = None  # both write every token they are asked for
    return theirs


def decoding(model: Llama, theirs: torch.nn.Module) -> list[float]:
    """Tokens a second of our `generate` and of theirs, one sequence, greedy."""

    def hugging_face() -> list[int]:
        out = theirs.generate(torch.tensor([PROMPT]), max_new_tokens=NEW_TOKENS, do_sample=False)
        return out[0, len(PROMPT) :].tolist()

    def ours() -> list[int]:
        return generate(model, [PROMPT], NEW_TOKENS, temperature=0)[0]

    assert ours() == hugging_face(), "the two models wrote different texts"
    return [NEW_TOKENS / seconds for seconds in best_seconds(ours, hugging_face)]


def training(model: Llama, theirs: torch.nn.Module) -> list[float]:
    """Tokens a second of one step (forward, backward, AdamW) of our model and of theirs."""
    tokens = torch.randint(model.config.vocab_size, (ROWS, SEQ_LEN + 1))

    def step_of(network: torch.nn.Module, logits_of: Callable) -> Callable[[], None]:
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

        def step() -> None:
            cross_entropy(logits_of(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten()).backward()
            optimizer.step()
            optimizer.zero_grad()

        return step

    jobs = step_of(model, model), step_of(theirs, lambda ids: theirs(ids, use_cache=False).logits)
    return [ROWS * SEQ_LEN / seconds for seconds in best_seconds(*jobs)]


def table(names: list[str]) -> str:
    """The whole comparison as a Markdown table."""
    bandwidth = read_bandwidth()
    lines = [
        f"{torch.get_num_threads()} threads, PyTorch {torch.__version__}, {processor()}, "
        f"{datetime.date.today()}; reads {bandwidth / 1e9:.1f} GB/s",
        "",
        "| model | what | ours, tokens/s | transformers | ratio | roof | share of it |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in tqdm(names, desc="models"):
        torch.manual_seed(0)
        model = Llama(SHAPES[name])
        theirs = as_transformers(model)
        ours, peer = decoding(model, theirs)
        roof = bandwidth / bytes_per_step(model.config)
        lines.append(
            f"| {name} | decode | {ours:.0f} | {peer:.0f} | {ours / peer:.2f} | {roof:.0f} | {ours / roof:.0%} |"
        )
        ours, peer = training(model, theirs)
        lines.append(f"| {name} | train | {ours:.0f} | {peer:.0f} | {ours / peer:.2f} | | |")
    return "\n".join(lines)


def processor() -> str:
    """Its name, where the system tells."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if info.exists() and names else platform.processor() or platform.machine()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=SHAPES, default=list(SHAPES), help="which shapes to run")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()), help="PyTorch's threads")
    parser.add_argument("--save", action="store_true", help=f"also write the table to {RESULTS.name}")
    arguments = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(arguments.threads)
    text = table(arguments.models)
    print(text)
    if arguments.save:
        RESULTS.write_text(f"# Speed\n\nMeasured by `make bench SAVE=1`.\n\n{text}\n")


if __name__ == "__main__":
    main()
