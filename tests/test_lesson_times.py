"""`tools/lesson_times.py`: what it counts and measures, and that both pages show its table."""

from __future__ import annotations

import re
from pathlib import Path

from llama_lessons.files import COURSE
from tools.lesson_times import hours, reading, running, saved, with_hours, with_machine
from tools.notebook_files import lessons

README = COURSE / "README.md"
LESSON = f"""# %% [markdown]
# # A lesson
# {"It's so. " * 150}
#
# ### Exercise 1 (10 minutes): this
# ### Exercise 2 (15 minutes; a hard one): that
# ## And this *(optional)*
# ### Exercise 3 (20 minutes): {"not read " * 400}
# %%
print("nor this")
# %% [markdown]
# ## The rest
# %%
held = bytearray(300_000_000)
{"held[0] = 1" + chr(10) * 2}{"held[1] = 2" + chr(10)}
# %% tags=["solution"]
{"held[2] = 3" + chr(10)}
"""


def lesson(folder: Path) -> Path:
    source = folder / "03_lesson.py"
    source.write_text(LESSON)
    return source


def test_words_and_exercises_are_counted(tmp_path: Path):
    n_words, n_lines = 2 + 2 * 150 + 5 + 8 + 2, 3
    assert reading(lesson(tmp_path)) == {"reading": round(n_words / 200 + n_lines / 10), "exercises": 25}


def test_what_a_lesson_holds_and_costs_is_measured(tmp_path: Path):
    used = running(lesson(tmp_path))
    assert 300 < used["mb"] < 1000
    assert 0 <= used["core_seconds"] < 60


def test_the_table_has_every_lesson_and_both_pages_show_it():
    assert list(saved()) == [source.stem for source in lessons()]
    for name, renewed in (("README.md", with_hours), ("TEACHING.md", with_machine)):
        text = (COURSE / name).read_text(encoding="utf-8")
        assert renewed(text) == text
        assert all(name in text for name in saved())
        assert renewed(text.replace(" 1 h ", " 7 h ").replace("| 4", "| 5")) == text


def test_the_readme_tells_every_lesson_s_hours():
    told = dict(re.findall(r"\(notebooks/(\d\w+)\.ipynb\) \|.*\| (\d h \d\d) \|$", README.read_text(), re.MULTILINE))
    assert told == {name: hours(row) for name, row in saved().items()}


def test_hours_are_to_a_quarter():
    assert [hours({"reading": str(a), "exercises": "20"}) for a in (13, 40, 98)] == ["0 h 45", "1 h 00", "2 h 00"]


def test_no_lesson_takes_more_than_two_hours_or_what_the_machine_may_give():
    for name, row in saved().items():
        assert int(row["core_seconds"]) <= 90 and int(row["mb"]) <= 1500, name
