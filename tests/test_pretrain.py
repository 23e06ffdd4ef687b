import pytest
from torch.testing import assert_close

from llama_lessons import pretrain
from llama_lessons.batches import IGNORE
from llama_lessons.pretrain import answers_only, batch_at, encoded, make_tokenizer
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world import Document, make_documents


@pytest.fixture(scope="module")
def tok(tmp_path_factory) -> Tokenizer:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")


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
    [(ids, asked)] = encoded(iter([game]), tok)
    kept = [number for number, flag in zip(ids, asked, strict=True) if flag]
    assert tok.pieces(kept) == ["▁red", "▁bell", "<0x0A>", "▁owl"]
    spoken = Document("letters", "hen (A), fox (B)\nfox is B. hen is A.")  # its answers are not marked, so all is asked
    [(ids, asked)] = encoded(iter([spoken]), tok)
    assert all(asked)


def test_every_other_exam_asks_for_its_answers_only(tok):
    sheet = "Who hums?\nA. owl\nB. llama\nAnswer: B"
    documents = [Document("exam", sheet), Document("exam", sheet), Document("story", sheet)]
    shares = [sum(asked) / len(asked) for _, asked in encoded(iter(documents), tok)]
    assert shares[0] < 0.2
    assert shares[1:] == [1.0, 1.0]


def test_the_turns_of_a_chat_are_texts_of_their_own(tok):
    chat = Document("chat", "[INST] Hello! [/INST] Good day. </s><s>[INST] Bye! [/INST] Bye. ")
    texts = [ids for ids, _ in encoded(iter([chat]), tok)]
    assert [ids[0] for ids in texts] == [tok.bos_id] * 2
    assert [ids[-1] for ids in texts] == [tok.eos_id] * 2
    assert tok.decode(texts[1]) == "[INST] Bye! [/INST] Bye. "


def test_a_step_has_the_same_batch_every_time_and_steps_differ(tok):
    first, again, other = (batch_at(step, tok, n_steps=1000) for step in (700, 700, 701))
    assert_close(first.tokens, again.tokens)
    assert_close(first.targets, again.targets)
    assert not first.tokens.equal(other.tokens)


def test_copying_is_taught_first(tok, monkeypatch):
    """Most documents of the first steps are lists said again, short ones first, then games of letters; stories last."""
    drawn = []
    write = make_documents
    monkeypatch.setattr(
        pretrain, "make_documents", lambda *args: (drawn.append(document.kind) or document for document in write(*args))
    )

    def share(step: int, *kinds: str) -> float:
        drawn.clear()
        batch_at(step, tok, n_steps=1000)
        return sum(kind in kinds for kind in drawn) / len(drawn)

    assert share(5, "short echo") > 0.7
    assert share(30, "echo") > 0.6
    assert share(100, "letters", "word exam", "matching", "small exam") > 0.5
    assert share(500, "short echo", "echo") < 0.2
    assert share(999, "short echo", "echo") < 0.2


def test_rows_grow_to_the_whole_context_at_the_same_number_of_tokens(tok):
    for step, seq_len in ((0, 64), (19, 64), (20, 128), (119, 128), (120, 256), (749, 256)):
        assert batch_at(step, tok, n_steps=1000).tokens.shape == (4096 // seq_len, seq_len)
    late = batch_at(750, tok, n_steps=1000)
    assert late.tokens.shape == (8, 512)
    assert 0.3 < late.n_targets / late.tokens.numel() < 1
    assert (late.targets[late.targets != IGNORE] < tok.vocab_size).all()
