"""The views: what they compute, what stands in their place without a kernel, and that no text becomes HTML."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from llama_lessons import widgets
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.widgets.merges import MergePlayer
from llama_lessons.widgets.tokens import TokensView, byte_stories, merge_history
from llama_lessons.widgets.view import STATIC, STILL, WIDGET_VIEW, View, static
from tests.view_pages import PAGES
from tools.notebook_files import sources

for _, name, _ in pkgutil.iter_modules(widgets.__path__):
    importlib.import_module(f"llama_lessons.widgets.{name}")
EVIL = "<script>alert('a')</script> & <b>"


def play(text: str):
    """Byte-pair encoding of a text as one word, in plain steps."""
    symbols = list(text)
    while True:
        counts = Counter(pairwise(symbols))
        pair = max(sorted(counts), key=counts.get, default=None)
        if pair is None or counts[pair] < 2:
            yield [symbols], counts, None
            return
        yield [symbols], counts, pair
        k = 0
        while k < len(symbols) - 1:
            if (symbols[k], symbols[k + 1]) == pair:
                symbols = [*symbols[:k], "".join(pair), *symbols[k + 2 :]]
            k += 1


def kinds(of: type[View] = View) -> list[type[View]]:
    """The classes of all views that can be shown; an object makes one more, of its own, whose `_css` is no text."""
    found = [kind for child in of.__subclasses__() for kind in (child, *kinds(child))]
    return [kind for kind in found if isinstance(getattr(kind, "_css", None), str)]


def root_of(kind: type[View]) -> str:
    """The class of the root below which a view's style sheet is nested; fails where something lies outside."""
    sheet = re.sub(r"/\*.*?\*/", "", kind._css, flags=re.DOTALL).strip()
    [root] = re.findall(r"\A\.([\w-]+) \{", sheet)
    depth = 0
    for place, letter in enumerate(sheet):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth > 0 or place <= len(f".{root} ") or place == len(sheet) - 1, sheet[place - 60 : place + 60]
    assert depth == 0
    return root


def called(code: str) -> set[str]:
    """The names that a piece of Python calls."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)}


def views(tokenizer: Tokenizer) -> list[View]:
    return [
        TokensView(tokenizer, f"the llama hums back\nthe other llama on the hill hums back {EVIL} é🦙"),
        MergePlayer(f"no word twice, {EVIL} and a long sentence", play),
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_text_and_twin_are_the_same_each_time_and_hold_no_address(tokenizer: Tokenizer, number: int):
    first, second = views(tokenizer)[number], views(tokenizer)[number]
    data, _ = first._repr_mimebundle_()
    other, _ = second._repr_mimebundle_()
    assert data["text/plain"] == other["text/plain"] == repr(first)  # all of it: anywidget cuts its own at 110
    assert len(repr(first)) > 110
    assert data["text/html"] == other["text/html"]
    assert "0x" not in re.sub("<0x..>|&lt;0x..&gt;", "", data["text/plain"] + data["text/html"])
    assert "application/vnd.jupyter.widget-view+json" in data


@pytest.mark.parametrize("number", [0, 1])
def test_the_twin_escapes_what_a_reader_typed(tokenizer: Tokenizer, number: int):
    view = views(tokenizer)[number]
    view.text = "<script><script>"
    assert "<script" not in view.twin()
    assert "&lt;" in view.twin()
    assert set(re.findall(r"<(\w+)", view.twin())) <= {"p", "table", "tr", "th", "td"}


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_no_script_turns_text_into_html_or_asks_another_machine(path: Path):
    code = path.read_text(encoding="utf-8")
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "http://",
        "https://",
        "import ",
    ):
        assert word not in code


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.css")), ids=lambda path: path.name)
def test_no_style_sheet_asks_another_machine(path: Path):
    assert not re.search(r"url\(|@import|https?:", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_a_style_sheet_reaches_nothing_outside_its_view(kind: type[View]):
    root = root_of(kind)
    assert f'makeRoot(view, "{root}"' in kind._esm  # which says, too, when the view's kernel is gone
    assert all(other._css == kind._css for other in kinds() if root_of(other) == root)  # or one would change another
    assert len(re.findall(rf"(?<![\w-]){root}(?![\w-])", kind._esm)) == 1  # nothing else has that class


def test_every_view_of_a_lesson_is_looked_at_in_a_browser():
    names = {kind.__name__ for kind in kinds()}
    shown = {path.stem: called(path.read_text(encoding="utf-8")) & names for path in sources()}
    tried = {lesson: called("\n".join(cells)) & names for lesson, cells in PAGES.items()}
    assert {lesson: views for lesson, views in shown.items() if views} == tried, "put the view into tests/view_pages.py"


def test_a_view_is_shown_as_a_note_a_still_picture_and_the_live_view(tokenizer: Tokenizer, monkeypatch):
    view, shown = views(tokenizer)[0], []
    monkeypatch.setattr("llama_lessons.widgets.view.display", lambda data, **_: shown.append(data))
    view._ipython_display_()
    assert [set(data) for data in shown] == [{"text/plain", "text/html"}, {"text/plain", "text/html"}, {WIDGET_VIEW}]
    assert shown[0]["text/html"] == STILL
    assert shown[1] == {"text/plain": repr(view), "text/html": view.twin()}
    assert shown[2][WIDGET_VIEW]["model_id"] == view.model_id


def test_reset_brings_back_what_was_there_when_the_view_was_first_shown(tokenizer: Tokenizer):
    player = MergePlayer("abababc", play)
    player.step = 2
    player._repr_mimebundle_()
    player.text, player.step = "aa", 0
    player._repr_mimebundle_()  # shown again, as it is now
    player._frame(player, {"frame": "reset"}, [])  # as the browser's button asks
    assert (player.text, player.step, len(player.frames)) == ("abababc", 2, 3)
    for other in ({"do": "reset"}, "reset", None, {}):  # other views have messages of their own
        player.text = "aa"
        player._frame(player, other, [])
        assert player.text == "aa"


def test_reset_of_a_view_that_was_not_shown_changes_nothing(tokenizer: Tokenizer):
    player = MergePlayer("abababc", play)
    player.step = 1
    player.reset()
    assert player.step == 1


def test_a_view_says_how_much_of_a_text_it_leaves_out(tokenizer: Tokenizer):
    view = TokensView(tokenizer, "a" * 2000)
    assert view.shortened == ""
    view.text = "b" * 2345
    assert view.shortened == "Cut: of 2345 characters the first 2000 are used."
    view.text = "b"
    assert view.shortened == ""
    assert TokensView(tokenizer, "a" * 5000).shortened == "Cut: of 5000 characters the first 2000 are used."
    assert MergePlayer("ab" * 500, play).shortened == "Cut: of 1000 characters the first 300 are used."


def test_a_view_carries_the_shared_script_and_its_own():
    assert TokensView._esm == static("dom.js", "tokens.js")
    assert TokensView._esm.index("function control") < TokensView._esm.index("export default")


def test_tokens_are_the_tokenizers(tokenizer: Tokenizer):
    text = "the llama hums: é🦙\n"
    view = TokensView(tokenizer, text)
    ids = tokenizer.encode(text, bos=False)
    assert [token["id"] for token in view.tokens] == ids
    assert [token["piece"] for token in view.tokens] == tokenizer.pieces(ids)
    raw = bytes.fromhex(" ".join(token["bytes"] for token in view.tokens))
    assert raw.decode() == f" {text}"
    assert view.note == f"{len(ids)} tokens, {len(text)} characters, {len(text.encode())} bytes"


def test_tokens_follow_the_text(tokenizer: Tokenizer):
    view = TokensView(tokenizer, "")
    assert view.tokens == []
    view.text = "the hill"
    assert [token["piece"] for token in view.tokens] == ["▁the", "▁hill"]


def test_half_a_character_is_named_and_does_no_harm(tokenizer: Tokenizer):
    view = TokensView(tokenizer, "a \ud83e")
    assert view.tokens == [] and "lone surrogate" in view.note
    view.text = "the"
    assert len(view.tokens) == 1


def test_a_long_text_is_cut(tokenizer: Tokenizer):
    view = TokensView(tokenizer, "a" * 5000)
    assert view.note.endswith("2000 characters, 2000 bytes")
    view.text = "b" * 5000  # as the browser sets it
    assert view.note.endswith("2000 characters, 2000 bytes")
    player = MergePlayer("ab" * 500, play)
    assert sum(map(len, player.frames[0]["words"])) <= 300
    player.text = "ba" * 500
    assert sum(map(len, player.frames[0]["words"])) <= 300


def test_the_history_of_a_piece_is_that_of_the_tokenizer(tokenizer: Tokenizer):
    pieces = tokenizer.pieces(range(tokenizer.vocab_size))
    ranks = {piece: rank for rank, piece in enumerate(pieces)}
    for piece in pieces[3 + 256 :]:
        steps = merge_history(piece, ranks)
        assert steps[0] == list(piece) and steps[-1] == [piece]
        for before, after in pairwise(steps):
            assert len(after) == len(before) - 1 and "".join(after) == piece
            [joined] = [symbol for symbol in after if after.count(symbol) > before.count(symbol)]
            possible = [left + right for left, right in pairwise(before) if left + right in ranks]
            assert ranks[joined] == min(ranks[symbol] for symbol in possible)


def test_the_story_of_bytes_names_their_character():
    stories = byte_stories(["▁a", "<0xC3>", "<0xA9>", "<0x0A>", "<0xF0>", "<0x9F>", "<0xA6>", "<0x99>"])
    assert (
        byte_stories(["<0xE5>", "<0xB1>", "<0xB1>"])[2]
        == "byte 3 of 3 of U+5C71 CJK UNIFIED IDEOGRAPH-5C71, which is no piece"
    )
    assert stories[0] is None
    assert stories[1] == "byte 1 of 2 of U+00E9 LATIN SMALL LETTER E WITH ACUTE, which is no piece"
    assert stories[3] == "byte 1 of 1 of U+000A LINE BREAK, which is no piece"
    assert stories[7] == "byte 4 of 4 of U+1F999 LLAMA, which is no piece"


def test_the_player_shows_every_moment_of_training():
    player = MergePlayer("abababc", play)
    assert [frame["pair"] for frame in player.frames] == [["a", "b", 3], ["ab", "ab", 2], None]
    assert player.frames[1]["words"] == [["ab", "ab", "ab", "c"]]
    assert player.frames[0]["pairs"][:2] == [["a", "b", 3], ["b", "a", 2]]
    assert player.describe() == "7 symbols become 3 after 2 merges: abab ab c"
    assert "<tr><td>1</td><td>a + b</td><td>3</td><td>ab ab ab c</td></tr>" in player.twin()


def test_the_pair_that_is_merged_next_stands_first_though_others_are_as_frequent():
    player = MergePlayer("xyxy abab", lambda text: iter([([list(text)], {("x", "y"): 2, ("a", "b"): 2}, ("a", "b"))]))
    assert player.frames[0]["pairs"] == [["a", "b", 2], ["x", "y", 2]]


def test_a_new_sentence_starts_at_the_first_step():
    player = MergePlayer("abababc", play)
    player.step = 2
    player.text = "aa"
    assert player.step == 0 and len(player.frames) == 1


def test_an_error_in_the_readers_training_is_shown_in_the_view():
    def broken(text: str):
        raise KeyError("merge")

    player = MergePlayer("abc", broken)
    assert player.note == "KeyError: 'merge'" and player.frames == []
    assert repr(player) == "MergePlayer: KeyError: 'merge'"


def test_an_empty_sentence_is_no_error():
    player = MergePlayer("", play)
    assert player.note == "" and len(player.frames) == 1
