"""What this machine can do for the lessons, in one table.

Nothing but Python itself is needed to import this, and nothing in it raises: what is missing or broken is a line of the
table, with what to do about it.
"""

from __future__ import annotations

from pathlib import Path

from llama_lessons.checks.environment import installation, machine
from llama_lessons.checks.environment.machine import memory_here
from llama_lessons.checks.environment.table import Environment, Finding

__all__ = ["Environment", "Finding", "check_environment", "memory_here"]

COURSE = Path(__file__).resolve().parents[3]
PROBES = (
    installation.python,
    installation.packages,
    installation.extras,
    installation.data,
    installation.folder,
    machine.processor,
    machine.memory,
    machine.device,
    machine.disk,
)


def check_environment(course: Path = COURSE) -> Environment:
    """Look at Python, packages, data, the course's folder, processor, memory, device and disk. It never raises.

    Args:
        course: the course's folder.

    Returns:
        The table, which shows itself in a notebook and in a terminal; its `ready` says whether lessons can run.
    """
    findings: list[Finding] = []
    for probe in PROBES:
        try:
            findings += probe(course)
        except Exception as error:  # whatever is broken: the other lines are wanted all the more
            trouble = f"could not be found out: {type(error).__name__}: {error}"
            findings.append(Finding(probe.__name__, trouble, state="note"))
    return Environment(tuple(findings))
