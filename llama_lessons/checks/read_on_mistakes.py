"""Wrong answers to the second exercise of lesson 04, reading on, each under the words that a reader is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from llama_lessons.rope import rope_angles, rotate


def _turn(rows: Tensor, start: int = 0, step: int = 1) -> Tensor:
    """Rows turned to the positions start, start + step, ...: (T, D) -> (T, D)."""
    angles = rope_angles(start + step * torch.arange(len(rows)), rows.shape[1])
    return rotate(rows[None, :, None], angles.cos(), angles.sin())[0, :, 0]


def _read(
    query: Callable = _turn,  # (rows, P) -> turned rows
    key: Callable = _turn,
    value: Callable = lambda rows, start: rows,
    shift: Callable = lambda n_past, n_new: n_past,  # of the mask's diagonal; None: no mask
    scale: Callable = lambda q, n_keys: q.shape[1] ** 0.5,
    mask: Callable = lambda scores, seen: scores.masked_fill(~seen, -torch.inf),
    weigh: Callable = lambda scores: scores.softmax(-1),
    only_new: bool = False,  # whether the past is not looked at
    join: Callable = lambda past, new: torch.cat((past, new)),
    mix: Callable = lambda weights, keys, values: weights @ values,
) -> Callable:
    """A reader of new tokens in its own way."""

    def read_on(q: Tensor, k: Tensor, v: Tensor, past_k: Tensor, past_v: Tensor) -> tuple[Tensor, ...]:
        n_past = 0 if only_new else len(past_k)
        new_k, new_v = key(k, len(past_k)), value(v, len(past_k))
        keys, values = join(past_k, new_k), join(past_v, new_v)
        seen_k, seen_v = (new_k, new_v) if only_new else (keys, values)
        scores = query(q, len(past_k)) @ seen_k.T / scale(q, len(keys))
        if (diagonal := shift(n_past, len(q))) is not None:
            scores = mask(scores, torch.ones_like(scores).tril(diagonal).bool())
        return mix(weigh(scores), seen_k, seen_v), keys, values

    return read_on


def _both(turn: Callable) -> Callable:
    """Queries and new keys turned in the same wrong way."""
    return _read(query=turn, key=turn)


def _turn_all_again(q: Tensor, k: Tensor, v: Tensor, past_k: Tensor, past_v: Tensor) -> tuple[Tensor, ...]:
    return _read()(q, k, v, _turn(past_k), past_v)


def _old_keys_again_for_scores(q: Tensor, k: Tensor, v: Tensor, past_k: Tensor, past_v: Tensor) -> tuple[Tensor, ...]:
    out, _, _ = _turn_all_again(q, k, v, past_k, past_v)
    return out, *_read()(q, k, v, past_k, past_v)[1:]


def _masked_after_the_softmax(scores: Tensor, seen: Tensor) -> Tensor:
    return scores.softmax(-1) * seen


def _given(which: Callable) -> Callable:
    """A right reader that gives back `which(out, keys, values, k, P)`."""
    return lambda q, k, v, past_k, past_v: which(*_read()(q, k, v, past_k, past_v), k, len(past_k))


READ_MISTAKES = {
    "your positions restart at 0: the first new token stands behind P old ones, at position P": (
        _both(lambda rows, start: _turn(rows))
    ),
    "you turned the queries from position 0 on: they stand at the same positions as the new keys, from P on": (
        _read(query=lambda rows, start: _turn(rows))
    ),
    "you turned the new keys from position 0 on: they stand at the same positions as the queries, from P on": (
        _read(key=lambda rows, start: _turn(rows))
    ),
    "your positions are one too large: counted from 0, the first new token stands at P, not at P + 1": (
        _both(lambda rows, start: _turn(rows, start + 1))
    ),
    "your positions are one too small: counted from 0, P old tokens stand at 0 to P - 1, and the first new one at P": (
        _both(lambda rows, start: _turn(rows, start - 1))
    ),
    "you gave all new tokens the same place, P: they stand at P, P + 1, and so on": (
        _both(lambda rows, start: _turn(rows, start, 0))
    ),
    "you gave all new tokens the same place, the last one: they stand at P, P + 1, and so on": (
        _both(lambda rows, start: _turn(rows, start + len(rows) - 1, 0))
    ),
    "you gave all queries the same place, P: each stands where its own token does": (
        _read(query=lambda rows, start: _turn(rows, start, 0))
    ),
    "you gave all queries the same place, the last one: each stands where its own token does": (
        _read(query=lambda rows, start: _turn(rows, start + len(rows) - 1, 0))
    ),
    "you turned new tokens by places that begin at T: they begin at P, the number of old tokens": (
        _both(lambda rows, start: _turn(rows, len(rows)))
    ),
    "you turned the wrong way round: backwards, by minus the angle": _both(lambda rows, start: _turn(rows, -start, -1)),
    "you turned the old keys once more: they were turned when they came": _turn_all_again,
    "you turned the old keys once more for the scores: they were turned when they came": _old_keys_again_for_scores,
    "you turned nothing: queries and new keys are turned to their positions": _both(lambda rows, start: rows),
    "you did not turn the new keys": _read(key=lambda rows, start: rows),
    "you turned the new keys twice": _read(key=lambda rows, start: _turn(_turn(rows, start), start)),
    "you kept the new keys as they came: turn them before they are kept, the next call will not": (
        _given(lambda out, keys, values, k, n_past: (out, torch.cat((keys[:n_past], k)), values))
    ),
    "you did not turn the queries": _read(query=lambda rows, start: rows),
    "you turned the values, too: position belongs to queries and keys": _read(value=_turn),
    "your mask is aligned at the top left: the new tokens are the last ones, so say tril(P)": (
        _read(shift=lambda n_past, n_new: 0)
    ),
    "you used no mask: of several new tokens, the first must not see the second": (
        _read(shift=lambda n_past, n_new: None)
    ),
    "you used no mask where there are old tokens: of several new tokens, the first must not see the second": (
        _read(shift=lambda n_past, n_new: None if n_past else 0)
    ),
    "your mask hides each token from itself: say tril(P)": _read(shift=lambda n_past, n_new: n_past - 1),
    "your mask lets each token see one ahead: say tril(P)": _read(shift=lambda n_past, n_new: n_past + 1),
    "your mask begins at T, the number of new tokens: say tril(P), not tril(T)": (
        _read(shift=lambda n_past, n_new: n_new)
    ),
    "your mask is turned the wrong way round: it hides what may be seen, and shows the future": (
        _read(mask=lambda scores, seen: scores.masked_fill(seen, -torch.inf))
    ),
    "your mask is turned over: triu shows the tokens from its own on, tril those up to it": (
        _read(mask=lambda scores, seen: scores.masked_fill(seen.tril(seen.shape[1] - len(seen) - 1), -torch.inf))
    ),
    "you masked after the softmax: a row no longer sums to 1; set the scores to minus infinity before the softmax": (
        _read(mask=_masked_after_the_softmax, weigh=lambda weights: weights)
    ),
    "your mask sets hidden scores to 0: e to the 0 is 1, so they still count; set them to minus infinity": (
        _read(mask=lambda scores, seen: scores * seen)
    ),
    "you added the mask's ones and zeros to the scores: what is hidden must become minus infinity": (
        _read(mask=lambda scores, seen: scores + seen)
    ),
    "you looked at the new tokens only: the old keys and values belong to it": _read(only_new=True),
    "you forgot to divide the scores by the root of D": _read(scale=lambda q, n_keys: 1),
    "you divided by D: it is the root of D": _read(scale=lambda q, n_keys: q.shape[1]),
    "you multiplied by the root of D: divide the scores by it": _read(scale=lambda q, n_keys: q.shape[1] ** -0.5),
    "you divided by the root of the number of keys, P + T: it is the root of D, the channels of a query": (
        _read(scale=lambda q, n_keys: n_keys**0.5)
    ),
    "you divided by the root of T, the number of new tokens: it is the root of D, the channels of a query": (
        _read(scale=lambda q, n_keys: len(q) ** 0.5)
    ),
    **{
        f"you divided by a number of your own, {number}, whatever D is: it is the root of D": (
            _read(scale=lambda q, n_keys, number=number: number)
        )
        for number in (2, 8)
    },
    "you divided by the root of D after the softmax: divide the scores, before it": (
        _read(scale=lambda q, n_keys: 1, mix=lambda weights, keys, values: weights @ values / values.shape[1] ** 0.5)
    ),
    "your softmax runs over the queries: each row must sum to 1, dim=-1": _read(weigh=lambda scores: scores.softmax(0)),
    "you forgot the softmax: scores are no weights yet": (
        _read(mask=lambda scores, seen: scores * seen, weigh=lambda scores: scores)
    ),
    "you mixed the keys in place of the values": _read(mix=lambda weights, keys, values: weights @ keys),
    "you put the new tokens before the old ones": _read(join=lambda past, new: torch.cat((new, past))),
    "you gave back the new keys and values only: give all, the next call will need them": (
        _given(lambda out, keys, values, k, n_past: (out, keys[n_past:], values[n_past:]))
    ),
    "you gave back the old keys and values only: give all, the next call will need them": (
        _given(lambda out, keys, values, k, n_past: (out, keys[:n_past], values[:n_past]))
    ),
    "you exchanged keys and values where you give them back: the keys come before the values": (
        _given(lambda out, keys, values, k, n_past: (out, values, keys))
    ),
    "you gave the mixed values last: first what is mixed, then all keys, then all values": (
        _given(lambda out, keys, values, k, n_past: (keys, values, out))
    ),
    "you gave the mixed values alone: give all keys and all values behind them": (
        _given(lambda out, keys, values, k, n_past: out)
    ),
}
