"""Decoding by a program: the model's own step, noted down once by `torch.compile` and run without Python.

A step reads every weight for one row of numbers, so memory sets its speed, if nothing else is in the way. On a CPU two
things are: Python, which takes longer to name a small operation than the operation takes, and libraries, which multiply
a matrix with a single row on one core. The graph of a step has neither once a product of one row is written as a sum:
then the compiler makes one loop over the matrix's rows of it, on all cores, with what stands before and behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from types import FunctionType

import torch
from torch import Tensor, fx
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.nn.modules.module import _has_any_global_hook

from llama_lessons.model import Llama
from llama_lessons.static_cache import StaticCache

MOST_PROGRAMS = 256  # kept by PyTorch for different shapes, models, sizes of a cache; then compile=True is refused
CHECKS = {"recompile_limit": MOST_PROGRAMS, "skip_nnmodule_hook_guards": False}  # a hook makes another program, too
# Tokens. A cache has room for this many or for twice, four times ... as many: few programs serve all lengths.
ROOM = 256
CPU_OPTIONS = {"size_asserts": False, "cpp.enable_floating_point_contract_flag": "fast"}  # one text, one program
NO_COMPILER = """compile=True needs a C++ compiler on a CPU, and none was found. Get one
  on Linux:    sudo apt install g++   (Fedora: sudo dnf install gcc-c++; conda: conda install gxx)
  on macOS:    xcode-select --install
  on Windows:  the "Desktop development with C++" of Visual Studio's Build Tools
or leave compile=True away: the text is the same."""


def capacity(n_tokens: int, max_seq_len: int) -> int:
    """Tokens that a compiled step's cache has room for: ROOM, doubled until n_tokens fit, at most max_seq_len."""
    return min(max_seq_len, ROOM << max(0, (n_tokens - 1) // ROOM).bit_length())


class CompiledDecoder:
    """Takes the next token of every row to the logits after it, as `model(ids[:, None], cache)[:, 0]` does.

    The first step goes through `torch.compile`, which looks whether it knows the model as it is now: an edited class, a
    replaced layer, an adapter, a hook or another dtype makes another program. The later steps call the program itself,
    since all that changes from one to the next lies in tensors that stay where they are. So change a model between
    texts.

    Args:
        model: any Llama, as it is.
        cache: holds the prompt; from now on only the decoder writes to it.
    """

    def __init__(self, model: Llama, cache: StaticCache) -> None:
        self.ids = torch.zeros(len(cache.keys[0]), dtype=torch.int64, device=cache.keys[0].device)
        decode = _compiled(self.ids.device.type, _code(model), bool(_has_any_global_hook()))
        self.step: Callable[[], Tensor] = partial(decode, model, self.ids, cache)
        self.is_first = True

    def __call__(self, ids: Tensor) -> Tensor:
        """(B,) -> (B, V).

        Raises:
            RuntimeError: at the first step, where a CPU's C++ compiler is missing; the message says how to get one.
        """
        self.ids.copy_(ids)
        if not self.is_first:
            return self.step()
        try:
            with torch._dynamo.config.patch(CHECKS):
                logits = self.step()
        except torch._dynamo.exc.BackendCompilerFailed as error:
            if type(error.inner_exception).__name__ == "InvalidCxxCompiler":
                raise RuntimeError(NO_COMPILER) from None
            raise
        self.step, self.is_first = _Program.again(logits) or self.step, False
        return logits


def _decode(model: Llama, ids: Tensor, cache: StaticCache) -> Tensor:
    return model(ids[:, None], cache)[:, 0]


def _code(model: Llama) -> frozenset[FunctionType]:
    """The functions that a model consists of; `torch.compile` itself does not notice when a class is given others."""
    classes = {type(module) for module in model.modules()}
    return frozenset(part for kind in classes for part in vars(kind).values() if isinstance(part, FunctionType))


@lru_cache
def _compiled(
    device: str, code: frozenset[FunctionType], global_hooks: bool
) -> Callable[[Llama, Tensor, StaticCache], Tensor]:
    """`_decode` as one graph; compiled when it is first called, and again for other shapes."""
    decode = FunctionType(_decode.__code__.replace(), globals())  # a copy: PyTorch keeps programs with the code object
    if device == "cuda":  # its own libraries are fast with one row, and a CUDA graph has no Python in it
        return torch.compile(decode, mode="reduce-overhead", fullgraph=True, dynamic=False)
    return torch.compile(decode, backend=_Program, fullgraph=True, dynamic=False)


class _Program:
    """What `torch.compile` is given for a graph on a CPU; the latest call is remembered, to be made again."""

    latest: tuple | None = None

    def __init__(self, graph: fx.GraphModule, inputs: list[Tensor]) -> None:
        for node in graph.graph.nodes:
            node.target = BY_ROWS.get(node.target, node.target) if node.op == "call_function" else node.target
        graph.recompile()
        self.run = torch._inductor.compile(graph, inputs, options=CPU_OPTIONS)

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = self.run(*inputs)
        _Program.latest = self.run, inputs, outputs
        return outputs

    @classmethod
    def again(cls, logits: Tensor) -> Callable[[], Tensor] | None:
        """What repeats the latest call and gives what then was `logits` (B, V); None if that was no program's."""
        (run, inputs, outputs), cls.latest = cls.latest or (None, (), ()), None
        places = [place for place, output in enumerate(outputs) if output is logits]
        return (lambda: run(*inputs)[places[0]]) if places else None


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(..., C) -> (..., F) as `linear` does; of one row, as a sum for each row of the weight."""
    if x.numel() != x.shape[-1]:
        return linear(x, weight, bias)
    written = x.as_strided(x.shape, x.stride())  # or the compiler computes x anew for every row of the weight
    out = (written.unsqueeze(-2) * weight).sum(-1)  # (..., F)
    return out if bias is None else out + bias


def _attention(q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, *more, **options) -> Tensor:
    """(1, Hkv, R, D), (1, Hkv, S, D) twice -> (1, Hkv, R, D) for one sequence, written out so that it can be fused."""
    if len(q) > 1 or attn_mask is None or attn_mask.dtype != torch.bool or more or options:
        return scaled_dot_product_attention(q, k, v, attn_mask, *more, **options)
    scores = (q.unsqueeze(-2) * k.unsqueeze(-3)).sum(-1) * q.shape[-1] ** -0.5  # (1, Hkv, R, S)
    weights = scores.masked_fill(~attn_mask, -torch.inf).softmax(-1)
    return (weights.unsqueeze(-1) * v.unsqueeze(-3)).sum(-2)


BY_ROWS = {linear: _linear, scaled_dot_product_attention: _attention}
