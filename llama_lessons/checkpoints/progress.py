"""A bar for what takes long enough to wonder whether it still runs."""

from __future__ import annotations

from collections.abc import Sequence

from tqdm.auto import tqdm

QUIET_BELOW = 500_000_000  # bytes; less is read or written within two seconds


def bar_settings(n_bytes: int, what: str) -> dict:
    """Arguments for tqdm. Large work leaves `disable` unsaid, so that TQDM_DISABLE=1 is obeyed."""
    return {"desc": what} | ({"disable": True} if n_bytes < QUIET_BELOW else {})


def progress(items: Sequence, n_bytes: int, what: str) -> tqdm:
    """Iterate over items under a progress bar, which shows only if there are many bytes to move.

    Args:
        items: what to iterate over.
        n_bytes: size of it all.
        what: one word before the bar.
    """
    return tqdm(items, **bar_settings(n_bytes, what))
