"""A Llama with the learner's parts in their places and the course's elsewhere; what fails is told by name."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor, nn

from llama_lessons.my_llama.joining import one_file
from llama_lessons.my_llama.keeping import Kept, kept
from llama_lessons.my_llama.parts import PARTS

SIGNS = {"yours": "●", "solution": "◐", "course": "○"}
SIZES = {"dim": 24, "n_layers": 2, "n_heads": 6, "n_kv_heads": 3, "head_dim": 4, "hidden_dim": 20, "vocab_size": 11}
TRIED = SimpleNamespace(**SIZES, max_seq_len=16, norm_eps=1e-5, rope_theta=10_000.0, tie_embeddings=False)


class OwnLlama:
    """The program of a learner's own Llama, run: its functions and classes are attributes.

    Attributes:
        whose: for each part "yours", "solution" (of the page) or "course".
        troubles: for each part that failed and was left out, what happened.
    """

    def __init__(self, parts: dict[str, Kept], troubles: dict[str, str]) -> None:
        self.whose = {name: parts[name].owner if name in parts else "course" for name in PARTS}
        self.troubles, self._program = troubles, run(parts)

    def __getattr__(self, name: str) -> object:
        return getattr(self.__dict__["_program"], name)

    def like(self, model: nn.Module) -> nn.Module:
        """A Llama of this kind in the shape of another, with a copy of its weights, on its device and in its dtype."""
        own = self.build(model.config).to(model.embedding.weight)
        own.load_state_dict(model.state_dict())
        return own

    def __repr__(self) -> str:
        """The board: which part is whose."""
        count = list(self.whose.values()).count
        said = f"{count('yours')} of {len(PARTS)} parts are yours ●"
        said += f"; from solutions of this page ◐ {count('solution')}" if count("solution") else ""
        rows = {part.lesson: [] for part in PARTS.values()}
        for name, part in PARTS.items():
            rows[part.lesson].append(f"{SIGNS[self.whose[name]]} {name}")
        lines = [f"{said}; from the course ○ {count('course')}"]
        return "\n".join(lines + [f"  lesson {lesson}   {'   '.join(names)}" for lesson, names in rows.items()])


def assemble(
    dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu", training: bool = False
) -> OwnLlama:
    """Put a Llama together from what passed its check, here or earlier in the learner's own folder.

    Every part is first tried in a small model: on two texts, in chunks behind a cache, in `dtype`. One that fails
    there, or gives something else than the course's, is named in a line, and the course's takes its place.

    Args:
        dtype: of the numbers that it shall work with.
        device: that it shall work on; on "meta" it only reads, and only shapes are compared.
        training: whether it shall also learn.
    """
    found, sound, troubles = kept(), {}, {}
    asked = (dtype, torch.device(device), training)
    wanted = list(_tour(run({}), *asked))
    if found and _trouble(found, wanted, asked) is None:
        return OwnLlama(found, troubles)
    for name, part in found.items():
        if trouble := _trouble({**sound, name: part}, wanted, asked):
            troubles[name] = trouble
            print(f"{name}: {WHOSE[part.owner]} {trouble}. The course's takes its place.")
        else:
            sound[name] = part
    return OwnLlama(sound, troubles)


WHOSE = {"yours": "yours", "solution": "the solution"}


def run(parts: dict[str, Kept]) -> ModuleType:
    """A module with the program of a Llama that has these parts."""
    text, program = one_file(parts), ModuleType("my_llama")
    linecache.cache["<my_llama>"] = (len(text), None, text.splitlines(keepends=True), "<my_llama>")
    exec(compile(text, "<my_llama>", "exec"), vars(program))
    return program


def _trouble(parts: dict[str, Kept], wanted: list[tuple[str, Tensor]], asked: tuple) -> str | None:
    """What goes wrong with parts in a small model; None where all is as with the course's."""
    what = "as a file"
    try:
        steps = _tour(run(parts), *asked)
        for what, right in wanted:
            found = next(steps)[1]
            if found.shape != right.shape:
                return f"gives the shape {tuple(found.shape)} and not {tuple(right.shape)} {what}"
            if found.device.type != "meta" and not torch.allclose(
                found.double(), right.double(), *_tolerance(asked[0])
            ):
                return f"gives other numbers than the course's {what}"
    except Exception as error:  # whatever the learner's code may raise
        return f"fails {what} ({type(error).__name__}: {error})"
    return None


def _tolerance(dtype: torch.dtype) -> tuple[float, float]:
    return (1e-3, 1e-4) if dtype.itemsize > 2 else (0.1, 0.1)


def _tour(own: ModuleType, dtype: torch.dtype, device: torch.device, training: bool) -> Iterator[tuple[str, Tensor]]:
    """What a model does, and what comes of it: (B, T, V), and gradients of any shape."""
    with torch.random.fork_rng(devices=[]), torch.set_grad_enabled(training):
        model = own.build(TRIED).to(device, dtype)
        for k, weight in enumerate(model.parameters()):
            weight.data = (torch.arange(weight.numel()) * (k + 2) % 17 / 17 - 0.5).view(weight.shape).to(weight)
        tokens = torch.arange(14, device=device).view(2, 7) % SIZES["vocab_size"]
        kind = "" if dtype == torch.float32 else f" in {dtype}".replace("torch.", "")
        yield f"on two texts{kind}", model(tokens)
        if training:
            yield from _learned(own, model, tokens)
        elif device.type != "meta":
            yield from _written(own, model, tokens, kind)


def _written(own: ModuleType, model: nn.Module, tokens: Tensor, kind: str) -> Iterator[tuple[str, Tensor]]:
    """What comes of reading in chunks, token ids (B, T), and of choosing."""
    for block in model.blocks:
        block.attention.cache = own.MyCache(2, SIZES["n_kv_heads"], 9, SIZES["head_dim"])
    for start, end in ((0, 3), (3, 5), (5, 6), (6, 7)):
        yield f"on {end - start} tokens behind a cache of {start}{kind}", model(tokens[:, start:end], start)
    probs = own.my_probs(torch.linspace(-2, 2, 9, device=tokens.device)[None], 0.7, 5)[0]
    yield f"in choosing{kind}", torch.cat((probs, own.my_top_p(probs, 0.9)))


def _learned(own: ModuleType, model: nn.Module, tokens: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What comes of gradients, (B, T) tokens, of training steps and of adapters."""
    weights = list(model.parameters())
    gradients = torch.autograd.grad(model(tokens).square().mean(), weights)
    yield "in gradients", torch.cat([gradient.flatten() for gradient in gradients])
    ids = tokens.flatten().tolist()
    yield "in training", torch.tensor(own.train(model, lambda step: ids, 3, 1e-3, 2, 6, warmup=1))
    own.add_lora(model, 2, 4.0)
    for k, weight in enumerate(weight for weight in model.parameters() if weight.requires_grad):
        weight.data = (torch.arange(weight.numel()) * (k + 2) % 13 / 13 - 0.5).view(weight.shape).to(weight)
    plain = own.build(TRIED).to(tokens.device)
    own.merge_lora(model, plain, 4.0)
    yield "in adapters", model(tokens)
    yield "in merging", plain.blocks[1].attention.wq.weight
