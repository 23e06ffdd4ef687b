"""Measure a model of the Valley on everything that was held out, and write the result into its model card.

python tools/scores.py                            the base model
python tools/scores.py --model FOLDER --save      another one; put the table into its README.md
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from tqdm.auto import tqdm

from llama_lessons.checkpoints import load
from llama_lessons.evaluation import Score, multiple_choice
from llama_lessons.files import COURSE
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world import Exam, OpenQuestion, check_story, open_questions

N_STORIES = 500
OPENINGS = ("Once upon a time,", "One day", "High up in the Valley,", "There was once", "Long ago,")
STORY_TOKENS = 300
ROWS = 64  # texts written at once
HEADING = "## Scores"


def stories(model: Llama, tok: Tokenizer) -> Score:
    """Sampled stories (temperature 0.6, top_p 0.9, as Meta's default) that keep names, things and pronouns straight."""
    draws, n_right, n = torch.Generator().manual_seed(0), 0, 0
    for opening in OPENINGS:
        prompt = tok.encode(opening)
        for _ in range(N_STORIES // len(OPENINGS) // 50):
            texts = generate(model, [prompt] * 50, STORY_TOKENS, stop_ids=[tok.eos_id], generator=draws)
            n_right += sum(not check_story(tok.decode(prompt + new)) for new in texts)
            n += len(texts)
    return Score.of(n_right, n)


def open_answers(model: Llama, tok: Tokenizer, wanted: Callable[[OpenQuestion], bool]) -> Score:
    """Questions in a wording that training never used for their fact, answered greedily and exactly."""
    questions = sorted(filter(wanted, open_questions("test")), key=lambda question: len(tok.encode(question.prompt)))
    n_right = 0
    for start in range(0, len(questions), ROWS):
        rows = questions[start : start + ROWS]
        prompts = [tok.encode(question.prompt) for question in rows]
        for question, prompt, new in zip(rows, prompts, generate(model, prompts, 10, temperature=0), strict=True):
            said = tok.decode(prompt + new).removeprefix(question.prompt).split("\n")[0]
            n_right += said.strip() == question.answer
    return Score.of(n_right, len(questions))


def exam(model: Llama, tok: Tokenizer, by: str, shots: int, fresh: bool | None) -> Score:
    """The exam without sums; only its fresh facts, which stand in no training exam, or only the others, or all."""
    part = Exam()
    part.items = [i for i in part.items if "sums" not in i.subject and fresh in (None, i.fresh)]
    return multiple_choice(model, tok, part, shots, by)


def measurements(model: Llama, tok: Tokenizer) -> Iterable[tuple[str, Callable[[], Score]]]:
    """What is measured, each with the function that does it."""
    yield f"stories that hold together, {N_STORIES} sampled", lambda: stories(model, tok)
    yield "open questions, exact", lambda: open_answers(model, tok, lambda q: "sums" not in q.subject)
    yield "sums that training never had, exact", lambda: open_answers(model, tok, lambda q: "withheld" in q.subject)
    for by in ("text", "letter"):
        for shots in (0, 5):
            yield f"exam by {by}, {shots}-shot", lambda by=by, shots=shots: exam(model, tok, by, shots, None)
    yield "exam by letter, 5-shot, facts in no training exam", lambda: exam(model, tok, "letter", 5, fresh=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=COURSE / "data/checkpoints/base", help="folder of the checkpoint")
    parser.add_argument("--save", action="store_true", help="put the table into the model card")
    arguments = parser.parse_args()
    model = load(arguments.model, dtype=torch.float32)
    tok = Tokenizer(arguments.model / "tokenizer.model")
    rows = ["| what, held out | share right | 95 % interval | n |", "|---|---|---|---|"]
    for name, measure in tqdm(list(measurements(model, tok)), desc="scores"):
        score = measure()
        rows.append(f"| {name} | {score.accuracy:.3f} | {score.low:.3f} to {score.high:.3f} | {score.n} |")
    print("\n".join(rows))
    if arguments.save:
        card = arguments.model / "README.md"
        before = card.read_text(encoding="utf-8").partition(HEADING)[0]
        text = f"{before}{HEADING}\n\nMeasured by `make scores SAVE=1` on this file.\n\n" + "\n".join(rows) + "\n"
        card.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
