"""Wrong answers to lesson 01's exercise on decoding, each under the words that a reader who made it is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from itertools import pairwise


def _is_byte(piece: str) -> bool:
    return piece.startswith("<0x")


def _bytes(piece: str, space: str = " ", is_byte: Callable = _is_byte) -> bytes:
    return bytes.fromhex(piece[3:5]) if is_byte(piece) else piece.replace("▁", space).encode()


def _so_far(pieces: list[str], space: str = " ") -> list[str]:
    """All the text that is whole after each piece, with the space before the first word."""
    row = [_bytes(piece, space) for piece in pieces]
    return [b"".join(row[: k + 1]).decode(errors="ignore") for k in range(len(row))]


def _news(texts: list[str]) -> list[str]:
    return [text[len(before) :] for before, text in pairwise(["", *texts])]


def _start(texts: list[str]) -> list[str]:
    """The texts, without the space before the first word."""
    return [texts[0].removeprefix(" "), *texts[1:]] if texts else []


def _right(pieces: list[str]) -> list[str]:
    return _start(_news(_so_far(pieces)))


def _one_by_one(show: Callable) -> Callable:
    """A decoder that looks at each piece by itself."""
    return lambda pieces: _start([show(piece) for piece in pieces])


def _changed(change: Callable[[str], str]) -> Callable:
    """What is new with each piece, the first space included, each changed."""
    return lambda pieces: [change(text) for text in _news(_so_far(pieces))]


def _first_space_anywhere(pieces: list[str]) -> list[str]:
    texts = _news(_so_far(pieces))
    spaced = [k for k, text in enumerate(texts) if " " in text][:1]
    return [text.replace(" ", "", 1) if [k] == spaced else text for k, text in enumerate(texts)]


def _with_the_next_text(pieces: list[str]) -> list[str]:
    waiting, shown = b"", []
    for piece in pieces:
        text = "" if _is_byte(piece) else waiting.decode(errors="ignore") + piece.replace("▁", " ")
        waiting = waiting + _bytes(piece) if _is_byte(piece) else b""
        shown.append(text)
    return _start(shown)


def _in_groups(size: int) -> Callable:
    """A decoder that takes `size` bytes for one character."""

    def stream(pieces: list[str]) -> list[str]:
        waiting, shown = b"", []
        for piece in pieces:
            waiting += _bytes(piece) if _is_byte(piece) else b""
            text = "" if _is_byte(piece) else piece.replace("▁", " ")
            if len(waiting) == size:
                text, waiting = waiting.decode(errors="ignore"), b""
            shown.append(text)
        return _start(shown)

    return stream


def _bytes_are(is_byte: Callable[[str], bool]) -> Callable:
    """A decoder that takes other pieces for bytes."""

    def stream(pieces: list[str]) -> list[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        return _start([decoder.decode(_bytes(piece, is_byte=is_byte)) for piece in pieces])

    return stream


def _with_a_mark_at_the_end(pieces: list[str]) -> list[str]:
    whole = b"".join(map(_bytes, pieces)).decode(errors="replace").removeprefix(" ")
    return [*_right(pieces)[:-1], whole.removeprefix("".join(_right(pieces)[:-1]))] if pieces else []


STREAM_MISTAKES = {
    "you dropped the spaces: ▁ at the start of a piece is a space before the word": _changed(
        lambda text: text.strip(" ")
    ),
    "you dropped a space before every piece: only the one before the first word was added": (
        _changed(lambda text: text.removeprefix(" "))
    ),
    "you kept the space before the first word: encoding added it, so decoding leaves it out": _changed(str),
    "you dropped the first space, wherever it is: leave it out only from the first piece": _first_space_anywhere,
    "you dropped every space at the start: only one was added there, and code begins with several": (
        lambda pieces: _news([text.lstrip(" ") for text in _so_far(pieces)])
    ),
    "you dropped every space of the first piece: only one was added there, and code begins with several": (
        lambda pieces: [text if k else text.lstrip(" ") for k, text in enumerate(_news(_so_far(pieces)))]
    ),
    "you dropped the first character whatever it is: only a space was added": (
        lambda pieces: [text if k else text[1:] for k, text in enumerate(_news(_so_far(pieces)))]
    ),
    "you made one space of several: each ▁ is a space": lambda pieces: [re.sub(" +", " ", t) for t in _right(pieces)],
    "you made one space of several, and then left out the first: each ▁ is a space": (
        lambda pieces: _start([re.sub(" +", " ", text) for text in _news(_so_far(pieces))])
    ),
    "you showed ▁ itself: it stands for a space": lambda pieces: _news(_so_far(pieces, space="▁")),
    "you showed ▁ itself, but for the first: it stands for a space": (
        lambda pieces: [
            text.removeprefix("▁") if k == 0 else text for k, text in enumerate(_news(_so_far(pieces, "▁")))
        ]
    ),
    "you put a space before every piece: only ▁ stands for one": (
        lambda pieces: _start([" " + text.replace(" ", "") for text in _news(_so_far(pieces))])
    ),
    "you split a character: hold its bytes back until the last one has come": (
        _one_by_one(lambda piece: _bytes(piece).decode(errors="replace"))
    ),
    "you split a character: hold its bytes back until the last one has come, and do not decode each alone": (
        _one_by_one(lambda piece: _bytes(piece).decode())
    ),
    "you threw bytes away: keep them until their character is whole, then show it": (
        _one_by_one(lambda piece: _bytes(piece).decode(errors="ignore"))
    ),
    "you made a character of every byte: é is two bytes and one character, so decode them together as UTF-8": (
        _one_by_one(lambda piece: chr(_bytes(piece)[0]) if _is_byte(piece) else _bytes(piece).decode())
    ),
    "you showed the name of a byte: <0xC3> stands for the byte of that number": (
        _one_by_one(lambda piece: piece.replace("▁", " "))
    ),
    "you showed bytes too late, with the next piece of text: show a character as soon as it is whole": (
        _with_the_next_text
    ),
    **{
        f"you waited for {size} bytes: a character has one to four, and is whole when its last byte has come": (
            _in_groups(size)
        )
        for size in (2, 3, 4)
    },
    "you took every piece that begins with < for a byte: it may be plain text, and only <0x..> is a byte": (
        _bytes_are(lambda piece: piece.startswith("<"))
    ),
    "you took every piece of six characters for a byte: it may be plain text, and only <0x..> is a byte": (
        _bytes_are(lambda piece: len(piece) == 6)
    ),
    "you took every piece with 0x in it for a byte: it may be plain text, and only <0x..> is a byte": (
        _bytes_are(lambda piece: "0x" in piece)
    ),
    "you waited for the end: show what is whole at once": (
        lambda pieces: [""] * (len(pieces) - 1) + ["".join(_right(pieces))] * bool(pieces)
    ),
    "you gave all the text so far each time: give only what is new": (
        lambda pieces: [text.removeprefix(" ") for text in _so_far(pieces)]
    ),
    "you left out the pieces that show nothing: give a text for each piece, as long as pieces, empty where nothing can "
    "be shown": lambda pieces: [text for text in _right(pieces) if text],
    "you left out the pieces whose character is not whole yet: give a text for each piece, as long as pieces, empty "
    "where nothing can be shown": lambda pieces: _start([text for text in _news(_so_far(pieces)) if text]),
    "you joined the texts: give a list with one for each piece": lambda pieces: "".join(_right(pieces)),
    "you showed the unfinished character at the end: hold it back, for its last byte has not come": (
        _with_a_mark_at_the_end
    ),
}
