"""The plots of the Valley's stories, read from data/world/plots.txt and made ready to be filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from llama_lessons.world.text import WorldError, numbered_lines

SLOT = re.compile(r"\{([^}]*)\}")
CAST = re.compile(r"A child|B child|L llama|V villager|V mender|V owner of L|V [a-z]+|T home of [LV]|thing|thing2")


@dataclass
class Plot:
    """One plot: who is in it, and how it goes on step by step.

    Args:
        name: for readers; a checker of stories never learns it.
        cast: what it needs: "A child", "L llama", "V owner of L", "thing" ...
        steps: for each step the ways to tell it, as %-templates: "%(A)s was %(a trait)s %(A.girl)s."
    """

    name: str
    cast: list[str] = field(default_factory=list)
    steps: list[list[str]] = field(default_factory=list)


def read_plots(path: Path, slots: set[str]) -> list[Plot]:
    """Read the plots; blocks without a cast are only there to be put into others with @name.

    Args:
        path: data/world/plots.txt.
        slots: the names a "{...}" may have.

    Returns:
        The plots that have a cast, in the order of the file.

    Raises:
        WorldError: a line cannot be understood, a slot or block is unknown; names file and line.
    """
    plots: list[Plot] = []
    blocks: dict[str, Plot] = {}
    last = ""
    for number, line in numbered_lines(path):
        if line.startswith("=="):
            plots.append(Plot(line.strip("= ")))
            blocks[plots[-1].name] = plots[-1]
            last = ""
        elif not plots:
            raise WorldError(path, number, f"expected '== name' before {line!r}")
        elif line.startswith("cast:"):
            plots[-1].cast = _cast(line, path, number)
        else:
            step, text = _step(line, path, number)
            _add(plots[-1], _ways(text, blocks, slots, path, number), step == last)
            last = step
    return [plot for plot in plots if plot.cast]


def _cast(line: str, path: Path, number: int) -> list[str]:
    cast = [part.strip() for part in line.removeprefix("cast:").split(";")]
    for part in cast:
        if not CAST.fullmatch(part):
            raise WorldError(path, number, f"do not know how to cast {part!r}; see the head of the file")
    return cast


def _step(line: str, path: Path, number: int) -> tuple[str, str]:
    """A step's number and one way to tell it."""
    step, _, text = line.partition(" ")
    if not step.isdigit() or not text:
        raise WorldError(path, number, f"expected '== name', 'cast: ...' or a step's number, got {line!r}")
    return step, text


def _ways(text: str, blocks: dict[str, Plot], slots: set[str], path: Path, number: int) -> list[list[str]]:
    """The steps that a line stands for: its own single way, or the steps of the block it names."""
    if text.startswith("@"):
        if text[1:] not in blocks:
            raise WorldError(path, number, f"no block '== {text[1:]}' above this line")
        return blocks[text[1:]].steps
    for slot in SLOT.findall(text):
        if slot not in slots:
            raise WorldError(path, number, f"unknown slot {{{slot}}}; see the head of the file for those there are")
    return [[SLOT.sub(r"%(\1)s", text.replace("%", "%%"))]]


def _add(plot: Plot, steps: list[list[str]], same_step: bool) -> None:
    if same_step:
        plot.steps[-1] = plot.steps[-1] + steps[0]
    else:
        plot.steps += [list(ways) for ways in steps]
