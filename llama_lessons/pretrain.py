"""`python -m llama_lessons.pretrain`: the Valley's tokenizer and base model, from a seed and nothing else."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import torch

from llama_lessons.batches import Batch, pack
from llama_lessons.checkpoints import save
from llama_lessons.config import LlamaConfig
from llama_lessons.files import COURSE, work_dir
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.training import Recipe, Trainer
from llama_lessons.world import BASE_MIX, COPY_MIX, Document, make_documents

SEED = 0
TOKENIZER_DOCUMENTS = 20_000
TOKENS_PER_STEP = 4096
COPYING_ENDS = 0.08  # share of the steps after which the mix full of copying games gives way
LONG_BEGINS = 0.6  # and after which rows of the whole context take the place of rows half as long
ANSWER = re.compile(r"(?:Answer:|Again:|The answer is)([^\n]*)")
GAMES = {"exam", "small exam", "spoken exam", "word exam", "letters", "matching", "echo", "reading"}
SAVE_EVERY = 100  # steps


def make_tokenizer(path: Path) -> Tokenizer:
    """Learn the Valley's tokenizer from the first documents of its seed."""
    texts = (part for document in islice(make_documents(SEED), TOKENIZER_DOCUMENTS) for part in document.parts)
    return Tokenizer.train(texts, LlamaConfig.preset("valley").vocab_size, path)


def batch_at(step: int, tok: Tokenizer, n_steps: int) -> Batch:
    """The batch of a step: its documents are drawn from a seed of its own, so no other state is needed to go on."""
    mix = COPY_MIX if step < COPYING_ENDS * n_steps else BASE_MIX
    seq_len = 512 if step >= LONG_BEGINS * n_steps else 256
    documents = make_documents((SEED + 1) * 1_000_000 + step, mix)
    return pack(encoded(documents, tok), TOKENS_PER_STEP // seq_len, seq_len)


def encoded(documents: Iterator[Document], tok: Tokenizer) -> Iterator[tuple[list[int], list[bool]]]:
    """Ids of every document, and which of them the model is asked to predict.

    Of exams and games every other one asks for the answers only. What stands in them is mostly chance; the answers
    are few, and the skill that they take, finding the letter of a word, would otherwise have next to no weight.
    """
    for number, document in enumerate(documents):
        for part in document.parts:
            ids = tok.encode(part, eos=True)
            only_answers = document.kind in GAMES and number % 2 == 0
            yield ids, answers_only(part, tok.pieces(ids)) if only_answers else [True] * len(ids)


def answers_only(text: str, pieces: list[str]) -> list[bool]:
    """For every piece of a text, from <s> to </s>, whether it belongs to an answer."""
    inside = [False] * (len(text) + 1)
    for found in ANSWER.finditer(text):
        inside[found.start(1) : found.end(1) + 1] = [True] * (found.end(1) + 1 - found.start(1))  # and its line's end
    asked, at = [False], -1  # the first piece begins with a space that is not in the text
    for piece in pieces[1:-1]:
        n_characters = 1 if re.fullmatch("<0x..>", piece) else len(piece)  # all texts of the Valley are ASCII
        asked.append(inside[max(0, at)])
        at += n_characters
    return [*asked, False]


def main() -> None:
    """Command line: train, going on where the last run stopped, and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=COURSE / "data/checkpoints/base", help="folder to write")
    parser.add_argument("--steps", type=int, default=5000, help=f"steps of {TOKENS_PER_STEP} tokens")
    parser.add_argument("--threads", type=int, default=2, help="PyTorch's threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(SEED)
    recipe = Recipe(n_steps=arguments.steps, peak_lr=2e-3, warmup_steps=100, muon_lr=0.02, bf16=True)
    folder = work_dir() / f"pretrain-{arguments.steps}"
    folder.mkdir(exist_ok=True)
    tok = make_tokenizer(folder / "tokenizer.model")
    trainer = Trainer(Llama(LlamaConfig.preset("valley")), recipe, lambda step: batch_at(step, tok, arguments.steps))
    state = folder / "state.pt"
    if state.exists():
        trainer.load(state)
        print(f"going on after step {trainer.step}", flush=True)
    for record in trainer.run():
        if record.step % SAVE_EVERY == 0 or record.step == arguments.steps:
            trainer.save(state)
    (folder / "records.json").write_text(json.dumps([asdict(record) for record in trainer.records]))
    save(trainer.model.bfloat16(), arguments.out, format="hf", tokenizer=tok)


if __name__ == "__main__":
    main()
