"""Wrong learning rates of lesson 06, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable

FINAL_SHARE = 0.1  # of the peak rate, at the last step


def _cosine(done: float) -> float:
    return (1 + math.cos(math.pi * done)) / 2


def _to_a_tenth(share: float) -> float:
    return FINAL_SHARE + (1 - FINAL_SHARE) * share


def _rate(
    warm: Callable = lambda step, warmup: (step + 1) / warmup,
    fall: Callable = lambda done: _to_a_tenth(_cosine(done)),
    done: Callable = lambda step, n_steps, warmup: (step - warmup) / (n_steps - 1 - warmup),
    warms: Callable = lambda step, warmup: step < warmup,
    scale: Callable = lambda share, peak, warming: share * peak,
) -> Callable:
    """A wrong schedule, in one of its parts: the way up, the way down, how far down a step is, or what is scaled."""

    def wrong(step: int, n_steps: int, peak: float, warmup: int) -> float:
        warming = warms(step, warmup)
        share = warm(step, warmup) if warming else fall(done(step, n_steps, warmup))
        return float(scale(share, peak, warming))

    return wrong


def _from_zero(step: int, warmup: int) -> float:
    return step / warmup


def _one_late(step: int, n_steps: int, warmup: int) -> float:
    return (step - warmup) / (n_steps - warmup)


def _from_step_0(step: int, n_steps: int, warmup: int) -> float:
    return step / (n_steps - 1)


def _no_warmup(fall: Callable, last: Callable = lambda n_steps: n_steps - 1) -> Callable:
    return lambda step, n_steps, peak, warmup: peak * fall(step / last(n_steps))


def _jump(step: int, n_steps: int, peak: float, warmup: int) -> float:
    last = peak * FINAL_SHARE if step == n_steps - 1 else None
    return last or _rate(fall=_cosine)(step, n_steps, peak, warmup)


def _root_decay(step: int, n_steps: int, peak: float, warmup: int) -> float:
    return peak * min((step + 1) / warmup, (warmup / (step + 1)) ** 0.5)


RATE_MISTAKES = {
    "there is no warm-up: the first step already has the full rate, while AdamW's means are made of one gradient": (
        _rate(warm=lambda step, warmup: 1)
    ),
    "the cosine begins at step 0 with no warm-up before it": _no_warmup(lambda done: _to_a_tenth(_cosine(done))),
    "the cosine begins at step 0 with no warm-up before it, and ends one step too late": (
        _no_warmup(lambda done: _to_a_tenth(_cosine(done)), lambda n_steps: n_steps)
    ),
    "the cosine begins at step 0 with no warm-up before it, and ends at 0": _no_warmup(_cosine),
    "the first step has a rate of 0 and learns nothing: steps count from 0, so its share is 1 / warmup": (
        _rate(warm=_from_zero)
    ),
    "the first step has a rate of 0 and learns nothing, and the cosine ends one step too late: steps count from 0": (
        _rate(warm=_from_zero, done=_one_late)
    ),
    "the first step has a rate of 0 and learns nothing, and the rate ends at 0, not at a tenth of its peak": (
        _rate(warm=_from_zero, fall=_cosine)
    ),
    "the first step has a rate of 0, and the last one the peak: the first has peak / warmup": (
        _rate(warm=lambda step, warmup: step / (warmup - 1))
    ),
    "warm-up divides by warmup + 1: its last step never reaches the peak": (
        _rate(warm=lambda step, warmup: (step + 1) / (warmup + 1))
    ),
    "warm-up divides by warmup - 1: it goes above the peak": _rate(warm=lambda step, warmup: (step + 1) / (warmup - 1)),
    "warm-up is one step too long and goes above the peak: say step < warmup, not step <= warmup": (
        _rate(warms=lambda step, warmup: step <= warmup)
    ),
    "warm-up is one step too short: say step < warmup": _rate(warms=lambda step, warmup: step < warmup - 1),
    "warm-up stays at its first rate, peak / warmup: it should rise with every step": (
        _rate(warm=lambda step, warmup: 1 / warmup)
    ),
    "warm-up rises as a square: it should rise in a straight line": (
        _rate(warm=lambda step, warmup: ((step + 1) / warmup) ** 2)
    ),
    "warm-up rises as a root: it should rise in a straight line": (
        _rate(warm=lambda step, warmup: ((step + 1) / warmup) ** 0.5)
    ),
    "warm-up rises along a cosine: it should rise in a straight line": (
        _rate(warm=lambda step, warmup: 1 - _cosine((step + 1) / warmup))
    ),
    "warm-up begins at a tenth of the peak: its first step has peak / warmup": (
        _rate(warm=lambda step, warmup: _to_a_tenth((step + 1) / warmup))
    ),
    "warm-up begins at a tenth of the peak, exactly: its first step has peak / warmup": (
        _rate(warm=lambda step, warmup: _to_a_tenth(step / warmup))
    ),
    "warm-up falls: it should rise to the peak": _rate(warm=lambda step, warmup: (warmup - step) / warmup),
    "warm-up has a rate of 0: it should rise to the peak": _rate(warm=lambda step, warmup: 0),
    "warm-up counts with //, which gives whole numbers: use /": _rate(warm=lambda step, warmup: (step + 1) // warmup),
    "the rate ends at 0: it should end at a tenth of its peak": _rate(fall=_cosine),
    "the rate ends at 0 and jumps to a tenth at the last step: the whole cosine should run down to a tenth": _jump,
    "you cut the cosine off at a tenth: it should arrive there at the last step, and not before": (
        _rate(fall=lambda done: max(FINAL_SHARE, _cosine(done)))
    ),
    "you added the tenth to the whole cosine: the share would begin at 1.1; the cosine has the other nine tenths": (
        _rate(fall=lambda done: FINAL_SHARE + _cosine(done))
    ),
    "the tenth is missing where nine tenths fall: the rate begins at 0.9 of its peak and ends at 0": (
        _rate(fall=lambda done: (1 - FINAL_SHARE) * _cosine(done))
    ),
    "the rate ends at 0.1 itself: it should end at a tenth of the peak, not at 0.1": _rate(
        scale=lambda share, peak, warming: (
            share * peak if warming else FINAL_SHARE + (share - FINAL_SHARE) / (1 - FINAL_SHARE) * (peak - FINAL_SHARE)
        )
    ),
    "the rate ends at a hundredth of its peak: it should end at a tenth": (
        _rate(fall=lambda done: 0.01 + 0.99 * _cosine(done))
    ),
    "the rate falls in a straight line: it should fall along a cosine": _rate(fall=lambda done: _to_a_tenth(1 - done)),
    "the rate falls in a straight line, to 0: it should fall along a cosine, to a tenth": (
        _rate(fall=lambda done: 1 - done)
    ),
    "the rate falls exponentially: it should fall along a cosine": _rate(fall=lambda done: FINAL_SHARE**done),
    "the rate falls with the root of the step, as in 2017: it should fall along a cosine": _root_decay,
    "the cosine counts from step 0: it should begin where warm-up ends, or the rate jumps down there": (
        _rate(done=_from_step_0)
    ),
    "the cosine counts from step 0 and ends one step too late: it should begin where warm-up ends": (
        _rate(done=lambda step, n_steps, warmup: step / n_steps)
    ),
    "the cosine ends one step too late: steps count from 0, so the last one is n_steps - 1": _rate(done=_one_late),
    "the cosine ends one step too late, and at 0": _rate(fall=_cosine, done=_one_late),
    "the cosine begins one step too late: the first step after warm-up has the peak": (
        _rate(done=lambda step, n_steps, warmup: (step + 1 - warmup) / (n_steps - warmup))
    ),
    "the cosine begins one step too early: divide step - warmup, not step - warmup + 1": (
        _rate(done=lambda step, n_steps, warmup: (step + 1 - warmup) / (n_steps - 1 - warmup))
    ),
    "the cosine does not arrive: divide by the steps after warm-up, n_steps - 1 - warmup, not by all, n_steps - 1": (
        _rate(done=lambda step, n_steps, warmup: (step - warmup) / (n_steps - 1))
    ),
    "the cosine does not arrive: divide by the steps after warm-up, n_steps - 1 - warmup, not by all, n_steps": (
        _rate(done=lambda step, n_steps, warmup: (step - warmup) / n_steps)
    ),
    "the cosine counts with //, which gives whole numbers: use /": (
        _rate(done=lambda step, n_steps, warmup: (step - warmup) // (n_steps - 1 - warmup))
    ),
    "the cosine makes a whole turn, down and up again: it should make half a turn, from 0 to π": (
        _rate(done=lambda step, n_steps, warmup: 2 * (step - warmup) / (n_steps - 1 - warmup))
    ),
    "the cosine makes a quarter of a turn: it should make half a turn, from 0 to π": (
        _rate(fall=lambda done: _to_a_tenth(math.cos(math.pi * done / 2)))
    ),
    "the cosine makes a quarter of a turn, halved: it should make half a turn, from 0 to π": (
        _rate(fall=lambda done: _to_a_tenth(_cosine(done / 2)))
    ),
    "the cosine runs between 1 and -1, and the rate below 0: (1 + cos) / 2 runs between 1 and 0": (
        _rate(fall=lambda done: _to_a_tenth(math.cos(math.pi * done)))
    ),
    "the cosine is not halved: 1 + cos begins at 2": _rate(fall=lambda done: _to_a_tenth(2 * _cosine(done))),
    "the cosine rises: it should fall, from the peak to a tenth": _rate(
        fall=lambda done: _to_a_tenth(_cosine(1 - done))
    ),
    "you took the sine: the cosine begins at 1": _rate(
        fall=lambda done: _to_a_tenth((1 + math.sin(math.pi * done)) / 2)
    ),
    "you forgot π: cos takes radians, and half a turn is π of them": (
        _rate(fall=lambda done: _to_a_tenth((1 + math.cos(done)) / 2))
    ),
    "you gave the cosine degrees: it takes radians, and half a turn is π of them": (
        _rate(fall=lambda done: _to_a_tenth((1 + math.cos(180 * done)) / 2))
    ),
    "the rate stays at its peak after warm-up: it should fall": _rate(fall=lambda done: 1),
    "the rate is a tenth of its peak right after warm-up: it should fall along a cosine": (
        _rate(fall=lambda done: FINAL_SHARE)
    ),
    "you gave the share of the peak: multiply it by the peak": _rate(scale=lambda share, peak, warming: share),
    "you gave the share of the peak while it warms up: multiply it by the peak": (
        _rate(scale=lambda share, peak, warming: share if warming else share * peak)
    ),
    "you gave the share of the peak after warm-up: multiply it by the peak": (
        _rate(scale=lambda share, peak, warming: share * peak if warming else share)
    ),
}
