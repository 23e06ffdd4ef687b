"""The tokenizer's part of a checkpoint in Hugging Face's layout: files that make AutoTokenizer give our ids."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

from llama_lessons.tokenizer import SPACE, Tokenizer, TokenizerError

NORMALIZER = {  # " dog" and "dog": the dummy prefix comes first, whatever the text begins with
    "type": "Sequence",
    "normalizers": [
        {"type": "Prepend", "prepend": SPACE},
        {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
    ],
}
DECODER = {
    "type": "Sequence",
    "decoders": [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},  # <0x0A> and the like: bytes, joined to characters
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},  # the dummy prefix
    ],
}


def write_tokenizer_files(tokenizer: Tokenizer, folder: Path | str) -> None:
    """Write tokenizer.model, tokenizer.json and tokenizer_config.json.

    `transformers` then encodes and decodes any text as `tokenizer` does, with one difference: "<s>", "</s>" and
    "<unk>" inside a text are to it the special ids, to us plain characters. A model whose pieces were not found by
    byte-pair encoding alone has no merges that give its ids: then tokenizer.model is written alone, with a warning.

    Args:
        tokenizer: what to write.
        folder: where to; it must be there. Files of these names are replaced.
    """
    folder = Path(folder)
    (folder / "tokenizer.model").write_bytes(tokenizer.processor.serialized_model_proto())
    try:
        files = {"tokenizer.json": _fast_tokenizer(tokenizer), "tokenizer_config.json": _tokenizer_config(tokenizer)}
    except TokenizerError as error:
        warnings.warn(str(error), stacklevel=2)
        return
    for name, content in files.items():
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        (folder / name).write_text(text, encoding="utf-8")


def _tokenizer_config(tokenizer: Tokenizer) -> dict:
    """The content of tokenizer_config.json.

    The class named is the one that runs tokenizer.json as it is. `LlamaTokenizer` would be the obvious one, but
    since version 5 of `transformers` it adds no space to a text that begins with one.
    """
    bos, eos, unk = tokenizer.pieces([tokenizer.bos_id, tokenizer.eos_id, tokenizer.unk_id])
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos,
        "eos_token": eos,
        "unk_token": unk,
        "add_bos_token": True,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,  # version 4 would otherwise drop the space in "Who ?"
    }


def _fast_tokenizer(tokenizer: Tokenizer) -> dict:
    """The content of tokenizer.json: the vocabulary, its merges, and the steps around them."""
    pieces = tokenizer.pieces(range(tokenizer.vocab_size))
    bos = pieces[tokenizer.bos_id]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(token_id, pieces[token_id]) for token_id in _special_ids(tokenizer)],
        "normalizer": NORMALIZER,
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_special(bos, 0), _sequence("A", 0)],
            "pair": [_special(bos, 0), _sequence("A", 0), _special(bos, 1), _sequence("B", 1)],
            "special_tokens": {bos: {"id": bos, "ids": [tokenizer.bos_id], "tokens": [bos]}},
        },
        "decoder": DECODER,
        "model": {
            "type": "BPE",
            "unk_token": pieces[tokenizer.unk_id],
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": {piece: token_id for token_id, piece in enumerate(pieces)},
            "merges": merges(tokenizer),
        },
    }


def merges(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    """Pairs of pieces that make a piece, those to merge first in front.

    SentencePiece keeps no merges: it joins any two neighbours whose union is a piece, the union with the highest
    score first. So each way to cut a piece into two others is a merge, ranked by the score of the whole.

    Raises:
        TokenizerError: the scores are not ranks, all different, as byte-pair encoding leaves them.
    """
    processor, special = tokenizer.processor, set(_special_ids(tokenizer))
    ids = [i for i in range(tokenizer.vocab_size) if i not in special and not processor.is_byte(i)]
    scores = {processor.id_to_piece(i): processor.get_score(i) for i in ids}
    if len(set(scores.values())) < len(scores) or any(score != int(score) for score in scores.values()):
        raise TokenizerError(
            f"{tokenizer.path} cannot be written as tokenizer.json: the scores of its pieces are not the ranks that "
            "byte-pair encoding gives, so it is a unigram model or pieces were added to it. Ship tokenizer.model alone"
        )
    return [
        (piece[:cut], piece[cut:])
        for piece in sorted(scores, key=scores.get, reverse=True)
        for cut in range(1, len(piece))
        if piece[:cut] in scores and piece[cut:] in scores
    ]


def _special_ids(tokenizer: Tokenizer) -> list[int]:
    processor = tokenizer.processor
    return [i for i in range(tokenizer.vocab_size) if processor.is_control(i) or processor.is_unknown(i)]


def _added_token(token_id: int, content: str) -> dict:
    switches = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token_id, "content": content, **switches, "special": True}


def _special(piece: str, type_id: int) -> dict:
    return {"SpecialToken": {"id": piece, "type_id": type_id}}


def _sequence(name: str, type_id: int) -> dict:
    return {"Sequence": {"id": name, "type_id": type_id}}
