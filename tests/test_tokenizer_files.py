"""The exported tokenizer files make transformers' AutoTokenizer give our ids and our text."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest
from sentencepiece import SentencePieceTrainer
from sentencepiece.sentencepiece_model_pb2 import ModelProto
from transformers import AutoTokenizer

from llama_lessons.checkpoints.tokenizer_files import merges, write_tokenizer_files
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.tokenizer_training import LLAMA2_OPTIONS

SENTENCE = "the llama of the valley's wool, def foo(x): return 1234 Ünïcode é привет мир 你好 世界 مرحبا नमस्ते 🦙"
WORDS = SENTENCE.split(" ")
GAPS = [" ", " ", " ", "  ", "     ", "\n", "\n\n", "\t", "", "", "\r\n", "\u00a0", "\u3000", "\0"]
STRANGERS = [
    "☺",
    "👩‍👩‍👧",
    "\U0010ffff",
    "e\u0301",
    "<0x0A>",
    "[INST]",
    "▅",
    "…",
    "한국어",
    "<",
    "s>",
    "Who ?",
    "n't .",
]


def _text(draw: random.Random) -> str:
    """Up to 24 words and odd characters with odd gaps, often also before the first and after the last."""
    words = [draw.choice(WORDS if draw.random() < 0.8 else STRANGERS) for _ in range(draw.randrange(25))]
    return draw.choice(GAPS) + "".join(word + draw.choice(GAPS) for word in words)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    draw = random.Random(1)
    texts = [" ".join(draw.choices(WORDS, k=12)) + " " * draw.randrange(9) + "x" for _ in range(80)]
    return Tokenizer.train(texts, 420, tmp_path_factory.mktemp("trained") / "valley.model")


@pytest.fixture(scope="module", params=["tokenizer files alone", "beside a model's config"])
def folder(request: pytest.FixtureRequest, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    write_tokenizer_files(tokenizer, folder)
    if request.param == "beside a model's config":
        (folder / "config.json").write_text(json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}))
    return folder


def test_auto_tokenizer_gives_our_ids_and_our_text_for_2000_strings(tokenizer, folder):
    theirs, draw = AutoTokenizer.from_pretrained(folder), random.Random(2)
    for text in ["", " ", "  ", "\n", " the", "the", *(_text(draw) for _ in range(2000))]:
        ids = tokenizer.encode(text)
        assert theirs(text)["input_ids"] == ids
        assert theirs.decode(ids, skip_special_tokens=True) == tokenizer.decode(ids) == text


def test_it_has_our_special_ids_and_no_padding(tokenizer, folder):
    theirs = AutoTokenizer.from_pretrained(folder)
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.unk_token_id) == (1, 2, 0)
    assert (theirs.pad_token, len(theirs)) == (None, 420)
    assert theirs("the llama", add_special_tokens=False)["input_ids"] == tokenizer.encode("the llama", bos=False)
    assert theirs("the", "llama")["input_ids"] == tokenizer.encode("the") + tokenizer.encode("llama")


def test_a_special_token_in_a_text_is_special_to_them_and_plain_to_us(tokenizer, folder):
    theirs = AutoTokenizer.from_pretrained(folder)
    assert theirs("the</s>")["input_ids"][-1] == tokenizer.eos_id
    assert tokenizer.eos_id not in tokenizer.encode("the</s>")


def test_the_config_says_what_other_readers_go_by(folder):
    assert json.loads((folder / "tokenizer_config.json").read_text()) == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "add_bos_token": True,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
    }


def test_the_model_file_is_copied_byte_for_byte(tokenizer, folder):
    assert (folder / "tokenizer.model").read_bytes() == tokenizer.path.read_bytes()


@pytest.mark.parametrize(
    ("alphabet", "vocab_size"),
    [(["a", "b"], 400), (["a", "b", " "], 330), (["a", " "], 268), (["a", "b", "c"], 600), ([" ", "   ", "x"], 270)],
)
def test_nested_pieces_merge_in_the_same_order(alphabet, vocab_size, tmp_path):
    draw = random.Random(3)
    texts = ["".join(draw.choices(alphabet, k=40)) for _ in range(300)]
    tokenizer = Tokenizer.train(texts, vocab_size, tmp_path / "nested.model")
    write_tokenizer_files(tokenizer, tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    for _ in range(300):
        text = "".join(draw.choices(alphabet, k=draw.randrange(60)))
        assert theirs(text)["input_ids"] == tokenizer.encode(text)


def test_merges_are_all_the_ways_to_cut_a_piece_best_piece_first(tmp_path):
    tokenizer = Tokenizer.train(["aab aab ab ab b"], 266, tmp_path / "small.model")
    assert tokenizer.pieces(range(259, 266)) == ["ab", "▁a", "▁ab", "▁aab", "a", "b", "▁"]
    assert merges(tokenizer) == [("a", "b"), ("▁", "a"), ("▁", "ab"), ("▁a", "b"), ("▁a", "ab")]


def test_a_model_without_merges_is_written_alone(tmp_path):
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(["the llama of the valley"] * 9),
        model_writer=model,
        vocab_size=270,
        minloglevel=2,
        **{**LLAMA2_OPTIONS, "model_type": "unigram"},
    )
    path = tmp_path / "unigram.model"
    path.write_bytes(model.getvalue())
    _assert_written_alone(path, tmp_path / "export")


def test_a_model_to_which_pieces_were_added_is_written_alone(tokenizer, tmp_path):
    model = ModelProto.FromString(tokenizer.path.read_bytes())
    for piece in ("日本", "天気"):
        model.pieces.add(piece=piece, score=0)
    path = tmp_path / "merged.model"
    path.write_bytes(model.SerializeToString())
    assert Tokenizer(path).pieces(Tokenizer(path).encode("日本", bos=False)) == ["▁", "日本"]
    _assert_written_alone(path, tmp_path / "export")


def _assert_written_alone(path: Path, folder: Path) -> None:
    folder.mkdir()
    with pytest.warns(
        UserWarning, match=rf"{path} cannot be written as tokenizer.json: .* unigram .* pieces were added"
    ):
        write_tokenizer_files(Tokenizer(path), folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"tokenizer.model": path.read_bytes()}
