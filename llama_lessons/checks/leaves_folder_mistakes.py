"""Wrong ideas of which names leave a folder, lesson 12, each under the words that who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import ntpath
import posixpath
import re
from collections.abc import Callable
from pathlib import PurePosixPath


def _slashed(name: str) -> list[str]:
    return name.split("/")


def _parts(name: str) -> list[str]:
    return re.split(r"[/\\]", name)


def _either(*tests: Callable[[str], bool]) -> Callable:
    return lambda name: any(test(name) for test in tests)


def _dots(name: str) -> bool:
    return ".." in _parts(name)


def _slash(name: str) -> bool:
    return name.startswith("/")


def _backslash(name: str) -> bool:
    return name.startswith("\\")


def _drive(name: str) -> bool:
    return bool(re.match("[A-Za-z]:", name))


LEAVES_MISTAKES = {
    'you looked at the beginning only: ".." leads up wherever it stands': (
        _either(lambda name: _parts(name)[0] == "..", _slash, _backslash, _drive)
    ),
    'you looked for ".." at the beginning of the text: it must be a whole part, and it counts wherever it stands': (
        _either(lambda name: name.startswith(".."), _slash, _backslash, _drive)
    ),
    'you looked for ".." in the text: in "notes..txt" it is no part of its own': (
        _either(lambda name: ".." in name, _slash, _backslash, _drive)
    ),
    'you looked for "../" in the text: ".." may be the last part, and a part may end in two dots': (
        _either(lambda name: "../" in name, _slash, _backslash, _drive)
    ),
    'you looked for "../" and "..\\" in the text: ".." may be the last part': (
        _either(lambda name: "../" in name or "..\\" in name, _slash, _backslash, _drive)
    ),
    'you looked for parts that begin with "..": "..hidden" is an honest name': (
        _either(lambda name: any(part.startswith("..") for part in _parts(name)), _slash, _backslash, _drive)
    ),
    'you forgot "..": it leads one folder up': _either(_slash, _backslash, _drive),
    'you looked for ".." between / only: on Windows parts stand between \\ as well': (
        _either(lambda name: ".." in _slashed(name), _slash, _backslash, _drive)
    ),
    'you looked for "..", and forgot names that begin at a root or a drive': _dots,
    'you looked for ".." in the text, and forgot names that begin at a root or a drive': lambda name: ".." in name,
    'you looked for ".." between / only, and forgot names that begin at a root or a drive': (
        lambda name: ".." in _slashed(name)
    ),
    "you forgot names that begin with /: they begin at the root": _either(_dots, _backslash, _drive),
    "you forgot names that begin with \\: on Windows they begin at the root": _either(_dots, _slash, _drive),
    'you forgot drives: on Windows "C:" leads away from the folder': _either(_dots, _slash, _backslash),
    'you forgot drives without a slash: "c:evil.txt" leads to another drive, too': (
        _either(_dots, lambda name: ntpath.isabs(name) or (ntpath.splitdrive(name)[0] and name[2:3] in ("/", "\\")))
    ),
    "you know one drive only: any letter may stand before the colon": (
        _either(_dots, _slash, _backslash, lambda name: name[:2].upper() == "C:")
    ),
    "you refused every name with a colon: a drive's stands behind the first letter": (
        _either(_dots, _slash, _backslash, lambda name: ":" in name)
    ),
    "you know Linux only: on Windows there are drives, and \\ stands between parts": (
        _either(lambda name: ".." in _slashed(name), _slash)
    ),
    "you asked pathlib for Linux only: PureWindowsPath knows drives and \\": (
        lambda name: bool(PurePosixPath(name).anchor)
    ),
    "you asked whether the name is absolute: what leads up is not": (
        lambda name: posixpath.isabs(name) or ntpath.isabs(name)
    ),
    'you let ".." pass where the name comes back in: refuse it wherever it stands, no honest packer writes it': (
        _either(lambda name: _parts(posixpath.normpath(name.replace("\\", "/")))[0] == "..", _slash, _backslash, _drive)
    ),
    "you normalised the name, and know Linux only": (
        _either(lambda name: posixpath.normpath(name).startswith(".."), _slash)
    ),
    "you refused names with ~: that is the home folder to a shell, and a plain letter in an archive": (
        _either(_dots, _slash, _backslash, _drive, lambda name: name.startswith("~"))
    ),
    'you refused ".", which is the folder itself': (
        _either(lambda name: {".", ".."} & set(_parts(name)) != set(), _slash, _backslash, _drive)
    ),
    "you refused hidden files: they stay in the folder": (
        _either(_dots, _slash, _backslash, _drive, lambda name: any(part.startswith(".") for part in _parts(name)))
    ),
    "you refused every name with a \\": _either(_dots, _slash, _drive, lambda name: "\\" in name),
    "you refused every name with an empty part": _either(_dots, _drive, lambda name: "" in _parts(name)),
    "you gave True for names that stay, and False for those that leave": (
        lambda name: not _either(_dots, _slash, _backslash, _drive)(name)
    ),
}
