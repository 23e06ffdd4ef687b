"""One step of training in each way that lesson 13 builds by hand, and how far it is from the step of one process.

    torchrun --nproc-per-node 2 -m llama_lessons.checks.parallel_trials

The same functions run as ranks of one kernel, where their record is what the lesson's view shows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from llama_lessons.batches import IGNORE, Batch, token_loss
from llama_lessons.config import LlamaConfig
from llama_lessons.model import Llama
from llama_lessons.parallel import by_hand, tensor_by_hand
from llama_lessons.parallel.lockstep import in_lockstep
from llama_lessons.parallel.ranks import Processes, Ranks
from llama_lessons.processes import process_group

CONFIG = LlamaConfig(  # the 70B's proportions in small: more heads than key-value heads
    dim=64, n_layers=2, n_heads=8, n_kv_heads=2, vocab_size=512, hidden_dim=192, max_seq_len=32
)
N_ROWS, SEQ_LEN = 8, 24


def new_model() -> Llama:
    """The model that every rank begins with."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(13)
        return Llama(CONFIG)


def whole_batch() -> Batch:
    """Rows that ask for ever more: 3 tokens, 6, and so on, so that no two ranks have as many."""
    rows = torch.randint(CONFIG.vocab_size, (N_ROWS, SEQ_LEN + 1), generator=torch.Generator().manual_seed(13))
    targets = rows[:, 1:].clone()
    for k in range(N_ROWS):
        targets[k, 3 * (k + 1) :] = IGNORE
    return Batch(rows[:, :-1], targets)


def one_process() -> tuple[float, dict[str, Tensor]]:
    """Mean loss, and all weights after the step, any shapes."""
    model, batch = new_model(), whole_batch()
    logits = model(batch.tokens).flatten(0, 1)
    loss = torch.nn.functional.cross_entropy(logits, batch.targets.flatten(), ignore_index=IGNORE)
    loss.backward()
    weights = dict(model.named_parameters())
    return loss.item(), stepped(weights, {name: weight.grad for name, weight in weights.items()})


def stepped(weights: dict[str, Tensor], gradients: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights, of any shapes, after a step of AdamW, which keeps two numbers for each."""
    new = {name: nn.Parameter(weight.detach().clone()) for name, weight in weights.items()}
    for name, weight in new.items():
        weight.grad = gradients[name]
    torch.optim.AdamW(new.values(), lr=1e-3, betas=(0.9, 0.95), eps=1e-5, weight_decay=0.1).step()
    return {name: weight.detach() for name, weight in new.items()}


def _hold(ranks: Ranks, kind: str, tensors: dict[str, Tensor]) -> None:
    """Note tensors, summed up by unit; AdamW's two means are twice as many numbers."""
    found: dict[str, list[Tensor]] = {}
    for name, tensor in tensors.items():
        layer = name.split(".")[1] if name.startswith("blocks.") else ""
        unit = f"layer {layer}" if layer else "embedding" if name.startswith("embedding") else "head"
        found.setdefault(unit, []).extend([tensor.detach().reshape(-1)] * (2 if kind == "optimizer" else 1))
    for unit, parts in found.items():
        ranks.hold(kind, unit, torch.cat(parts))


def data_parallel(ranks: Ranks) -> tuple[Tensor, dict[str, Tensor]]:
    """Every rank has the whole model and a share of the rows: the mean loss, and all weights (any shapes) after."""
    model, own = new_model(), whole_batch().split(ranks.size)[ranks.rank]
    weights = dict(model.named_parameters())
    _hold(ranks, "weights", weights)
    logits, asks = model(own.tokens), own.targets != IGNORE
    loss = token_loss(logits[asks], own.targets[asks])
    loss.backward()
    buckets = {name: module for name, (module, _) in by_hand.units(model, own.targets).items()}
    by_hand.average_gradients(ranks, buckets, own.n_targets)
    _hold(ranks, "optimizer", weights)
    loss = ranks.all_reduce(loss, "loss") / whole_batch().n_targets
    return loss, stepped(weights, {name: weight.grad for name, weight in weights.items()})


def fully_sharded(ranks: Ranks) -> tuple[Tensor, dict[str, Tensor]]:
    """Every rank has a share (N,) of each unit of the model, and of the rows; it gives what `data_parallel` does."""
    model, own = new_model(), whole_batch().split(ranks.size)[ranks.rank]
    units = by_hand.units(model, own.targets)
    weights = {name: dict(module.named_parameters()) for name, (module, _) in units.items()}
    shards = {name: by_hand.shard(by_hand.flatten(unit).detach(), ranks) for name, unit in weights.items()}
    for name, one in shards.items():
        ranks.hold("weights", name, one)
    loss, gradients = by_hand.fully_sharded(ranks, units, shards, own.tokens)
    n_all = ranks.all_reduce(torch.tensor(float(own.n_targets)), "number of tokens")
    for name, one in shards.items():
        ranks.hold("optimizer", name, torch.cat([one, one]))
    new = stepped(shards, {name: gradient / n_all for name, gradient in gradients.items()})
    loss = ranks.all_reduce(loss, "loss") / n_all
    names = {id(weight): name for name, weight in model.named_parameters()}
    whole = {}
    for unit, one in new.items():
        for key, value in by_hand.unflatten(ranks.all_gather(one, f"{unit}, to be saved"), weights[unit]).items():
            whole[names[id(weights[unit][key])]] = value
    return loss, whole


def tensor_parallel(ranks: Ranks) -> tuple[Tensor, dict[str, Tensor]]:
    """Every rank has rows or columns of each matrix (any shape), and all tokens; it gives what `data_parallel` does."""
    tensor_by_hand.check_sizes(CONFIG, ranks.size)
    model, batch = new_model(), whole_batch()
    parts = {
        name: tensor_by_hand.cut(name, weight.detach(), ranks, CONFIG).clone().requires_grad_()
        for name, weight in model.named_parameters()
    }
    _hold(ranks, "weights", parts)
    loss = tensor_by_hand.tensor_parallel(ranks, model, parts, batch.tokens, batch.targets) / batch.n_targets
    gradients = dict(zip(parts, torch.autograd.grad(loss, parts.values()), strict=True))
    gradients = {name: tensor_by_hand.shared_gradient(name, one, ranks, CONFIG) for name, one in gradients.items()}
    _hold(ranks, "gradient", gradients)
    _hold(ranks, "optimizer", parts)
    new = stepped(parts, gradients)
    return loss.detach(), {name: tensor_by_hand.joined(name, part, ranks, CONFIG) for name, part in new.items()}


STRATEGIES: dict[str, Callable] = {
    "data parallel": data_parallel,
    "fully sharded": fully_sharded,
    "tensor parallel": tensor_parallel,
}


def distance(one: tuple, other: tuple) -> float:
    """The largest difference of two results, loss and weights."""
    (loss, weights), (other_loss, other_weights) = one, other
    assert weights.keys() == other_weights.keys()
    each = [(weight - other_weights[name]).abs().max().item() for name, weight in weights.items()]
    return max(abs(float(loss) - float(other_loss)), *each)


def main() -> None:
    """One of the processes: the first prints how far each way is from one process, and from ranks of one kernel."""
    with process_group(), torch.random.fork_rng(devices=[]):
        ranks, alone = Processes(), one_process()
        for name, strategy in STRATEGIES.items():
            found = strategy(ranks)
            if ranks.rank == 0:
                steps = in_lockstep(ranks.size, strategy)[0][0]
                print(f"{name:<16} {distance(found, alone):.1e} {distance(found, steps):.1e}", flush=True)


if __name__ == "__main__":
    main()
