"""Ranks of one kernel: what each collective gives, in which order things happen, what is recorded, what is refused."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from llama_lessons.parallel.lockstep import combined, in_lockstep, sends
from llama_lessons.parallel.ranks import Ranks

SIZE = 3


def given(rank: int) -> Tensor:
    """What each rank brings, (6, 2)."""
    return torch.randn(6, 2, generator=torch.Generator().manual_seed(rank))


ALL = torch.stack([given(rank) for rank in range(SIZE)])  # (ranks, 6, 2)
WANTED = {
    "all_reduce": lambda rank: ALL.sum(0),
    "all_gather": lambda rank: ALL.flatten(0, 1),
    "reduce_scatter": lambda rank: ALL.sum(0)[2 * rank : 2 * rank + 2],
    "broadcast": lambda rank: ALL[0],
}


@pytest.mark.parametrize("kind", WANTED)
def test_every_rank_gets_what_the_collective_promises(kind):
    found, _ = in_lockstep(SIZE, lambda ranks: getattr(ranks, kind)(given(ranks.rank)))
    for rank in range(SIZE):
        assert_close(found[rank], WANTED[kind](rank))


def test_the_largest_number_at_each_place():
    found, _ = in_lockstep(SIZE, lambda ranks: ranks.all_reduce(given(ranks.rank), largest=True))
    assert all(torch.equal(one, ALL.amax(0)) for one in found)


def test_sums_are_in_order_of_rank():
    numbers = [torch.tensor([1e8]), torch.tensor([-1e8]), torch.tensor([1.0])]  # in another order the 1 is lost
    assert combined("all_reduce", numbers)[0].item() == 1.0
    assert combined("all_reduce", numbers[::-1])[0].item() == 0.0


def test_one_rank_runs_at_a_time_in_turns_and_what_it_gets_is_its_own():
    order = []

    def function(ranks: Ranks) -> Tensor:
        x = torch.zeros(1)
        for _ in range(2):
            order.append(ranks.rank)
            x = ranks.all_reduce(x)
            x += ranks.rank  # writes to nobody else's
        return x

    found, _ = in_lockstep(SIZE, function)
    assert order == [0, 1, 2, 0, 1, 2]
    assert [one.item() for one in found] == [3, 4, 5]


def test_backward_may_wait_for_the_others():
    class Sum(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, ranks):
            ctx.ranks = ranks
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return ctx.ranks.all_reduce(gradient), None

    def function(ranks: Ranks) -> Tensor:
        x = torch.ones(2, requires_grad=True)
        (Sum.apply(x, ranks) * (ranks.rank + 1)).sum().backward()
        return x.grad

    assert in_lockstep(SIZE, function)[0][1].tolist() == [6, 6]


@pytest.mark.parametrize(
    ("kind", "each"),
    [("all_reduce", 2 * 2 * 800 // 3), ("reduce_scatter", 2 * 800 // 3), ("all_gather", 2 * 800), ("broadcast", 800)],
)
def test_bytes_are_those_of_a_ring(kind, each):
    found = sends(kind, 800, 3)
    assert set(found) == {(0, 1), (1, 2)} | ({(2, 0)} if kind != "broadcast" else set())
    assert all(abs(n_bytes - each) <= 1 for n_bytes in found.values())
    assert sends(kind, 800, 1) == {}


def test_the_record_says_what_was_held_until_the_next_collective_also_what_was_freed():
    def function(ranks: Ranks) -> None:
        ranks.hold("weights", "a", torch.zeros(5))
        ranks.all_reduce(torch.zeros(2), "first")
        ranks.hold("gathered", "b", torch.zeros(7 + ranks.rank))
        ranks.hold("gathered", "b", None)
        ranks.all_gather(torch.zeros(2), "second")

    _, record = in_lockstep(2, function)
    assert [(one.kind, one.what) for one in record] == [
        ("start", ""),
        ("all_reduce", "first"),
        ("all_gather", "second"),
    ]
    kept = {("weights", "a"): 20}
    assert [one.held[1] for one in record] == [kept, kept | {("gathered", "b"): 32}, kept]
    assert record[1].held[0]["gathered", "b"] == 28


def fails(rank: int) -> None:
    raise ZeroDivisionError(f"of rank {rank}")


BAD = {
    "another collective": lambda r: r.all_reduce(torch.ones(2)) if r.rank else r.broadcast(torch.ones(2)),
    "another shape": lambda r: r.all_reduce(torch.ones(2 + r.rank)),
    "one ends early": lambda r: r.all_reduce(torch.ones(2)) if r.rank else None,
    "one goes on": lambda r: r.all_reduce(torch.ones(2)) if r.rank == 2 else None,
}


@pytest.mark.parametrize("what", BAD)
def test_ranks_that_do_not_meet_are_told_so_instead_of_waiting_for_ever(what):
    with pytest.raises(ValueError, match="all ranks must call the same collective: rank 0 "):
        in_lockstep(SIZE, BAD[what])


def test_a_share_that_does_not_come_out_even_is_refused():
    with pytest.raises(ValueError, match="first dimension that 3 ranks can share, got 4"):
        in_lockstep(SIZE, lambda ranks: ranks.reduce_scatter(torch.ones(4)))


def test_an_error_of_one_rank_ends_all_and_is_the_one_that_is_raised():
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="of rank 1"):
        in_lockstep(SIZE, lambda ranks: fails(1) if ranks.rank == 1 else ranks.all_reduce(torch.ones(1)))
    assert threading.active_count() == before
