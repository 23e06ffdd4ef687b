"""Lesson 12, exercise 3: names that leave the folder."""

from __future__ import annotations

import ntpath
import os
import posixpath
import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from llama_lessons.checks.release import check_leaves_folder
from tests.answers.bank import Bank

bank = Bank(check_leaves_folder)


@bank.right
def by_pathlib(name):
    return any(path.anchor != "" or ".." in path.parts for path in (PurePosixPath(name), PureWindowsPath(name)))


@bank.right
def by_pattern(name):
    return re.search(r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)", name) is not None


@bank.right
def by_windows_alone(name):
    return PureWindowsPath(name).anchor != "" or ".." in PureWindowsPath(name).parts


@bank.wrong('you looked for ".." in the text, and forgot')
def dots(name):
    return ".." in name


@bank.wrong('you looked for ".." in the text: in')
def dots_and_roots(name):
    return ".." in name or name[:1] in ("/", "\\") or bool(ntpath.splitdrive(name)[0])


@bank.wrong("you know Linux only")
def linux(name):
    return name.startswith("/") or ".." in name.split("/")


@bank.wrong("you asked pathlib for Linux only")
def absolute(name):
    return PurePosixPath(name).is_absolute()


@bank.wrong("you normalised the name, and know Linux only")
def normalised(name):
    return os.path.normpath(name).startswith("..") or os.path.isabs(name)


@bank.wrong("you asked whether the name is absolute")
def absolute_anywhere(name):
    return ntpath.isabs(name) or posixpath.isabs(name)


@bank.wrong('you forgot "..": it leads one folder up')
def no_dots(name):
    return PureWindowsPath(name).anchor != ""


@bank.wrong('you looked for ".." between / only: on Windows')
def slashes_only(name):
    return ".." in name.split("/") or PureWindowsPath(name).anchor != ""


@bank.wrong("you forgot drives: on Windows")
def no_drives(name):
    return name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name)


@bank.wrong('you looked for "..", and forgot names that begin at a root')
def only_dots(name):
    return ".." in PureWindowsPath(name).parts


@bank.wrong("you looked at the beginning only")
def at_the_beginning(name):
    return by_pathlib(name) and (re.split(r"[/\\]", name)[0] == ".." or PureWindowsPath(name).anchor != "")


@bank.wrong("you gave True for names that stay")
def turned_round(name):
    return not by_pathlib(name)


@bank.wrong("you refused hidden files")
def hidden(name):
    return by_pathlib(name) or any(part.startswith(".") for part in re.split(r"[/\\]", name))


@bank.wrong()
def resolved(name):
    return not Path("/folder", name).resolve().is_relative_to("/folder")


@bank.wrong("returned None")
def found(name):
    return by_pathlib(name) or None


@bank.wrong()
def never(name):
    return False


@bank.wrong("you know one drive only")
def drive_c(name):
    return name[:1] in ("/", "\\") or name.lower().startswith("c:") or ".." in re.split(r"[/\\]", name)


@bank.wrong()
def drive_of_one_size(name):
    return name[:1] in ("/", "\\") or name.startswith("C:") or ".." in re.split(r"[/\\]", name)


@bank.wrong("you refused every name with a colon")
def any_colon(name):
    return ":" in name or by_pathlib(name)


@bank.wrong("returns a Match and should return a bool")
def a_match(name):
    return re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name)


@bank.wrong("where the name comes back in")
def by_depth(name):
    depth = 0
    for part in re.split(r"[/\\]", name):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return True
    return PureWindowsPath(name).anchor != ""
