"""Everybody who has a name in the Valley, and the pronouns that go with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from llama_lessons.world.text import MAN, WOMAN, WorldError, numbered_lines

GROUPS = {
    "girls": ("girl", WOMAN),
    "boys": ("boy", MAN),
    "women": ("woman", WOMAN),
    "men": ("man", MAN),
    "she-llamas": ("llama", WOMAN),
    "he-llamas": ("llama", MAN),
}


@dataclass(frozen=True)
class Names:
    """The names of the Valley.

    Args:
        groups: "girls", "boys", "women", "men", "she-llamas", "he-llamas" -> names, in the order of the file.
        kinds: name -> "girl", "boy", "woman", "man" or "llama".
        pronouns: name -> its pronouns, with keys he, his, him.
    """

    groups: dict[str, list[str]]
    kinds: dict[str, str]
    pronouns: dict[str, dict[str, str]]

    @property
    def llamas(self) -> list[str]:
        """All llamas, the she-llamas first."""
        return self.groups["she-llamas"] + self.groups["he-llamas"]


def read_names(path: Path) -> Names:
    """Read data/world/names.txt: lines of "group: name name ...".

    Raises:
        WorldError: a group is unknown, or a name stands twice.
    """
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    kinds: dict[str, str] = {}
    pronouns: dict[str, dict[str, str]] = {}
    for number, line in numbered_lines(path):
        group, _, names = line.partition(":")
        if group not in GROUPS:
            raise WorldError(path, number, f"unknown group {group!r}; there are {', '.join(GROUPS)}")
        for name in names.split():
            if name in kinds:
                raise WorldError(path, number, f"the name {name} stands twice: every name belongs to one group")
            groups[group].append(name)
            kinds[name], pronouns[name] = GROUPS[group]
    return Names(groups, kinds, pronouns)
