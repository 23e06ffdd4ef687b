"""Each way to train on several ranks takes the step of one process: in one kernel, and in real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from llama_lessons.checks import parallel_trials as trials
from llama_lessons.model import Llama
from llama_lessons.parallel import by_hand, tensor_by_hand
from llama_lessons.parallel.lockstep import in_lockstep
from llama_lessons.parallel.ranks import Ranks

ROOT = Path(__file__).parents[1]
CASES = [(n, name) for name in trials.STRATEGIES for n in (2, 3, 4, 8) if n != 3 or name != "tensor parallel"]


@pytest.mark.parametrize(("size", "name"), CASES)
def test_a_step_is_that_of_one_process_on_every_rank(size, name):
    loss, weights = trials.one_process()
    found, _ = in_lockstep(size, trials.STRATEGIES[name])
    for own_loss, own_weights in found:
        assert own_loss.item() == pytest.approx(loss, rel=1e-6)
        assert_close(own_weights, weights, rtol=0, atol=1e-5)


def test_the_step_moves_every_weight_by_far_more_than_that():
    _, weights = trials.one_process()
    for name, before in trials.new_model().named_parameters():
        assert (weights[name] - before).abs().max() > 5e-4, name


def test_a_plain_average_of_the_ranks_means_is_another_step():
    def plain(ranks: Ranks) -> Tensor:
        model, own = trials.new_model(), trials.whole_batch().split(ranks.size)[ranks.rank]
        cross_entropy(model(own.tokens).flatten(0, 1), own.targets.flatten(), ignore_index=-100).backward()
        return ranks.all_reduce(model.output.weight.grad) / ranks.size

    model, batch = trials.new_model(), trials.whole_batch()
    cross_entropy(model(batch.tokens).flatten(0, 1), batch.targets.flatten(), ignore_index=-100).backward()
    plainly = in_lockstep(2, plain)[0][0]
    assert (plainly - model.output.weight.grad).norm() > 0.1 * model.output.weight.grad.norm()


@pytest.mark.parametrize("size", [2, 4])
def test_real_processes_take_it_too(size):
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size)]
    run = subprocess.run(
        [sys.executable, *command, "-m", "llama_lessons.checks.parallel_trials"],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    lines = [line.rsplit(maxsplit=2) for line in run.stdout.splitlines()]
    assert [name for name, _, _ in lines] == list(trials.STRATEGIES)
    assert all(float(number) < 1e-5 for _, *numbers in lines for number in numbers)


def test_fully_sharded_holds_one_unit_at_a_time_and_a_quarter_of_the_rest():
    _, record = in_lockstep(4, trials.fully_sharded)
    whole = 4 * trials.CONFIG.n_params
    of = [{kind: sum(n for (k, _), n in one.held[1].items() if k == kind) for kind in kinds} for one in record]
    assert all(abs(one["weights"] - whole / 4) < 100 for one in of)
    assert of[-1]["optimizer"] == 2 * of[-1]["weights"] and of[-1]["gradient"] == of[-1]["weights"]
    largest = max(n for one in record for (kind, _), n in one.held[1].items() if kind == "gathered")
    assert max(one["gathered"] for one in of) == largest < whole / 3


kinds = ("weights", "gathered", "gradient", "optimizer")


def test_parts_are_rows_and_columns_and_whole_heads():
    config = trials.CONFIG
    weights = dict(trials.new_model().named_parameters())
    ranks = [Ranks(rank, 4) for rank in range(4)]

    def parts(name: str) -> list[Tensor]:
        return [
            tensor_by_hand.cut(f"blocks.0.{name}.weight", weights[f"blocks.0.{name}.weight"], one, config)
            for one in ranks
        ]

    assert torch.equal(torch.cat(parts("attention.wq")), weights["blocks.0.attention.wq.weight"])
    assert torch.equal(torch.cat(parts("feed_forward.w_down"), 1), weights["blocks.0.feed_forward.w_down.weight"])
    first, second, third, _ = parts("attention.wk")
    assert torch.equal(first, second) and not torch.equal(second, third)
    assert first.shape == (config.head_dim, config.dim)
    assert torch.equal(first, weights["blocks.0.attention.wk.weight"][: config.head_dim])


@pytest.mark.parametrize(
    ("size", "changes", "told"),
    [
        (3, {}, "3 ranks cannot share n_heads=8, vocab_size=512, n_kv_heads=2"),
        (4, {"hidden_dim": 190}, "hidden_dim=190 evenly"),
        (4, {"n_kv_heads": 8, "dim": 64}, None),
        (16, {"n_heads": 16, "n_kv_heads": 4}, None),
    ],
)
def test_sizes_that_cannot_be_shared_are_named(size, changes, told):
    config = replace(trials.CONFIG, **changes)
    if told is None:
        tensor_by_hand.check_sizes(config, size)
    else:
        with pytest.raises(ValueError, match=told):
            tensor_by_hand.check_sizes(config, size)


def test_a_tied_table_is_refused_where_it_would_be_in_two_units():
    model = Llama(replace(trials.CONFIG, tie_embeddings=True))
    with pytest.raises(ValueError, match="tie_embeddings=True"):
        by_hand.units(model, torch.zeros(1, 3, dtype=torch.int64))


@pytest.mark.parametrize("size", [1, 2, 4])
def test_vocabulary_loss_is_cross_entropy_also_far_from_zero(size):
    generator = torch.Generator().manual_seed(0)
    x, head = 30 * torch.randn(5, 6, generator=generator), torch.randn(8, 6, generator=generator)
    targets = torch.tensor([0, 7, 3, 4, 2])

    def function(ranks: Ranks) -> Tensor:
        return tensor_by_hand.vocabulary_loss(ranks, x, head.chunk(ranks.size)[ranks.rank], targets)

    wanted = cross_entropy(x @ head.T, targets, reduction="sum")
    assert all(one.item() == pytest.approx(wanted.item(), rel=1e-5) for one in in_lockstep(size, function)[0])
