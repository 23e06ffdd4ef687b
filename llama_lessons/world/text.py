"""Reading the world's text files, and the small grammar that every page of it needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from llama_lessons.files import data_path

WOMAN = {"he": "she", "his": "her", "him": "her"}
MAN = {"he": "he", "his": "his", "him": "him"}
THING = {"he": "it", "his": "its", "him": "it"}


class WorldError(ValueError):
    """A file of the world cannot be used: says which file, which line, what is wrong and what to do."""

    def __init__(self, path: Path, line: int, trouble: str) -> None:
        super().__init__(f"{path}, line {line}: {trouble}")


def world_file(name: str) -> Path:
    """Path of a file below data/world/."""
    return data_path(f"world/{name}")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text) of each line that is neither empty nor a comment."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield number, text


def fields(name: str) -> dict[str, str]:
    """The "key: value" lines of a file below data/world/, in its order.

    Raises:
        WorldError: a line is not of that form, or a key stands twice.
    """
    path, found = world_file(name), {}
    for number, line in numbered_lines(path):
        key, _, value = (part.strip() for part in line.partition(":"))
        if not key or not value or key in found:
            raise WorldError(path, number, f"expected 'name: words' with a new name, got {line!r}")
        found[key] = value
    return found


def with_article(noun: str) -> str:
    """ "a" or "an" in front of a noun: all words of the world begin as they sound."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
