"""The rules of the house for `llama_lessons/`: which way imports run, what is documented, how long things may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "llama_lessons"
FILES = sorted(PACKAGE.rglob("*.py"))

# A module imports only from levels below its own; a folder counts as one module, inside it any order is fine.
LEVELS = (
    {"config", "device", "files", "optimizers", "page", "paper", "tokenizer_training"},
    {"folders", "tokenizer", "prompt", "arithmetic", "norm", "rope", "feed_forward"},
    {"attention", "batches", "dialog", "world"},
    {"model", "static_cache"},
    {"checkpoints", "sampling", "training", "quantization", "parallel", "packed"},
    {"generate", "lora"},
    {"chat", "evaluation"},
    {"rlhf"},
    {"checks", "widgets", "pretrain", "release"},
)
LEVEL = {module: level for level, modules in enumerate(LEVELS) for module in modules}

HELPERS = ("world", "checks", "widgets")  # folders that do not count for the size of the package
MAX_PACKAGE, MAX_FILE, MAX_FUNCTION = 4000, 200, 30  # lines; a function's without its docstring
SHAPE = re.compile(r"\((?:\.\.\.|[A-Z\d])[^()]*\)|any shape|one number")


def module_of(path: Path) -> str:
    """The name that counts for the levels: the file's, or that of the folder it lies in."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(tree: ast.Module) -> Iterator[str]:
    """Modules of the package that a file imports, also inside functions; "." for a relative import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["llama_lessons.."] if node.level else [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] or "." for name in names if name.startswith("llama_lessons."))


def import_troubles(module: str, tree: ast.Module) -> list[str]:
    """What is wrong with the imports of a module's file."""
    if module == "__init__":
        return [f"__init__ imports {other}" for other in imported(tree)]
    if module not in LEVEL:
        return [f"{module} has no level: put it into the table, as low as it can stand"]
    wrong = (other for other in imported(tree) if other != module and LEVEL.get(other, 99) >= LEVEL[module])
    return [f"{module} (level {LEVEL[module]}) imports {other} (level {LEVEL.get(other)})" for other in wrong]


def public(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Public classes, functions and methods of a file, each with its name."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                methods = (item for item in node.body if isinstance(item, ast.FunctionDef))
                yield from ((f"{node.name}.{item.name}", item) for item in methods if not item.name.startswith("_"))


def docstring_troubles(tree: ast.Module) -> list[str]:
    """Public names without a docstring, and functions of tensors whose docstring states no shape."""
    troubles = [] if ast.get_docstring(tree) else ["the module has no docstring"]
    for name, node in public(tree):
        text = ast.get_docstring(node) or ""
        if not text:
            troubles.append(f"{name} has no docstring")
        elif isinstance(node, ast.FunctionDef) and _handles_tensors(node) and not SHAPE.search(text):
            troubles.append(f"{name} takes or returns tensors, and its docstring states no shape")
    return troubles


def _handles_tensors(function: ast.FunctionDef) -> bool:
    arguments = [*function.args.args, *function.args.kwonlyargs]
    annotations = [argument.annotation for argument in arguments] + [function.returns]
    return any(re.search(r"\bTensor\b", ast.unparse(annotation)) for annotation in annotations if annotation)


def length_troubles(text: str) -> list[str]:
    """A file or a function of it that is too long."""
    lines = len(text.splitlines())
    troubles = [f"{lines} lines, more than {MAX_FILE}"] if lines > MAX_FILE else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            lines = node.end_lineno - node.lineno + 1 - len((ast.get_docstring(node) or "").splitlines())
            if lines > MAX_FUNCTION:
                troubles.append(f"{node.name} has {lines} lines, more than {MAX_FUNCTION}")
    return troubles


each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())


@each_file
def test_imports_run_downwards(path: Path):
    assert import_troubles(module_of(path), ast.parse(path.read_text(encoding="utf-8"))) == []


@each_file
def test_public_names_are_documented_with_shapes(path: Path):
    assert docstring_troubles(ast.parse(path.read_text(encoding="utf-8"))) == []


@each_file
def test_files_and_functions_are_short(path: Path):
    assert length_troubles(path.read_text(encoding="utf-8")) == []


def test_package_stays_small():
    counted = [path for path in FILES if module_of(path) not in HELPERS]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in counted) < MAX_PACKAGE


@pytest.mark.parametrize(
    ("module", "line", "allowed"),
    [
        ("model", "from llama_lessons.attention import KVCache", True),
        ("model", "from llama_lessons import rope", True),
        ("checkpoints", "from llama_lessons.checkpoints.names import translate", True),
        ("attention", "from llama_lessons.model import Llama", False),
        ("attention", "from llama_lessons import model", False),
        ("attention", "import llama_lessons.model", False),
        ("norm", "from llama_lessons.rope import rotate", False),
        ("norm", "def late():\n    from llama_lessons.model import Llama", False),
        ("norm", "from .config import LlamaConfig", False),
        ("norm", "from llama_lessons.elsewhere import read", False),
        ("elsewhere", "import torch", False),
        ("__init__", "from llama_lessons.model import Llama", False),
    ],
)
def test_direction_of_imports_is_noticed(module: str, line: str, allowed: bool):
    assert (import_troubles(module, ast.parse(line)) == []) is allowed


@pytest.mark.parametrize(
    ("code", "documented"),
    [
        ('def turn(x: Tensor):\n    """Turn x, shape (T, D//2)."""', True),
        ('def turn(x: Tensor):\n    """Turn a row of numbers, any shape."""', True),
        ('def turn(x: int):\n    """Turn x (an angle)."""', True),
        ("def _turn(x: Tensor): ...", True),
        ("def turn(x: int): ...", False),
        ("class Turn: ...", False),
        ('class Turn:\n    """Turns."""\n\n    def back(self): ...', False),
        ('def turn(x: Tensor):\n    """Turn x (an angle)."""', False),
        ('def turn(x) -> tuple[Tensor, int]:\n    """Turn x."""', False),
        (
            'class Turn:\n    """Turns."""\n\n    def back(self, *, x: Tensor | None):\n        """Turn x back."""',
            False,
        ),
    ],
)
def test_missing_docstring_is_noticed(code: str, documented: bool):
    assert (docstring_troubles(ast.parse(f'"""A module."""\n{code}')) == []) is documented


@pytest.mark.parametrize(
    ("code", "short"),
    [
        ("def f():\n" + "    x = 1\n" * 29, True),
        ("def f():\n" + "    x = 1\n" * 30, False),
        ('def f():\n    """Text.\n' + "\n" * 40 + '    """\n', True),
        ("x = 1\n" * 200, True),
        ("x = 1\n" * 201, False),
    ],
)
def test_length_is_noticed(code: str, short: bool):
    assert (length_troubles(code) == []) is short
