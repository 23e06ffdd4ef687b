"""Shape comments that cannot rot: `x = ...  # (B, T, C)` is compared with the tensor, while real calls run."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path


def shape_comments(path: Path, letters: set[str]) -> dict[int, tuple]:
    """Assignments and returns with a shape beside them: line -> (names, none for a return; sizes as text)."""
    text, found = path.read_text(encoding="utf-8"), {}
    for node in ast.walk(ast.parse(text)):
        comment = re.search(r"#\s*\(([^()]*)\)", text.splitlines()[getattr(node, "end_lineno", 1) - 1])
        if comment and isinstance(node, ast.Assign | ast.Return):
            sizes = [re.sub(r"(\d) (?=[A-Z])", r"\1*", size.strip()) for size in comment[1].split(",") if size.strip()]
            targets = [n.id for t in getattr(node, "targets", []) for n in ast.walk(t) if isinstance(n, ast.Name)]
            if sizes and set(re.findall(r"[A-Za-z]\w*", " ".join(sizes))) <= letters:
                found[node.lineno] = targets, sizes
    return found


def trace(comments: dict[str, dict], sizes: dict[str, dict[str, int]], run: Callable) -> tuple[set, list[str]]:
    """Call `run`; return the (file, line) of what was compared, and what was wrong. `sizes` are of a file's letters."""
    seen, wrong = set(), []

    def enter(frame, event, value):
        file, last = frame.f_code.co_filename, None
        known = dict(sizes.get(file, {}))  # the other letters are learned in every call

        def step(frame, event, value):
            nonlocal last
            names, expected = comments[file].get(last, ([], []))  # that line is done when the next event comes
            made = [frame.f_locals.get(name) for name in names] or [value] * (event == "return")
            for shape in [tuple(tensor.shape) for tensor in made if expected and hasattr(tensor, "shape")]:
                seen.add((file, last))
                if not fits(shape, expected, known):
                    wrong.append(f"{Path(file).name}:{last} says ({', '.join(expected)}), but made {shape}")
            last = frame.f_lineno
            return step

        return step if file in comments else None

    sys.settrace(enter)
    try:
        run()
    finally:
        sys.settrace(None)
    return seen, wrong


def fits(shape: tuple[int, ...], expected: list[str], known: dict[str, int]) -> bool:
    """Whether a shape is what the comment says; a letter without a size takes it where it is first met."""
    if expected[0] == "...":
        shape, expected = shape[len(shape) - len(expected) + 1 :], expected[1:]
    if len(shape) != len(expected):
        return False
    known |= {e: size for size, e in zip(shape, expected, strict=True) if e.isidentifier() and e not in known}
    return all(size == eval(e, {}, defaultdict(int, known)) for size, e in zip(shape, expected, strict=True))
