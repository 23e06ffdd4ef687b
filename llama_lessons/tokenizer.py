"""Text to token ids and back, as Llama 2 does it: a SentencePiece model underneath."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from operator import index
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from llama_lessons.files import atomic, check_file
from llama_lessons.tokenizer_training import check_text, train_model

SPACE = "\u2581"  # how a piece writes a space


class TokenizerError(Exception):
    """A tokenizer file cannot be used; the message names the file, what is wrong with it and what to do."""


class Tokenizer:
    """A SentencePiece model that treats text as Llama 2's does.

    Every text comes back from its ids unchanged, but for U+2581, which stands for a space in the pieces and comes
    back as one. Text is only ever text: "</s>" in it is spelled out, and never becomes the id that ends a sequence.

    Llama 2 has no padding id. To batch rows of different lengths, fill them up on the right with any id, where a
    causal model does not look, and leave that out of the loss. `generate` takes ragged rows as they are.

    Args:
        path: a SentencePiece model file, such as the `tokenizer.model` of a Llama 2 download.

    Raises:
        TokenizerError: the file is missing, is no whole SentencePiece model, or does not work as Llama 2's.

    Source: SentencePiece, arXiv:1808.06226; Llama 2, arXiv:2307.09288, section 2.2 (BPE, digits, bytes; 32 000 pieces).
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser()
        self.processor = processor = _open(self.path)  # SentencePiece's own object
        self.vocab_size = processor.vocab_size()
        self.bos_id, self.eos_id, self.unk_id = processor.bos_id(), processor.eos_id(), processor.unk_id()

    def __repr__(self) -> str:
        return f"Tokenizer({self.path.name!r}, {self.vocab_size} pieces)"

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, path: Path | str) -> Tokenizer:
        """Learn the pieces of a new tokenizer from texts, and write it to a file.

        The same texts give the same file, byte for byte. As in Llama 2, newlines (id 13) and tabs (id 12) stay bytes.

        Args:
            texts: any number of texts of any length; all are held in memory.
            vocab_size: number of pieces (V), among them 3 special ones, 256 bytes and the characters of the texts.
            path: the model file to write, and to open; an older tokenizer there is replaced.

        Raises:
            ValueError: texts is no series of texts, or holds nothing; vocab_size is too small for their characters,
                or larger than the number of pieces that can be found in them; path is a file of another kind.
        """
        check_file(path, cls)
        model = train_model(texts, vocab_size)
        with atomic(path) as draft:
            draft.write_bytes(model)
        return cls(path)

    def encode(self, text: str, bos: bool = True, eos: bool = False) -> list[int]:
        """The ids of a text.

        Args:
            text: any Unicode text; newlines, spaces and control characters are kept.
            bos: whether to begin with the id that begins a sequence.
            eos: whether to end with the id that ends a sequence.

        Raises:
            ValueError: text is no str, or holds half a character (a lone surrogate), which UTF-8 cannot write.
        """
        check_text(text, "text")
        return [self.bos_id] * bool(bos) + self.processor.encode(text) + [self.eos_id] * bool(eos)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids that begin a text: the space before its first word is left out.

        BOS and EOS are silent. Bytes that make no character become U+FFFD, one for each byte; so do ids above the
        vocabulary's, which a model may have for tokens that were added to its tokenizer.

        Raises:
            ValueError: an id is below 0.
        """
        return self.processor.decode(self._known(map(self.in_vocabulary, ids)))

    def in_vocabulary(self, token_id: int) -> int:
        """The id itself; for one above the vocabulary's that of the byte 0xFF, which no text holds."""
        return token_id if token_id < self.vocab_size else self.processor.piece_to_id("<0xFF>")

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """How the vocabulary writes each id: U+2581 for a space, <0x0A> for a byte, <s> for BOS.

        Raises:
            ValueError: an id is not in the vocabulary.
        """
        return self.processor.id_to_piece(self._known(ids))

    def stream_decoder(self) -> StreamDecoder:
        """A decoder for ids that come one by one."""
        return StreamDecoder(self)

    def _known(self, ids: Iterable[int]) -> list[int]:
        ids = [index(token_id) for token_id in ids]
        if strange := [token_id for token_id in ids if not 0 <= token_id < self.vocab_size]:
            raise ValueError(f"id {strange[0]} is not in the vocabulary, whose ids are 0 to {self.vocab_size - 1}")
        return ids


class StreamDecoder:
    """Text from ids that come one by one: what `feed` and at last `flush` return adds up to `Tokenizer.decode`.

    Decoding each id by itself would drop the space before every word and tear characters of several bytes apart.
    This one holds bytes back until their character is whole, and leaves out only the space before the first word.
    When the ids continue a prompt, feed it the prompt's ids first, or the space between the two is left out.

    Args:
        tokenizer: the tokenizer that the ids belong to.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._unknown = tokenizer.decode([tokenizer.unk_id])
        self._bytes = codecs.getincrementaldecoder("utf-8")(REPLACE_EACH)
        self._at_start = True

    def feed(self, token_id: int) -> str:
        """The text that is certain now that this id has come; empty while a character is not whole.

        Raises:
            ValueError: the id is below 0.
        """
        token_id, processor = index(self._tokenizer.in_vocabulary(token_id)), self._tokenizer.processor
        [piece] = self._tokenizer.pieces([token_id])
        if processor.is_byte(token_id):
            self._at_start = False
            return self._bytes.decode(bytes.fromhex(piece[3:5]))  # <0x0A>
        torn = self._bytes.decode(b"", final=True)  # a character that no byte will make whole any more
        if processor.is_control(token_id):
            return torn
        if self._at_start:
            piece = piece.removeprefix(SPACE)
        self._at_start = False
        return torn + (self._unknown if token_id == self._tokenizer.unk_id else piece.replace(SPACE, " "))

    def flush(self) -> str:
        """What was held back, as U+FFFD for each byte; the decoder is then ready for another text."""
        self._at_start = True
        return self._bytes.decode(b"", final=True)


REPLACE_EACH = "llama_lessons.replace_each_byte"  # Python's own "replace" may put one sign for several bytes
codecs.register_error(REPLACE_EACH, lambda error: ("\ufffd", error.start + 1))


def _open(path: Path) -> SentencePieceProcessor:
    try:
        size = path.stat().st_size
        model = path.read_bytes() if size < 100_000_000 else b""  # the largest in use have 5 million bytes
    except OSError as error:
        raise TokenizerError(
            f"{path} cannot be read: {error.strerror}. Name the tokenizer.model file of a Llama 2 download, "
            "or make a new one with Tokenizer.train"
        ) from None
    processor = SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(model)
    except RuntimeError:
        raise TokenizerError(
            f"{path} ({size} bytes) is no whole SentencePiece model. Fetch it again, and take "
            "tokenizer.model itself, not tokenizer.json or a Git LFS pointer"
        ) from None
    _check_like_llama2(processor, path)
    return processor


def _check_like_llama2(processor: SentencePieceProcessor, path: Path) -> None:
    """Refuse a model that opens but would not give texts back, such as one cut off before its settings."""
    probe = "  \ufb01\U000f0000  "  # spaces outside, a ligature that normalisation undoes, a character of no script
    answer = processor.decode(processor.encode(probe))
    if min(processor.bos_id(), processor.eos_id()) < 0:
        trouble = "has no <s> or no </s>"
    elif not processor.id_to_piece(processor.encode("a")[0]).startswith(SPACE):
        trouble = "puts no space before a text"
    elif answer != probe:
        trouble = f"turns {probe!a} into {answer!a}"
    else:
        return
    raise TokenizerError(
        f"{path} does not work as Llama 2's tokenizer: it {trouble}. It may have been cut off: fetch it again. "
        "If it is whole, it belongs to another family of models, which this package does not run"
    )
