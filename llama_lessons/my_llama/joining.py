"""One file of Python, made of the learner's own parts and, where there is none, of the course's."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from llama_lessons.my_llama.keeping import Kept
from llama_lessons.my_llama.parts import PARTS

PAGES = [Path(__file__).with_name(f"{name}.py") for name in ("model", "writing", "learning")]
MARK = re.compile(r"(?m)^# (?:Part: (\w+)|Around the parts: (.*))$")
WHOSE = {"yours": "yours", "solution": "a solution of the lesson"}


def one_file(parts: dict[str, Kept], learning: bool = True) -> str:
    """The text of a Llama that needs nothing of the course.

    Args:
        parts: the learner's, by name; a text that is no Python raises SyntaxError.
        learning: with what trains it.
    """
    heads, sections, main = [], [], ""
    for page in PAGES if learning else PAGES[:2]:
        text, _, end = page.read_text(encoding="utf-8").partition('if __name__ == "__main__":')
        main = main or (f'if __name__ == "__main__":{end}' if end else "")
        head, *marked = MARK.split(text)
        heads.append(head)
        sections += [(name, note, body.strip()) for name, note, body in zip(*[iter(marked)] * 3, strict=True)]
    file = _File(heads, [body for name, _, body in sections if name not in parts])
    for name, note, body in sections:
        if name is None:
            file.add(f"# The course's: {note}", body)
        elif name in parts:
            file.add(_whose(name, parts[name]), *file.fitted(name, parts[name].text))
        else:
            file.add(f"# {name}, lesson {PARTS[name].lesson}: the course's", body)
    return file.text(main)


def learning_parts() -> set[str]:
    """Names of the parts that train a model, or adapt it."""
    return {name for name, _ in MARK.findall(PAGES[-1].read_text(encoding="utf-8")) if name}


def _whose(name: str, part: Kept) -> str:
    since = f", since {part.since}" if part.since else ""
    return f"# {name}, lesson {PARTS[name].lesson}: {WHOSE[part.owner]}{since}"


class _File:
    """A file that grows: imports are gathered at its top, and no name is given to two things.

    Args:
        heads: beginnings of pages, with their docstrings and imports; the first one's docstring is the file's.
        fixed: what will stand in it whatever the learner wrote.
    """

    def __init__(self, heads: list[str], fixed: list[str]) -> None:
        self.title = ast.get_docstring(ast.parse(heads[0]), clean=False)
        self.imports: list[str] = []
        self.sections: list[str] = []
        self.taken: dict[str, str] = {}  # names and what they stand for
        for head in heads:
            for node in ast.parse(head).body[1:]:
                self._import(node)
        for body in fixed:
            for node in ast.parse(body).body:
                self.taken |= dict.fromkeys(_names(node), ast.unparse(node))

    def _import(self, node: ast.stmt) -> None:
        line = ast.unparse(node)
        if "llama_lessons" not in line and line not in self.imports:
            self.imports.append(line)

    def fitted(self, part: str, text: str) -> list[str]:
        """The definitions of a learner's part; a name that stands for something else already gets another."""
        lines, bodies = text.splitlines(), []
        nodes = ast.parse(text).body
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
        nodes = [node for node in nodes if not isinstance(node, ast.Import | ast.ImportFrom)]
        renamed = {}
        for node in nodes:
            for name in _names(node):
                if name != PARTS[part].slot and self.taken.get(name, said := ast.unparse(node)) != said:
                    renamed[name] = f"{name}_of_{part}"
        for node in nodes:
            names, said = _names(node), ast.unparse(node)
            if names and all(self.taken.get(name) == said for name in names):
                continue  # another part has brought it
            self.taken |= {renamed.get(name, name): said for name in names}
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
            bodies.append(_renamed("\n".join(lines[first - 1 : node.end_lineno]), renamed))
        return bodies

    def add(self, heading: str, *bodies: str) -> None:
        """Put a section at the end, under a line that says whose it is."""
        self.sections.append(f"{heading}\n" + "\n\n\n".join(bodies))

    def text(self, main: str) -> str:
        """All of it."""
        future, imports = self.imports[0], sorted(self.imports[1:], key=lambda line: line.split()[1])
        title = f'"""{self.title}"""'
        return "\n\n\n".join([f"{title}\n\n{future}\n\n" + "\n".join(imports), *self.sections, main.rstrip()]) + "\n"


def _names(node: ast.stmt) -> list[str]:
    """What a statement at the top of a file defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _renamed(text: str, names: dict[str, str]) -> str:
    """A definition that uses other names, wherever it uses these."""
    if not names:
        return text
    lines = [line.encode() for line in text.splitlines()]  # Python counts columns in bytes
    places = []
    for node in ast.walk(ast.parse(text)):
        name = getattr(node, "id", getattr(node, "arg", getattr(node, "name", None)))
        if name in names and not isinstance(node, ast.keyword):
            line = lines[node.lineno - 1]
            start = node.col_offset
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                start = line.index(name.encode(), line.index(b" ", start))
            places.append((node.lineno - 1, start, name))
    for line, start, name in sorted(places, reverse=True):
        end = start + len(name.encode())
        lines[line] = lines[line][:start] + names[name].encode() + lines[line][end:]
    return b"\n".join(lines).decode()
