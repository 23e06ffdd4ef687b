"""The rules of the house for `llama_lessons/`: which way imports run, what is documented, how long things may be."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "llama_lessons"
FILES = sorted(PACKAGE.rglob("*.py"))

# A module imports only from levels below its own; a folder counts as one module, inside it any order is fine.
LEVELS = (
    {"processes"},
    {
        "config",
        "device",
        "files",
        "fused_loss",
        "hub",
        "mmlu",
        "muon",
        "page",
        "paper",
        "schedule",
        "tokenizer_training",
    },
    {
        "arithmetic",
        "feed_forward",
        "folders",
        "my_llama",
        "norm",
        "optimizers",
        "prompt",
        "rope",
        "tokenizer",
        "training_state",
    },
    {"attention", "batches", "dialog", "score", "sharded_state", "world"},
    {"model", "static_cache"},
    {"quantization"},
    {"checkpoints", "sampling", "training", "compiled"},
    {"generate", "lora", "parallel"},
    {"chat", "evaluation"},
    {"rlhf"},
    {"checks", "widgets", "pretrain", "release"},
    {"align"},
)
LEVEL = {module: level for level, modules in enumerate(LEVELS) for module in modules}

HELPERS = ("world", "align", "checks", "my_llama", "widgets")  # folders that are not the core of the package
KNOW_THE_WORLD = (*HELPERS, "pretrain", "release")  # what else is in the package works with any texts and any exam
MAX_CORE = 4500  # lines of code, with all fifteen lessons
MAX_FILE, MAX_FUNCTION = 200, 30  # lines; a function's without its docstring
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
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
    troubles = [f"{module} (level {LEVEL[module]}) imports {other} (level {LEVEL.get(other)})" for other in wrong]
    if module not in KNOW_THE_WORLD and "world" in imported(tree):
        troubles.append(f"{module} imports the world: let it take texts, or an exam, as an argument")
    return troubles


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


def code_lines(text: str) -> int:
    """Lines that hold code: no docstrings, no comments, no blanks."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    held = {line for token in tokens if token.type not in LAYOUT for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            held -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(held)


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


def test_the_core_stays_small():
    core = [path for path in FILES if module_of(path) not in HELPERS]
    assert sum(code_lines(path.read_text(encoding="utf-8")) for path in core) <= MAX_CORE


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
        ("evaluation", "from llama_lessons.world import Exam", False),
        ("evaluation", "def late():\n    import llama_lessons.world.exams", False),
        ("generate", "from llama_lessons import world", False),
        ("checks", "from llama_lessons.world import Exam", True),
        ("widgets", "from llama_lessons.world import load_valley", True),
        ("pretrain", "from llama_lessons.world import make_documents", True),
        ("world", "from llama_lessons.world.draw import Draw", True),
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


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("", 0),
        ('"""A module.\n\nMore.\n"""\n\nx = 1  # why\n', 1),
        ("# why\n\nx = [\n    1,\n    # two\n    2,\n]\n", 4),
        ('def f():\n    """What."""\n    return 1\n', 2),
        ('class C:\n    """What.\n\n    Args:\n    """\n\n    x = """not a\n    docstring"""\n', 3),
    ],
)
def test_only_code_is_counted(code: str, lines: int):
    assert code_lines(code) == lines


def readme_tree() -> dict[str, str]:
    """The captioned tree of README.md: names of files and folders, each with what is said of it."""
    _, _, section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## What lies where\n")
    tree: dict[str, str] = {}
    for line in section.partition("\n## ")[0].splitlines():
        if entry := re.fullmatch(r" {4,}(\S+) {2,}(\S.*)", line):
            name, caption = entry.groups()
            tree[name] = caption
        elif line.startswith(" " * 28):
            tree[name] += " " + line.strip()
    return tree


def test_readme_names_every_module_and_nothing_else():
    named = set(readme_tree()) | set(re.findall(r"\w+\.(?:py|md|txt)\b", " ".join(readme_tree().values())))
    modules = {f"{module_of(path)}{'/' if path.parent != PACKAGE else '.py'}" for path in FILES} - {"__init__.py"}
    assert modules - named == set()
    places = (ROOT, PACKAGE, PACKAGE / "checkpoints", ROOT / "tests", ROOT / "tools", ROOT / "data", ROOT / "notebooks")
    nowhere = {name for name in named if not any((place / name).exists() for place in places)}
    assert nowhere <= {"NN_name.py", "X.py", "test_X.py"}


WHERE = {
    "top-p": "sampling.py",
    "cosine": "schedule.py",
    "Muon": "optimizers.py",
    "who calls a weight what": "checkpoints/",
    "bytes of weights and KV cache": "arithmetic.py",
    "loss mask": "batches.py",
    "red-team": "world/",
    "what a page may hold": "hygiene.py",
    "Wilson": "score.py",
    "GPU hours": "paper.py",
    "causal mask": "attention.py",
    "stop ids": "generate.py",
    "presets": "config.py",
    "BPE": "tokenizer.py",
    "peft": "lora/",
    "resumed": "training.py",
    "few-shot": "mmlu.py",
    "print alike": "page.py",
    "memory given back": "device.py",
    "mistakes": "checks/",
    "live views": "widgets/",
    "oracles": "tests/",
    "solutions": "tools/",
}


@pytest.mark.parametrize("what", WHERE)
def test_readme_says_where_it_is_and_nowhere_else(what: str):
    assert [name for name, caption in readme_tree().items() if what.lower() in caption.lower()] == [WHERE[what]]
