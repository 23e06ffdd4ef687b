"""A load holds the model once: never a second copy of it beside the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reference.checkpoint_memory import KINDS, measure_load, write

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc")


@pytest.mark.parametrize("kind", KINDS)
def test_a_load_takes_at_most_1_15_times_the_checkpoints_bytes(kind: str, tmp_path: Path):
    n_bytes = write(kind, tmp_path / "checkpoint", megabytes=200)
    peak, _ = measure_load(tmp_path / "checkpoint")
    assert 0.9 < peak / n_bytes <= 1.15  # below 0.9 the measurement itself would be wrong: the weights are copied
