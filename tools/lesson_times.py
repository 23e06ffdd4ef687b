"""How long each lesson takes a reader, and what it takes of a machine: a table in data/, shown by two pages.

    python -m tools.lesson_times            runs every lesson once, writes data/tables/lesson_times.csv
    python -m tools.lesson_times --show     only brings README.md and TEACHING.md up to date with it

Reading is the words of the text at 200 a minute, and of code ten lines a minute, without solutions. Exercises take what
their headings say. Optional sections do not count. It runs on Linux.
"""

from __future__ import annotations

import argparse
import csv
import math
import re
import time
from pathlib import Path

import jupytext
from nbformat.v4 import new_code_cell
from tqdm.auto import tqdm

from llama_lessons.files import COURSE, data_path
from tools.build_notebooks import run
from tools.notebook_files import lessons, read_source, write_text
from tools.tables import write_table

TABLE = COURSE / "data/tables/lesson_times.csv"
WORDS_A_MINUTE, LINES_A_MINUTE = 200, 10
EXERCISE = re.compile(r"^#+ Exercise(?: \d+)? \((\d+) minutes", re.MULTILINE)
USED = """import os, re
from pathlib import Path
print(sum(os.times()[:4]), re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])"""
TITLES = ("lesson", "reading, minutes", "exercises, minutes", "Run All, seconds", "core-seconds", "memory, MB")
ROW = re.compile(r"^(\| (?:&emsp;)?\[[^\]]*\]\(notebooks/(\w+)\.ipynb\) \|.*\|)[^|]*\|$", re.MULTILINE)


def _to_read(source: Path) -> list[tuple[str, str]]:
    """The lines of a lesson with the kind of their cells, without solutions and optional sections."""
    lines, left_out = [], 0  # level of the optional section that one is in; 0 in none
    for cell in jupytext.read(source).cells:
        for line in cell.source.splitlines():
            heading = re.match(r"(#+) ", line) if cell.cell_type == "markdown" else None
            if heading and (not left_out or len(heading[1]) <= left_out):
                left_out = len(heading[1]) if "optional" in line else 0
            if not left_out and "solution" not in cell.metadata.get("tags", []):
                lines.append((cell.cell_type, line))
    return lines


def reading(source: Path) -> dict[str, int]:
    """Minutes that a lesson's text and its exercises take."""
    lines = _to_read(source)
    text, code = ("\n".join(line for kind, line in lines if kind == wanted) for wanted in ("markdown", "code"))
    n_words, n_lines = len(re.findall(r"\w+(?:['’.-]\w+)*", text)), len(re.findall(r"^.*\S", code, re.MULTILINE))
    minutes = round(n_words / WORDS_A_MINUTE + n_lines / LINES_A_MINUTE)
    return {"reading": minutes, "exercises": sum(map(int, EXERCISE.findall(text)))}


def running(source: Path) -> dict[str, int]:
    """What Run All takes with one thread: seconds, seconds of processor time, and MB at most (of the kernel alone)."""
    notebook = read_source(source)
    notebook.cells.append(new_code_cell(USED))
    start = time.monotonic()
    run(notebook, source, OMP_NUM_THREADS="1")  # two wait for each other, which costs
    seconds = time.monotonic() - start
    cpu, kilobytes = map(float, notebook.cells[-1].outputs[0].text.split())
    return {"seconds": round(seconds), "core_seconds": round(cpu), "mb": round(kilobytes / 1000)}


def saved() -> dict[str, dict[str, str]]:
    """The table: a lesson's name -> its row."""
    with data_path("tables/lesson_times.csv").open(newline="", encoding="utf-8") as file:
        return {row["lesson"]: row for row in csv.DictReader(file)}


def hours(row: dict[str, str]) -> str:
    """A reader's time, up to the next quarter of an hour: "1 h 15"."""
    minutes = 15 * math.ceil((int(row["reading"]) + int(row["exercises"])) / 15)
    return f"{minutes // 60} h {minutes % 60:02}"


def with_hours(readme: str) -> str:
    """README.md with its lessons' last column from the table."""
    rows = saved()
    return ROW.sub(lambda found: f"{found[1]} {hours(rows[found[2]])} |" if found[2] in rows else found[0], readme)


def with_machine(teaching: str) -> str:
    """TEACHING.md with its table."""
    head = f"| {' | '.join(TITLES)} |\n|{'---|' * len(TITLES)}\n"
    columns = ("reading", "exercises", "seconds", "core_seconds", "mb")
    rows = "".join(f"| {' | '.join([name, *(row[key] for key in columns)])} |\n" for name, row in saved().items())
    return re.sub(r"\| lesson \| reading.*?\n(?=\n)", lambda _: head + rows, teaching, count=1, flags=re.DOTALL)


def show() -> None:
    """Bring both pages up to date with the table."""
    for name, renewed in (("README.md", with_hours), ("TEACHING.md", with_machine)):
        write_text(COURSE / name, renewed((COURSE / name).read_text(encoding="utf-8")))


def main() -> None:
    """Command line: measure, unless the table shall only be shown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--show", action="store_true", help="measure nothing")
    if not parser.parse_args().show:
        rows = [{"lesson": s.stem} | reading(s) | running(s) for s in tqdm(lessons(), desc="lessons")]
        write_table(TABLE, rows)
    show()


if __name__ == "__main__":
    main()
