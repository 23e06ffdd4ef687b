"""The learner's own Llama as one file, to be taken home.

    python -m llama_lessons.my_llama export [FILE]      default: my_lessons/my_llama.py

It runs without the course, with PyTorch, and for texts sentencepiece: python my_llama.py FOLDER "Once upon a time".
Above each part a line says whose it is. What trains a model is in it where some of that is the learner's.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from llama_lessons.files import COURSE, atomic, check_file, learners_folder
from llama_lessons.my_llama.assembling import run
from llama_lessons.my_llama.joining import PAGES, learning_parts, one_file
from llama_lessons.my_llama.keeping import FOLDER, kept
from llama_lessons.my_llama.parts import PARTS

MY_LESSONS = COURSE / "my_lessons"  # unless one stands in another learner's folder
TITLE = PAGES[0].read_text(encoding="utf-8").splitlines()[0]  # begins every such file


def _is_ours(path: Path) -> None:
    if not path.read_text(encoding="utf-8").startswith(TITLE):
        raise ValueError("something else")


def export(path: Path, where: Path) -> str:
    """Write the file.

    Args:
        path: where to; an earlier one is replaced, anything else is not.
        where: the folder with the learner's parts.

    Returns:
        What was done, in a sentence.

    Raises:
        ValueError: path is a folder or something else, or a part is no Python any more.
    """
    check_file(path, _is_ours)
    parts = kept(where)
    for name in parts:
        try:
            run({name: parts[name]})
        except Exception as error:
            raise ValueError(f"{where / name}.py does not run ({type(error).__name__}: {error}): mend it") from error
    with atomic(path) as draft:
        draft.write_text(one_file(parts, learning=not learning_parts().isdisjoint(parts)), encoding="utf-8")
    return f"{path} written: {len(parts)} of {len(PARTS)} parts are yours"


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and do what it says; return the exit status."""
    parser = argparse.ArgumentParser(prog="llama_lessons.my_llama", description="Your own Llama as one file.")
    parser.add_argument("what", choices=["export"])
    home = learners_folder() or MY_LESSONS
    parser.add_argument("file", nargs="?", type=Path, default=home / f"{FOLDER}.py")
    options = parser.parse_args(arguments)
    try:
        print(export(options.file, home / FOLDER))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
