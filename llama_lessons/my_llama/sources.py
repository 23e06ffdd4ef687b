"""The source of an answer with all that it needs from its notebook, so that it can stand in a file of its own."""

from __future__ import annotations

import ast
import builtins
import linecache
import math
import symtable
import sys
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

import torch
from torch import nn

BORROWED = {  # what the lessons give, and what of the learner's own Llama takes its place
    "llama_lessons.rope.rope_angles": (
        "def rope_angles(positions, head_dim, theta=10_000.0):\n    return my_angles(positions, head_dim, theta)"
    ),
    "llama_lessons.rope.rotate": "def rotate(x, cos, sin):\n    return my_rotate(x, cos, sin)",
}
HOMES = (torch, nn, nn.functional, math)  # where names of libraries are looked for first
PLAIN = (bool, int, float, str, type(None), list, tuple, dict, set)


class CannotStandAlone(Exception):
    """An answer needs something that no file can hold; the message says what, and what to do."""


def self_contained(answer: Callable, slot: str) -> str:
    """The source of an answer, behind the imports, constants and functions that it uses.

    Args:
        answer: a function or class of a notebook or module.
        slot: the name that it must have at the end; a line gives it if its own is another.

    Raises:
        CannotStandAlone: it uses something else, such as a model, or its source is not to be had.
    """
    if not hasattr(answer, "__name__"):
        raise CannotStandAlone(f"{_a(answer)} has no source: write a `def` or `class`")
    found: dict[str, str] = {}
    _collect(answer, found)
    imports = sorted(line for line in set(found.values()) if line.startswith(("import ", "from ")))
    others = [text for text in found.values() if text not in imports]
    if answer.__name__ != slot:
        others.append(f"{slot} = {answer.__name__}")
    return "\n\n\n".join(["\n".join(imports), *others] if imports else others) + "\n"


def _collect(answer: Any, found: dict[str, str]) -> None:
    """Put what an answer needs into `found`, by name, and the answer itself behind it."""
    name, text = answer.__name__, _definition(answer)
    known = vars(sys.modules[answer.__module__]) if isinstance(answer, type) else answer.__globals__
    found[name] = ""  # its place is taken: it may call itself
    for needed in sorted(_names_from_outside(text)):
        if needed in known and needed not in found:
            _collect_name(needed, known[needed], name, found)
        elif needed not in known and not hasattr(builtins, needed):
            raise CannotStandAlone(f"it uses `{needed}`, which is not defined")
    del found[name]
    found[name] = text


def _collect_name(name: str, value: Any, user: str, found: dict[str, str]) -> None:
    """The line or lines that define one name."""
    module, own = getattr(value, "__module__", None) or "", getattr(value, "__name__", None)
    if f"{module}.{own}" in BORROWED:
        found[name] = BORROWED[f"{module}.{own}"]
    elif isinstance(value, ModuleType):
        _allow(value.__name__, name, user)
        found[name] = f"import {value.__name__}" + (f" as {name}" if name != value.__name__ else "")
    elif home := next((home.__name__ for home in HOMES if vars(home).get(own or name) is value), None):
        found[name] = f"from {home} import {own or name}" + (f" as {name}" if own not in (None, name) else "")
    elif type(value) in PLAIN and _same_when_written(value):
        found[name] = f"{name} = {value!r}"
    elif isinstance(value, torch.dtype):
        found["torch"], found[name] = "import torch", f"{name} = {value!r}"
    elif own == name and (
        module == "__main__" or module.startswith("llama_lessons") or _same_file(value, user, module)
    ):
        _collect(value, found)
    elif own and vars(sys.modules.get(module, ast)).get(own) is value:
        _allow(module, name, user)
        found[name] = f"from {module} import {own}" + (f" as {name}" if own != name else "")
    else:
        raise CannotStandAlone(
            f"{user} uses `{name}`, {_a(value)} of this notebook, which would be missing elsewhere: hand it over as an "
            "argument, or make it inside"
        )


def _same_file(value: Any, user: str, module: str) -> bool:
    return hasattr(sys.modules.get(module), user)


def _a(value: Any) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"


def _allow(module: str, name: str, user: str) -> None:
    top = module.partition(".")[0]
    if top != "torch" and top not in sys.stdlib_module_names:
        raise CannotStandAlone(f"{user} uses `{name}` of {top}, and your Llama shall run with PyTorch alone")


def _same_when_written(value: Any) -> bool:
    try:
        return ast.literal_eval(repr(value)) == value
    except (ValueError, SyntaxError):
        return False


def _code_of(answer: Any) -> CodeType | None:
    parts = [answer, *vars(answer).values()] if isinstance(answer, type) else [answer]
    return next((part.__code__ for part in parts if hasattr(part, "__code__")), None)


def _definition(answer: Any) -> str:
    """The lines that define a function or class, from the cell or file that they were written in."""
    code = _code_of(answer)
    lines = linecache.getlines(code.co_filename) if code else []
    for node in ast.parse("".join(lines)).body if lines else []:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == answer.__name__:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first <= code.co_firstlineno <= node.end_lineno:
                return "".join(lines[first - 1 : node.end_lineno]).rstrip()
    raise CannotStandAlone(f"the lines of {answer.__name__} were not found: write it as a `def` or `class` of its own")


def _names_from_outside(text: str) -> set[str]:
    """Names that a definition uses and does not define itself."""
    tables, names = [symtable.symtable(text, "answer", "exec")], set()
    while tables:
        table = tables.pop()
        at_top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (not symbol.is_assigned() if at_top else symbol.is_global()):
                names.add(symbol.get_name())
        tables += table.get_children()
    return names
