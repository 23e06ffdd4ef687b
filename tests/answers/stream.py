"""Lesson 01, exercise 3: decode piece by piece, with a memory for the bytes of an unfinished character."""

from __future__ import annotations

import codecs
import re

from llama_lessons.checks.tokenizer import check_stream
from tests.answers.bank import Bank

bank = Bank(check_stream)


def text_of(piece):
    return piece.replace("▁", " ")


def decode(pieces, decoder=None):
    """What is new with each piece, the first space included."""
    decoder = decoder or codecs.getincrementaldecoder("utf-8")()
    return [decoder.decode(bytes.fromhex(p[3:5])) if p.startswith("<0x") else text_of(p) for p in pieces]


def without_first_space(texts):
    return [text.removeprefix(" ") if k == 0 else text for k, text in enumerate(texts)]


@bank.right
def by_counting_the_bytes_of_a_character(pieces):
    waiting, missing, shown = b"", 0, []
    for k, piece in enumerate(pieces):
        text = text_of(piece[k == 0 and piece.startswith("▁") :])
        if byte := re.fullmatch(r"<0x([0-9A-F]{2})>", piece):
            number = int(byte[1], 16)
            missing = missing - 1 if waiting else (number >= 0xC0) + (number >= 0xE0) + (number >= 0xF0)
            waiting += bytes([number])
            text = "" if missing else waiting.decode()
            waiting = waiting if missing else b""
        shown.append(text)
    return shown


@bank.right
def all_again_each_time(pieces):
    def shown(k):
        raw = b"".join(bytes([int(p[1:-1], 16)]) if p[:3] == "<0x" else text_of(p).encode() for p in pieces[:k])
        return raw.decode("utf-8", "ignore").removeprefix(" ")

    return [shown(k + 1).removeprefix(shown(k)) for k in range(len(pieces))]


@bank.wrong("kept the space before the first word")
def keeps_it(pieces):
    return decode(pieces)


@bank.wrong("dropped the spaces")
def strips_every_piece(pieces):
    return [text.strip(" ") for text in decode(pieces)]


@bank.wrong("every space of the first piece")
def strips_the_first(pieces):
    return [text if k else text.lstrip() for k, text in enumerate(decode(pieces))]


@bank.wrong("dropped the first space, wherever it is")
def the_first_space_of_all(pieces):
    shown, done = [], False
    for text in decode(pieces):
        shown.append(text if done else text.replace(" ", "", 1))
        done = done or " " in text
    return shown


@bank.wrong("do not decode each alone")
def alone(pieces):
    shown = [bytes.fromhex(p[3:5]).decode() if p.startswith("<0x") else text_of(p) for p in pieces]
    return without_first_space(shown)


@bank.wrong("split a character: hold its bytes back")
def shows_half_characters(pieces):
    shown = [bytes.fromhex(p[3:5]).decode(errors="replace") if p.startswith("<0x") else text_of(p) for p in pieces]
    return without_first_space(shown)


@bank.wrong("a character of every byte")
def makes_mojibake(pieces):
    return without_first_space([chr(int(p[3:5], 16)) if p.startswith("<0x") else text_of(p) for p in pieces])


@bank.wrong("showed bytes too late")
def with_the_next_word(pieces):
    waiting, shown = b"", []
    for piece in pieces:
        if piece.startswith("<0x"):
            waiting += bytes.fromhex(piece[3:5])
            shown.append("")
        else:
            shown.append(waiting.decode(errors="ignore") + text_of(piece))
            waiting = b""
    return without_first_space(shown)


@bank.wrong("waited for 4 bytes")
def four_bytes(pieces):
    waiting, shown = b"", []
    for piece in pieces:
        if piece.startswith("<0x"):
            waiting += bytes.fromhex(piece[3:5])
            shown.append(waiting.decode() if len(waiting) == 4 else "")
            waiting = b"" if len(waiting) == 4 else waiting
        else:
            shown.append(text_of(piece))
    return without_first_space(shown)


@bank.wrong("every piece that begins with <")
def any_bracket(pieces):
    decoder = codecs.getincrementaldecoder("utf-8")()
    shown = [decoder.decode(bytes.fromhex(p[3:5])) if p[0] == "<" else text_of(p) for p in pieces]
    return without_first_space(shown)


@bank.wrong("every piece of six characters")
def any_six_characters(pieces):
    decoder = codecs.getincrementaldecoder("utf-8")()
    shown = [decoder.decode(bytes.fromhex(p[3:5])) if len(p) == 6 else text_of(p) for p in pieces]
    return without_first_space(shown)


@bank.wrong("showed ▁ itself, but for the first")
def no_spaces(pieces):
    decoder = codecs.getincrementaldecoder("utf-8")()
    shown = [decoder.decode(bytes.fromhex(p[3:5])) if p.startswith("<0x") else p for p in pieces]
    return [text.removeprefix("▁") if k == 0 else text for k, text in enumerate(shown)]


@bank.wrong("waited for the end")
def waits(pieces):
    texts = without_first_space(decode(pieces))
    return [*[""] * (len(pieces) - 1), "".join(texts)] if pieces else []


@bank.wrong("all the text so far")
def so_far(pieces):
    texts = without_first_space(decode(pieces))
    return ["".join(texts[: k + 1]) for k in range(len(texts))]


@bank.wrong("left out the pieces that show nothing")
def only_what_shows(pieces):
    return [text for text in without_first_space(decode(pieces)) if text]


@bank.wrong("left over from an earlier call")
def one_decoder_for_all_calls(pieces, decoder=codecs.getincrementaldecoder("utf-8")()):  # noqa: B008
    return without_first_space(decode(pieces, decoder))


@bank.wrong("stopped with ValueError")
def base_ten(pieces):
    return without_first_space([chr(int(p[3:5])) if p.startswith("<0x") else text_of(p) for p in pieces])


@bank.wrong()
def in_capitals(pieces):
    return [text.upper() for text in without_first_space(decode(pieces))]
