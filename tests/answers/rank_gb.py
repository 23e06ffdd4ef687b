"""Lesson 13, exercise 2: what each rank holds."""

from __future__ import annotations

from llama_lessons.checks.parallel import check_rank_gb
from tests.answers.bank import Bank

bank = Bank(check_rank_gb)


@bank.right
def case_by_case(n_params, n_ranks, stage):
    each = {0: 16, 1: 4 + 12 / n_ranks, 2: 2 + 14 / n_ranks, 3: 16 / n_ranks}[stage]
    return each * n_params / 1e9


@bank.right
def step_by_step(n_params, n_ranks, stage):
    weights, gradients, optimizer = 2 * n_params, 2 * n_params, 12 * n_params
    if stage > 0:
        optimizer /= n_ranks
    if stage > 1:
        gradients /= n_ranks
    if stage > 2:
        weights /= n_ranks
    return (weights + gradients + optimizer) / 10**9


def cases(zero, one, two, three, unit=1e9):
    """An answer from bytes a number, whole and shared, for each stage."""

    def answer(n_params, n_ranks, stage):
        whole, shared = (zero, one, two, three)[stage]
        return n_params * (whole + shared / n_ranks) / unit

    return answer


RIGHT = ((16, 0), (4, 12), (2, 14), (0, 16))
for says, answer in {
    "AdamW's means, and not its copy": cases((16, 0), (8, 8), (6, 10), (4, 12)),
    "AdamW's copy only with the weights": cases((16, 0), (8, 8), (6, 10), (0, 16)),
    "AdamW's copy, and not its means": cases((16, 0), (12, 4), (10, 6), (8, 8)),
    "rounded the result: give": lambda *given: float(round(case_by_case(*given))),
    "you shared nothing": cases(*4 * [(16, 0)]),
    "everything at every stage": cases(*4 * [(0, 16)]),
    "everything from stage 1 on": cases((16, 0), *3 * [(0, 16)]),
    "turned the stages round": cases((16, 0), (14, 2), (12, 4), (0, 16)),
    "one stage too late": cases((16, 0), (16, 0), (4, 12), (2, 14)),
    "one stage too early": cases((4, 12), (2, 14), (0, 16), (0, 16)),
    "never shared the weights": cases(*RIGHT[:3], (2, 14)),
    "each stage shares one thing alone": cases((16, 0), (4, 12), (14, 2), (14, 2)),
    "forgot the gradients": cases((14, 0), (2, 12), (2, 12), (0, 14)),
    "forgot what AdamW keeps": cases((4, 0), (4, 0), (2, 2), (0, 4)),
    "8 bytes for AdamW": cases((12, 0), (4, 8), (2, 10), (0, 12)),
    "weights and gradients with 4 bytes: they": cases((20, 0), (8, 12), (4, 16), (0, 20)),
    "you gave bytes": cases(*RIGHT, unit=1),
    "you gave GiB": cases(*RIGHT, unit=2**30),
    "all ranks hold together": lambda n_params, n_ranks, stage: n_ranks * case_by_case(n_params, n_ranks, stage),
    "multiplied by the ranks where": lambda n_params, n_ranks, stage: case_by_case(n_params, 1 / n_ranks, stage),
}.items():
    bank.wrong(says)(answer)


@bank.wrong()
def one_rank_more(n_params, n_ranks, stage):
    return case_by_case(n_params, n_ranks + 1, stage)


@bank.wrong()
def stages_as_powers(n_params, n_ranks, stage):
    return 16 * n_params / n_ranks ** (stage / 3) / 1e9
