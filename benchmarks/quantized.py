"""Writing one text with quantized matrices, beside float32 and llama2.c: `python -m benchmarks.quantized`.

All run the same random weights in turns, and the best of some repetitions counts. `--run` and `--runq` put llama2.c's
programs beside them, built by its `make runomp`. It takes a C++ compiler.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.decoding import NEW_TOKENS, ours
from benchmarks.llama2c import Program, write_pieces
from benchmarks.machine import best_rates, processor
from llama_lessons.checkpoints.llama2c import GATE_DOWN_UP, MAGIC, NUMBERS, QKVO, SEVEN_INTS
from llama_lessons.config import LlamaConfig
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.quantization import quantize, to_codes

RESULTS = Path(__file__).parent / "QUANTIZED.md"
SHAPE = replace(LlamaConfig.preset("stories110m"), tie_embeddings=False)
WAYS = {"int8": ("int8", None), "int4/128": ("int4", 128), "int4/64": ("int4", 64), "int4/32": ("int4", 32)}
GROUP = 64  # of runq's int8; widths must be multiples of it


class QuantizedProgram(Program):
    """llama2.c's `runq`, which reads files of its version 2."""

    def __enter__(self) -> QuantizedProgram:
        with open(f"{self.folder.name}/model.bin", "wb") as file:
            for piece in version_2(self.model):
                file.write(piece)
        write_pieces(Path(self.folder.name) / "tokenizer.bin", self.model.config.vocab_size)
        return self


def version_2(model: Llama) -> Iterator[bytes]:
    """The file that `runq` reads: a header, the norms in float32, then codes and scales of each matrix."""
    numbers = [getattr(model.config, name) for name in NUMBERS]
    yield (struct.pack("<Ii", MAGIC, 2) + struct.pack(SEVEN_INTS, *numbers) + struct.pack("<Bi", 0, GROUP)).ljust(
        256, b"\0"
    )
    weights = dict(model.named_parameters())
    for norm in ("attention_norm", "feed_forward_norm"):
        yield from (raw(weights[f"blocks.{n}.{norm}.weight"]) for n in range(model.config.n_layers))
    yield raw(weights["norm.weight"])
    layers = [f"blocks.{n}.{part}" for part in (*QKVO, *GATE_DOWN_UP) for n in range(model.config.n_layers)]
    for name in ("embedding", *layers, "output"):
        codes, scale = to_codes(weights[f"{name}.weight"], "int8", GROUP)
        yield raw(codes)
        yield raw(scale.float())


def raw(tensor: Tensor) -> bytes:
    """The bytes of a tensor of any shape."""
    return tensor.detach().contiguous().numpy().tobytes()


def measure(run: Path | None, runq: Path | None) -> dict[str, float]:
    """Tokens a second, by who writes."""
    torch.manual_seed(0)
    model = Llama(SHAPE).requires_grad_(False)
    with ExitStack() as stack:
        jobs = {"float32, compiled": ours(model, True)}
        for name, way in WAYS.items():
            smaller = quantize(copy.deepcopy(model), *way)
            one, other = (generate(smaller, [[1]], 8, temperature=0, compile=compile) for compile in (False, True))
            assert one == other, f"the program wrote another text in {name}"
            jobs[f"{name}, compiled"] = ours(smaller, True)
        for name, program, kind in (("run", run, Program), ("runq, int8", runq, QuantizedProgram)):
            if program:
                beside = stack.enter_context(kind(program, model, NEW_TOKENS, torch.get_num_threads()))
                jobs[f"llama2.c, {name}"] = beside.tokens_per_second
        return best_rates(jobs)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()), help="PyTorch's threads")
    parser.add_argument("--run", type=Path, help="llama2.c's program for float32")
    parser.add_argument("--runq", type=Path, help="llama2.c's program for int8")
    parser.add_argument("--save", action="store_true", help=f"also write the table to {RESULTS.name}")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    found = measure(arguments.run, arguments.runq)
    lines = ["| model | decode, 1 row | tokens/s | of compiled float32 |", "|---|---|---|---|"]
    lines += [f"| 134M | {who} | {rate:.0f} | {rate / found['float32, compiled']:.2f} |" for who, rate in found.items()]
    where = f"{arguments.threads} threads, PyTorch {torch.__version__}, {processor()}, {datetime.date.today()}"
    print(where, *lines, sep="\n")
    if arguments.save:
        command = "`python -m benchmarks.quantized --save`; int4/64: int4 in groups of 64"
        RESULTS.write_text(
            "\n".join([f"# Speed of quantized models\n\nMeasured by {command}.\n\n{where}\n", *lines, ""])
        )


if __name__ == "__main__":
    main()
