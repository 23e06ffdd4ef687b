"""The tokenizer gives every text back, is trained with Llama 2's options, and streams what it decodes."""

from __future__ import annotations

import copy
import hashlib
import io
import os
import pickle
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sentencepiece import SentencePieceTrainer
from sentencepiece.sentencepiece_model_pb2 import ModelProto

from llama_lessons.tokenizer import Tokenizer, TokenizerError
from llama_lessons.tokenizer_training import LLAMA2_OPTIONS, SENTENCE_CHARACTERS

SENTENCE = "the llama of the valley eats grass, привет мир, 你好 世界, Ünïcode é ﬁ 123 4567 def foo(x): 🦙"
VOCAB_SIZE = 400


def _texts() -> list[str]:
    draw = random.Random(0)
    lines = [" ".join(draw.choices(SENTENCE.split(" "), k=12)) for _ in range(60)]
    return [line + "\n" + " " * draw.randrange(9) + "x\treturn\ty" for line in lines]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return Tokenizer.train(_texts(), VOCAB_SIZE, tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")


# Training

PUBLISHED = {  # what Meta's tokenizer.model holds, as printed in llama2.c's doc/train_llama_tokenizer.md
    "self_test_sample_size": 0,
    "character_coverage": pytest.approx(0.99995, abs=1e-8),
    "shrinking_factor": 0.75,
    "num_sub_iterations": 2,
    "max_sentence_length": 4192,
    "max_sentencepiece_length": 16,
    "split_by_unicode_script": True,
    "split_by_whitespace": True,
    "split_by_number": True,
    "treat_whitespace_as_suffix": False,
    "split_digits": True,
    "allow_whitespace_only_pieces": True,
    "vocabulary_output_piece_score": True,
    "hard_vocab_limit": True,
    "use_all_vocab": False,
    "byte_fallback": True,
    "required_chars": "",
    "unk_id": 0,
    "bos_id": 1,
    "eos_id": 2,
    "pad_id": -1,
    "unk_surface": " \u2047 ",
    "unk_piece": "<unk>",
    "bos_piece": "<s>",
    "eos_piece": "</s>",
    "enable_differential_privacy": False,
}


def test_a_trained_model_stores_the_settings_of_llama_2s_own(tokenizer):
    model = ModelProto.FromString(tokenizer.path.read_bytes())
    spec, normalizer = model.trainer_spec, model.normalizer_spec
    assert {name: getattr(spec, name) for name in PUBLISHED} == PUBLISHED
    assert spec.ModelType.Name(spec.model_type) == "BPE"
    assert (spec.vocab_size, len(model.pieces)) == (VOCAB_SIZE, VOCAB_SIZE)
    assert (normalizer.name, normalizer.precompiled_charsmap) == ("identity", b"")
    assert (normalizer.add_dummy_prefix, normalizer.remove_extra_whitespaces) == (True, False)


def test_the_first_259_ids_are_llama_2s(tokenizer):
    assert (tokenizer.unk_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.vocab_size) == (0, 1, 2, VOCAB_SIZE)
    expected = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    assert tokenizer.pieces(range(259)) == expected


def test_the_same_texts_give_the_same_file_in_every_process(tokenizer, tmp_path):
    code = "import sys, tests.test_tokenizer as t; t.Tokenizer.train(t._texts(), t.VOCAB_SIZE, sys.argv[1])"
    path = tmp_path / "elsewhere" / "again.model"
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, env=environment)
    assert hashlib.sha1(path.read_bytes()).digest() == hashlib.sha1(tokenizer.path.read_bytes()).digest()


def test_training_prints_nothing_even_when_it_fails(tmp_path, capfd):
    Tokenizer.train(_texts(), VOCAB_SIZE, tmp_path / "quiet.model")
    with pytest.raises(ValueError):
        Tokenizer.train(_texts(), 100_000, tmp_path / "quiet.model")
    assert capfd.readouterr() == ("", "")


def test_newline_and_tab_stay_bytes_however_often_they_are_seen(tokenizer):
    assert tokenizer.encode("x\n")[-1] == 13
    assert tokenizer.encode("x\t")[-1] == 12
    assert not any(set("\n\t") & set(piece) for piece in tokenizer.pieces(range(VOCAB_SIZE)))


def test_every_digit_is_a_piece_of_its_own(tokenizer):
    assert tokenizer.pieces(tokenizer.encode("4567 123", bos=False)) == ["▁", *"4567", "▁", *"123"]


def test_a_run_of_spaces_can_be_one_piece(tokenizer):
    assert "▁▁▁▁" in tokenizer.pieces(range(VOCAB_SIZE))


@pytest.mark.parametrize("joint", [" ", "\n", "\u2585", "\t"], ids=["one long line", "newlines", "U+2585", "tabs"])
def test_texts_of_any_length_are_learned_whole(joint, tmp_path):
    words = random.Random(0).choices(["llama", "valley", "grass"], k=2000) + ["river"] * 9
    lines = Tokenizer.train(words, 314, tmp_path / "lines.model")  # 314: all there are
    whole = Tokenizer.train(iter([joint.join(words)]), 314, tmp_path / "whole.model")
    assert len(joint.join(words)) > 2 * SENTENCE_CHARACTERS
    assert whole.pieces(range(314)) == lines.pieces(range(314))


def test_a_long_text_without_spaces_is_learned(tmp_path):
    tokenizer = Tokenizer.train(["你好世界" * 3000], 270, tmp_path / "long.model")
    assert "你好世界" in tokenizer.pieces(range(270))


@pytest.mark.parametrize(
    ("texts", "vocab_size", "message"),
    [
        (["hello world"], 100, "vocab_size must be at least 260 for these texts, got 100: 259 special pieces"),
        (["hello world"], 266, "at least 267 for these texts, got 266: .* characters, 8 or more"),
        (["hello world"], 5000, "vocab_size must be at most 287 for these texts, got 5000"),
        (["hello world"], 2.5, "vocab_size must be a whole number, got 2.5"),
        (["hello world"], True, "vocab_size must be a whole number, got True"),
        ([], 300, "texts hold nothing to learn from"),
        (["", "\n\n"], 300, "texts hold nothing to learn from"),
        ("hello world", 300, "texts must be a series of texts, got one str: put it into a list"),
        ([b"hello"], 300, "each of the texts must be a str, got bytes"),
        (["a\udc80"], 300, r"each of the texts holds half a character, the lone surrogate U\+DC80, at 1"),
    ],
)
def test_a_bad_training_argument_is_named_and_the_old_file_stays(texts, vocab_size, message, tmp_path):
    path = tmp_path / "tokenizer.model"
    old = Tokenizer.train(["an old text"], 275, path).path.read_bytes()
    with pytest.raises(ValueError, match=message):
        Tokenizer.train(texts, vocab_size, path)
    assert path.read_bytes() == old


def test_training_replaces_a_tokenizer_and_no_other_file(tmp_path):
    path = tmp_path / "thesis.docx"
    path.write_text("years of work")
    with pytest.raises(ValueError, match=r"path .*thesis\.docx is a file of another kind"):
        Tokenizer.train(iter(lambda: 1 / 0, None), 300, path)  # refused before a text is read
    assert path.read_text() == "years of work"
    Tokenizer.train(["an old text"], 275, tmp_path / "tokenizer.model")
    assert Tokenizer.train(["hello world"], 270, tmp_path / "tokenizer.model").vocab_size == 270


@pytest.mark.parametrize("vocab_size", [267, 287])
def test_the_limits_named_in_the_errors_are_exact(vocab_size, tmp_path):
    assert Tokenizer.train(["hello world"], vocab_size, tmp_path / "edge.model").vocab_size == vocab_size


def test_an_error_of_the_readers_own_iterator_comes_through(tmp_path):
    def texts():
        yield "hello"
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Tokenizer.train(texts(), 300, tmp_path / "tokenizer.model")


# Encoding and decoding


@given(st.text())
@example("")
@example("   two  spaces   ")
@example("\0 nul \x1b control \r\n\t")
@example("e\u0301 \ufb01 \u00a0\u3000\u2028")
@example("\U0010ffff\ufffe🦙👩‍👩‍👧")
@example("<s>[INST] <<SYS>> </s><0x0A>")
@example("\u2047 \u2585")
def test_any_text_comes_back_but_for_the_space_sign(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text, bos=True, eos=True)) == text.replace("\u2581", " ")


def test_the_space_sign_comes_back_as_a_space(tokenizer):
    assert tokenizer.decode(tokenizer.encode("\u2581")) == " "


@pytest.mark.parametrize("text", ["<s>", "</s>", "<unk>", "[INST]", "<0x0A>", "a</s>b", " </s> "])
def test_special_tokens_in_a_text_are_plain_text(tokenizer, text):
    ids = tokenizer.encode(text, bos=False)
    assert not {tokenizer.bos_id, tokenizer.eos_id, tokenizer.unk_id, 13} & set(ids)
    assert tokenizer.decode(ids) == text


def test_bos_comes_by_default_and_eos_on_demand(tokenizer):
    plain = tokenizer.encode("the llama", bos=False)
    assert tokenizer.pieces(plain) == ["▁the", "▁llama"]
    assert tokenizer.encode("the llama") == [1, *plain]
    assert tokenizer.encode("the llama", bos=False, eos=True) == [*plain, 2]
    assert tokenizer.encode("", bos=False) == []


def test_a_character_without_a_piece_becomes_its_bytes(tokenizer):
    assert tokenizer.pieces(tokenizer.encode("☺", bos=False)) == ["▁", "<0xE2>", "<0x98>", "<0xBA>"]


@pytest.mark.parametrize("text", ["a\ud83e", "\udd99 b"])
def test_half_a_character_is_refused(tokenizer, text):
    with pytest.raises(ValueError, match=r"text holds half a character, the lone surrogate U\+D(83E|D99)"):
        tokenizer.encode(text)


@pytest.mark.parametrize("text", [b"bytes", None, ["a", "b"]])
def test_only_a_str_is_encoded(tokenizer, text):
    with pytest.raises(ValueError, match=f"text must be a str, got {type(text).__name__}"):
        tokenizer.encode(text)


def test_decoding_leaves_out_the_special_ids_and_marks_the_unknown(tokenizer):
    the, llama = tokenizer.encode("the llama", bos=False)
    assert tokenizer.decode([1, the, 2, 1, llama, 2]) == "the llama"
    assert tokenizer.decode([the, 0, llama]) == "the \u2047  llama"
    assert tokenizer.decode([]) == ""


def test_bytes_that_make_no_character_are_replaced_one_by_one(tokenizer):
    ids = tokenizer.encode("a☺", bos=False)
    assert tokenizer.decode(ids[:-1]) == "a\ufffd\ufffd"


@pytest.mark.parametrize(
    ("method", "bad"), [("decode", -1), ("pieces", -1), ("pieces", VOCAB_SIZE), ("pieces", 10**12)]
)
def test_an_id_outside_the_vocabulary_is_named(tokenizer, method, bad):
    with pytest.raises(ValueError, match=f"id {bad} is not in the vocabulary, whose ids are 0 to {VOCAB_SIZE - 1}"):
        getattr(tokenizer, method)([1, bad])


def test_ids_of_tokens_that_were_added_are_decoded_to_one_sign_each(tokenizer):
    the, llama = tokenizer.encode("the llama", bos=False)
    assert tokenizer.decode([1, the, VOCAB_SIZE, VOCAB_SIZE + 7, llama]) == "the\ufffd\ufffd llama"


# Streaming

BYTES = b" \nA\xe2\x96\x81\xf0\x9f\xa6\x99\xed\xa0\xc0\xff"  # space, space sign, llama, half a surrogate, rubbish
TRICKY = ["▁", "▁▁", "▁the", "the", "é", *(f"<0x{byte:02X}>" for byte in BYTES)]


@given(st.data())
def test_the_stream_adds_up_to_decode_for_any_ids(tokenizer, data):
    tricky = [tokenizer.processor.piece_to_id(piece) for piece in TRICKY]
    ids = data.draw(st.lists(st.sampled_from(tricky) | st.integers(0, VOCAB_SIZE + 9)))
    decoder = tokenizer.stream_decoder()
    assert "".join([decoder.feed(token_id) for token_id in ids] + [decoder.flush()]) == tokenizer.decode(ids)


@given(st.text(st.characters(exclude_characters="\u2581", exclude_categories=["Cs"]) | st.sampled_from("é☺🦙 \n")))
def test_the_stream_never_shows_what_it_would_have_to_take_back(tokenizer, text):
    decoder, shown = tokenizer.stream_decoder(), ""
    for token_id in tokenizer.encode(text):
        shown += decoder.feed(token_id)
        assert text.startswith(shown)
    assert (shown, decoder.flush()) == (text, "")


def test_a_character_is_shown_with_its_last_byte(tokenizer):
    decoder = tokenizer.stream_decoder()
    assert [decoder.feed(token_id) for token_id in tokenizer.encode("☺!")] == ["", "", "", "", "☺", "!"]


def test_flushing_gives_up_half_a_character_and_starts_afresh(tokenizer):
    decoder = tokenizer.stream_decoder()
    for token_id in tokenizer.encode("☺")[:-1]:
        decoder.feed(token_id)
    assert decoder.flush() == "\ufffd\ufffd"
    [llama] = tokenizer.encode("llama", bos=False)
    assert (decoder.feed(llama), decoder.feed(llama)) == ("llama", " llama")


def test_a_stream_refuses_an_id_outside_the_vocabulary(tokenizer):
    with pytest.raises(ValueError, match="id -1 is not in the vocabulary"):
        tokenizer.stream_decoder().feed(-1)


# Files


def test_a_tokenizer_can_be_copied_and_sent_to_another_process(tokenizer):
    for twin in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer)), Tokenizer(str(tokenizer.path))):
        assert twin.encode("the llama 🦙") == tokenizer.encode("the llama 🦙")


def test_its_text_names_no_folder(tokenizer):
    assert repr(tokenizer) == "Tokenizer('tokenizer.model', 400 pieces)"


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "bad.model"
    path.write_bytes(content)
    return path


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.model", tmp_path):
        with pytest.raises(TokenizerError, match=f"{path} cannot be read: .*Name the tokenizer.model file"):
            Tokenizer(path)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 99, b'{"version": "1.0"}', b"version https://git-lfs.github.com/spec"]
)
def test_a_file_that_is_no_model_is_named(content, tmp_path):
    path = _file(tmp_path, content)
    with pytest.raises(TokenizerError, match=rf"{path} \({len(content)} bytes\) is no whole .* Fetch it again"):
        Tokenizer(path)


def test_a_large_file_of_another_kind_is_not_read(tmp_path):
    path = tmp_path / "consolidated.00.pth"
    with path.open("wb") as file:
        file.truncate(2**29)
    tracemalloc.start()
    with pytest.raises(TokenizerError, match=r"\(536870912 bytes\) is no whole SentencePiece model"):
        Tokenizer(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000  # bytes


def test_a_tilde_is_the_home_folder(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    made = Tokenizer.train(["an old text"], 275, "~/mine/tokenizer.model")
    assert made.path == Tokenizer("~/mine/tokenizer.model").path == tmp_path / "mine" / "tokenizer.model"


def test_a_file_cut_off_anywhere_is_refused(tokenizer, tmp_path):
    whole = tokenizer.path.read_bytes()
    settings = whole.index(b"identity")  # the end, where a cut can leave a readable model without its settings
    for size in [*range(0, settings - 20, 53), *range(settings - 20, len(whole))]:
        with pytest.raises(TokenizerError, match=r"[Ff]etch it again"):
            Tokenizer(_file(tmp_path, whole[:size]))


OTHER_FAMILIES = [
    ({"bos_id": -1}, "has no <s> or no </s>"),
    ({"add_dummy_prefix": False}, "puts no space before a text"),
    ({"normalization_rule_name": "nfkc"}, r"into '  fi\U000f0000  '"),
    ({"remove_extra_whitespaces": True}, r"into '\ufb01\U000f0000'"),
    ({"byte_fallback": False}, r"into '  \ufb01 \u2047   '"),
]


@pytest.mark.parametrize(("option", "trouble"), OTHER_FAMILIES)
def test_a_model_that_does_not_work_as_llama_2s_is_refused(option, trouble, tmp_path):
    options, model = {**LLAMA2_OPTIONS, "minloglevel": 2, **option}, io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(_texts()), model_writer=model, vocab_size=VOCAB_SIZE, hard_vocab_limit=False, **options
    )
    with pytest.raises(TokenizerError, match="does not work as Llama 2's tokenizer") as error:
        Tokenizer(_file(tmp_path, model.getvalue()))
    assert trouble in str(error.value)
