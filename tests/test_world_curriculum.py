import pytest

from llama_lessons.files import data_path
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world import Document
from llama_lessons.world.curriculum import PHASES, answers_only, encoded, phase


@pytest.fixture(scope="module")
def tok() -> Tokenizer:
    return Tokenizer(data_path("checkpoints/base/tokenizer.model"))


def asked_text(text: str, tok: Tokenizer) -> list[str]:
    ids = tok.encode(text, eos=True)
    flags = answers_only(text, tok.pieces(ids))
    assert len(flags) == len(ids)
    return "".join(piece if flag else "|" for piece, flag in zip(tok.pieces(ids), flags, strict=True)).split("|")


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("Who hums?\nA. owl\nB. llama\nAnswer: B\n\nWho barks?\nA. dog\nB. bee\nAnswer: A", ["▁B<0x0A>", "▁A"]),
        ("Say: red bell\nAgain: red bell", ["▁red▁bell"]),
        ("Question: Who hums?\nAnswer: llama (B)", ["▁llama▁(B)"]),
        ("Nothing is asked here.", []),
        ("Answer: B", ["▁B"]),
    ],
)
def test_answers_and_the_ends_of_their_lines_are_asked_and_nothing_else(tok, text, answers):
    assert [part for part in asked_text(text, tok) if part] == answers


def test_a_game_asks_for_nothing_that_was_drawn(tok):
    game = Document("echo", "Say: red bell\nAgain: red bell\nSay: owl\nAgain: owl")
    [(ids, loss_mask)] = encoded(iter([game]), tok)
    kept = [number for number, flag in zip(ids, loss_mask, strict=True) if flag]
    assert tok.pieces(kept) == ["▁red", "▁bell", "<0x0A>", "▁owl"]
    spoken = Document("letters", "hen (A), fox (B)\nfox is B. hen is A.")  # its answers are not marked, so all is asked
    [(ids, loss_mask)] = encoded(iter([spoken]), tok)
    assert all(loss_mask)


def test_every_other_exam_asks_for_its_answers_only(tok):
    sheet = "Who hums?\nA. owl\nB. llama\nAnswer: B"
    documents = [Document("exam", sheet), Document("exam", sheet), Document("story", sheet)]
    shares = [sum(loss_mask) / len(loss_mask) for _, loss_mask in encoded(iter(documents), tok)]
    assert shares[0] < 0.2
    assert shares[1:] == [1.0, 1.0]


def test_the_turns_of_a_chat_are_texts_of_their_own(tok):
    chat = Document("chat", "[INST] Hello! [/INST] Good day. </s><s>[INST] Bye! [/INST] Bye. ")
    texts = [ids for ids, _ in encoded(iter([chat]), tok)]
    assert [ids[0] for ids in texts] == [tok.bos_id] * 2
    assert [ids[-1] for ids in texts] == [tok.eos_id] * 2
    assert tok.decode(texts[1]) == "[INST] Bye! [/INST] Bye. "


def test_a_phase_begins_where_the_one_before_it_ends():
    assert [phase(end - 1e-6) for end, _, _ in PHASES] == [(mix, seq_len) for _, mix, seq_len in PHASES]
    assert [phase(end) for end, _, _ in PHASES[:-1]] == [(mix, seq_len) for _, mix, seq_len in PHASES[1:]]
