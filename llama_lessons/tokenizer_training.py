"""How a tokenizer is learned from texts: SentencePiece's byte-pair encoding with Llama 2's options."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

from sentencepiece import SentencePieceTrainer

# The trainer_spec and normalizer_spec stored in Llama 2's own tokenizer.model, as far as they shape the pieces.
LLAMA2_OPTIONS = {
    "model_type": "bpe",
    "byte_fallback": True,  # a character without a piece becomes its UTF-8 bytes, never <unk>
    "split_digits": True,  # every digit is a piece of its own
    "split_by_unicode_script": True,  # no piece mixes, say, Latin and Greek letters
    "split_by_number": True,  # no piece mixes digits and letters
    "split_by_whitespace": True,  # no piece reaches over a space into the next word
    "allow_whitespace_only_pieces": True,  # a run of spaces may be one piece: code is full of them
    "add_dummy_prefix": True,  # a space before the text, so that its first word is spelled like any other
    "remove_extra_whitespaces": False,
    "normalization_rule_name": "identity",
    "character_coverage": 0.99995,  # the rarest 0.005 % of the characters read are left to the bytes
    "max_sentencepiece_length": 16,  # characters
    "max_sentence_length": 4192,  # bytes; SentencePiece skips what is longer, `_sentences` cuts it
    "unk_id": 0,
    "bos_id": 1,
    "eos_id": 2,
    "pad_id": -1,  # none
    "unk_surface": " \u2047 ",  # the text that an unknown piece is decoded to
}
SENTENCE_CHARACTERS = LLAMA2_OPTIONS["max_sentence_length"] // 4  # UTF-8 takes at most four bytes for a character
FIRST_PIECES = 3 + 256  # <unk>, <s>, </s>; then <0x00> to <0xFF>


def train_model(texts: Iterable[str], vocab_size: int) -> bytes:
    """Learn a SentencePiece model; `Tokenizer.train` writes it to a file and opens it.

    Args:
        texts: any number of texts of any length; all are held in memory.
        vocab_size: number of pieces (V).

    Returns:
        The content of a `tokenizer.model`: the same bytes for the same texts.

    Raises:
        ValueError: texts is no series of texts, or holds nothing; vocab_size does not suit the texts.
    """
    if isinstance(vocab_size, bool) or not isinstance(vocab_size, int):
        raise ValueError(f"vocab_size must be a whole number, got {vocab_size!r}")
    sentences = list(_sentences(texts))
    if not sentences:
        raise ValueError("texts hold nothing to learn from: there is none, or all are empty")
    if vocab_size <= FIRST_PIECES:
        raise ValueError(_too_small(vocab_size, FIRST_PIECES + 1))
    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            vocab_size=vocab_size,
            num_threads=1,  # stored in the model: this machine's number of cores would change its bytes
            minloglevel=2,  # its log goes past Python straight to the terminal, or into a notebook
            **LLAMA2_OPTIONS,
        )
    except RuntimeError as error:
        raise _explained(error, vocab_size) from None
    return model.getvalue()


def check_text(text: str, name: str) -> None:
    """Raise a ValueError, naming the argument, unless text is a str that UTF-8 can write."""
    if not isinstance(text, str):
        raise ValueError(f"{name} must be a str, got {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"U+{ord(text[error.start]):04X}"
        raise ValueError(f"{name} holds half a character, the lone surrogate {half}, at {error.start}") from None


def _sentences(texts: Iterable[str]) -> Iterator[str]:
    """Lines and cells of the texts, cut at spaces where they are longer than SentencePiece reads."""
    if isinstance(texts, (str, bytes)):
        raise ValueError(f"texts must be a series of texts, got one {type(texts).__name__}: put it into a list")
    for text in texts:
        check_text(text, "each of the texts")
        for line in re.split("[\n\t\u2585]", text):  # U+2585 is SentencePiece's own mark: it skips what holds it
            start = 0
            while len(line) - start > SENTENCE_CHARACTERS:
                end = start + SENTENCE_CHARACTERS
                space = line.rfind(" ", start + 1, end)
                yield line[start : end if space < 0 else space]
                start = end if space < 0 else space + 1  # the dummy prefix stands for this space
            if start < len(line):
                yield line[start:]


def _too_small(vocab_size: int, needed: int) -> str:
    return (
        f"vocab_size must be at least {needed} for these texts, got {vocab_size}: {FIRST_PIECES} special pieces "
        f"and bytes come first, then the characters, {needed - FIRST_PIECES} or more"
    )


def _explained(error: RuntimeError, vocab_size: int) -> ValueError:
    if small := re.search(r"smaller than required_chars\. \d+ vs (\d+)", str(error)):
        return ValueError(_too_small(vocab_size, int(small[1])))
    if large := re.search(r"too high \(\d+\)\. Please set it to a value <= (\d+)", str(error)):
        return ValueError(
            f"vocab_size must be at most {large[1]} for these texts, got {vocab_size}: "
            "there are no more pieces in them; ask for fewer, or give more text"
        )
    return ValueError(f"SentencePiece could not learn from these texts: {error}")
