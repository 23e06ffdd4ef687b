"""The tokens of a text that the reader types: pieces, ids, bytes, and the merges that made each piece."""

from __future__ import annotations

import unicodedata
from html import escape
from itertools import pairwise

import traitlets

from llama_lessons.tokenizer import SPACE, Tokenizer
from llama_lessons.widgets.view import View, static, style

CONTROLS = {"\n": "LINE BREAK", "\t": "TAB"}  # Unicode gives them no name
MAX_CHARACTERS = 2000  # of the text shown; more would be slow to draw and nobody would read it


class TokensView(View):
    """Coloured tokens of the text in a box; pointing at a token shows its bytes and how it came about.

    Args:
        tokenizer: whose tokens are shown.
        text: what stands in the box at first; only the first 2000 characters of it are used.
    """

    _esm = static("dom.js", "tokens.js")
    _css = style("ll-tokenizer", "view.css", "tokens.css")
    text = traitlets.Unicode().tag(sync=True)
    tokens = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)  # piece, id, bytes, story, steps
    note = traitlets.Unicode(read_only=True).tag(sync=True)  # counts, or what is wrong with the text

    def __init__(self, tokenizer: Tokenizer, text: str) -> None:
        super().__init__(text=text)
        self._tokenizer = tokenizer
        pieces = tokenizer.pieces(range(tokenizer.vocab_size))
        self._ranks = {piece: token_id for token_id, piece in enumerate(pieces)}  # merges have ids in order of learning
        self._tokenize()
        self.observe(self._tokenize, "text")

    def _tokenize(self, _change: dict | None = None) -> None:
        text = self.first_of(self.text, MAX_CHARACTERS)
        try:
            ids = self._tokenizer.encode(text, bos=False)
            counts = {"token": len(ids), "character": len(text), "byte": len(text.encode())}
            note = ", ".join(f"{n} {unit}{'' if n == 1 else 's'}" for unit, n in counts.items())
        except ValueError as trouble:  # half of a character, which a browser lets one type
            ids, note = [], str(trouble)
        pieces = self._tokenizer.pieces(ids)
        rows = zip(ids, pieces, byte_stories(pieces), strict=True)
        with self.hold_sync():  # one message
            self.set_trait("tokens", [self._token(*row) for row in rows])
            self.set_trait("note", note)

    def _token(self, token_id: int, piece: str, story: str | None) -> dict:
        steps = [] if story else merge_history(piece, self._ranks)
        raw = bytes.fromhex(piece[3:5]) if story else piece.replace(SPACE, " ").encode()
        return {
            "piece": piece,
            "id": token_id,
            "bytes": raw.hex(" ").upper(),
            "story": story or f"{len(steps) - 1 or 'no'} merge{'' if len(steps) == 2 else 's'}",
            "steps": steps,
        }

    def describe(self) -> str:
        """Counts and the first pieces."""
        shown = " ".join(token["piece"] for token in self.tokens[:12])
        return f"{self.note}: {shown}{' ...' if len(self.tokens) > 12 else ''}"

    def twin(self) -> str:
        """A table with a column per token: piece, id and bytes; at most 16 of them."""
        rows = [
            f"<tr><th>{name}</th>"
            + "".join(f"<td>{escape(str(token[name]))}</td>" for token in self.tokens[:16])
            + "</tr>"
            for name in ("piece", "id", "bytes")
        ]
        more = " The first 16 of them:" if len(self.tokens) > 16 else ""
        return f"<p>{escape(self.note)}.{more}</p><table>{''.join(rows)}</table>"


def merge_history(piece: str, ranks: dict[str, int]) -> list[list[str]]:
    """How byte-pair encoding builds a piece: its characters, then the symbols after each merge.

    Args:
        piece: a piece of the vocabulary that is no byte.
        ranks: the place of every piece in the vocabulary; merges stand in the order in which they were learned.

    Returns:
        The symbols at each step; the first step is the characters, the last the piece alone.
    """
    symbols = list(piece)
    steps = [symbols]
    while len(symbols) > 1:
        joined = [left + right for left, right in pairwise(symbols)]
        known = [k for k, symbol in enumerate(joined) if symbol in ranks]
        if not known:  # a piece that was added whole, by no merge
            return [*steps, [piece]]
        k = min(known, key=lambda place: ranks[joined[place]])
        symbols = [*symbols[:k], joined[k], *symbols[k + 2 :]]
        steps.append(symbols)
    return steps


def byte_stories(pieces: list[str]) -> list[str | None]:
    """For each byte piece, which character it belongs to; None for the other pieces.

    Args:
        pieces: the pieces of a whole text, so that every character has all of its bytes.

    Returns:
        As many entries as there are pieces, such as "byte 2 of 4 of U+1F999 LLAMA, which is no piece".
    """
    stories: list[str | None] = []
    while len(stories) < len(pieces):
        here = len(stories)
        if not _is_byte(pieces[here]):
            stories.append(None)
            continue
        first = int(pieces[here][3:5], 16)
        width = 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4  # of the character, in UTF-8
        character = bytes(int(piece[3:5], 16) for piece in pieces[here : here + width]).decode()
        name = f"U+{ord(character):04X} {unicodedata.name(character, CONTROLS.get(character, ''))}".strip()
        stories += [f"byte {k} of {width} of {name}, which is no piece" for k in range(1, width + 1)]
    return stories


def _is_byte(piece: str) -> bool:
    return len(piece) == 6 and piece.startswith("<0x")
