import pytest
from torch.testing import assert_close

from llama_lessons import pretrain
from llama_lessons.batches import IGNORE
from llama_lessons.pretrain import batch_at, make_tokenizer
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world import make_documents


@pytest.fixture(scope="module")
def tok(tmp_path_factory) -> Tokenizer:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")


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
