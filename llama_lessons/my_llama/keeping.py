"""What passed its check is kept: in a file of the learner's own folder, or, elsewhere, for this session only."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from llama_lessons.files import atomic, learners_folder
from llama_lessons.my_llama.parts import PARTS
from llama_lessons.my_llama.sources import CannotStandAlone, self_contained

FOLDER = "my_llama"


class Kept(NamedTuple):
    """A part that passed its check.

    Args:
        owner: "yours", or "solution" for a lesson's own.
        text: its source, which can stand alone.
        since: when it passed; empty where nothing was written.
    """

    owner: str
    text: str
    since: str = ""


session: dict[str, Kept] = {}  # what passed in this kernel


def folder() -> Path | None:
    """Where a learner's parts lie: beside the page that is being worked in; None for a page that is nobody's own."""
    here = learners_folder()
    return here / FOLDER if here else None


def keep(reference: Callable, answer: Callable) -> None:
    """Keep an answer that passed, if it is a part of a Llama; an earlier one is replaced.

    Args:
        reference: what it was compared with, which tells the part.
        answer: the learner's function or class, or a solution, whose name begins with `solved`.
    """
    check = f"{getattr(reference, '__module__', '').rpartition('.')[2]}.{getattr(reference, '__name__', '')}"
    name = next((name for name, part in PARTS.items() if part.check == check), None)
    if name is None:
        return
    owner = "solution" if getattr(answer, "__name__", "").lower().startswith("solved") else "yours"
    where = folder() if owner == "yours" else None
    try:
        text = self_contained(answer, PARTS[name].slot)
    except Exception as trouble:  # whatever a notebook may hold: a verdict does not suffer from it
        if where and isinstance(trouble, CannotStandAlone):
            print(f"It is not kept for your own Llama: {trouble}.")
        return
    if owner == "yours" or name not in session or session[name].owner == "solution":
        session[name] = Kept(owner, text)
    if where:
        _write(where / f"{name}.py", name, text)


def _write(path: Path, name: str, text: str) -> None:
    since = datetime.now().strftime("%Y-%m-%d %H:%M")
    head = f"# {name} of your own Llama, from lesson {PARTS[name].lesson}. Its check passed on {since}.\n"
    with suppress(OSError):  # a folder that is read-only
        with atomic(path) as draft:
            draft.write_text(head + text, encoding="utf-8")
        print(f"Kept for your own Llama: {path.parent.name}/{path.name}")


def kept(where: Path | None = None) -> dict[str, Kept]:
    """The parts that there are, by name: the learner's own before a page's solutions.

    Args:
        where: the folder that they lie in; None takes that of the page which is being worked in.
    """
    found, where = dict(session), where or folder()
    for name in PARTS if where else ():
        if name not in found or found[name].owner == "solution":
            with suppress(OSError, UnicodeDecodeError):
                text = (where / f"{name}.py").read_text(encoding="utf-8")
                since = re.search(r"passed on ([\d: -]+\d)", text.partition("\n")[0])
                found[name] = Kept("yours", text, since[1] if since else "")
    return {name: found[name] for name in PARTS if name in found}
