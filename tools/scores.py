"""Measure the Valley's models on everything that was held out, and write the result into their model cards.

python tools/scores.py                            every model in data/checkpoints
python tools/scores.py --model FOLDER --save      another one; put the table into its README.md
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from tqdm.auto import tqdm

from llama_lessons.align.exam import chat_scores
from llama_lessons.align.reward import reward_scores
from llama_lessons.checkpoints import load
from llama_lessons.evaluation import Score, multiple_choice
from llama_lessons.files import COURSE, atomic
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.rlhf.reward_files import load_reward_model
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world import Exam, OpenQuestion, check_story, open_questions
from tools.data_table import DATA, renew

N_STORIES = 500
OPENINGS = ("Once upon a time,", "High up in the Valley,", "There was once", "Long ago,", "A girl called")
STORY_TOKENS = 300  # the longest of the Valley's own take 250
ANSWER_TOKENS = 10  # the longest answers take 3, and their line's end one
ROWS = 64  # texts written at once
SECTION = re.compile(r"^## Scores$.*?(?=^##? |\Z)", re.MULTILINE | re.DOTALL)  # of a model card


def stories(model: Llama, tok: Tokenizer) -> Score:
    """Sampled stories (temperature 0.6, top_p 0.9, as Meta's default) that end, and keep names, things and pronouns."""
    draws, n_right = torch.Generator().manual_seed(0), 0
    prompts = [tok.encode(opening) for opening in OPENINGS for _ in range(N_STORIES // len(OPENINGS))]
    for start in range(0, len(prompts), ROWS):
        rows = prompts[start : start + ROWS]
        written = generate(model, rows, STORY_TOKENS, stop_ids=[tok.eos_id], generator=draws)
        for prompt, new in zip(rows, written, strict=True):
            n_right += len(new) < STORY_TOKENS and not check_story(tok.decode(prompt + new))
    return Score.of(n_right, len(prompts))


def open_answers(model: Llama, tok: Tokenizer, wanted: Callable[[OpenQuestion], bool]) -> Score:
    """Questions in a wording that training never used for their fact, answered greedily and exactly."""
    questions = sorted(filter(wanted, open_questions("test")), key=lambda question: len(tok.encode(question.prompt)))
    n_right = 0
    for start in range(0, len(questions), ROWS):
        rows = questions[start : start + ROWS]
        prompts = [tok.encode(question.prompt) for question in rows]
        written = generate(model, prompts, ANSWER_TOKENS, temperature=0, stop_ids=[tok.eos_id])
        for question, prompt, new in zip(rows, prompts, written, strict=True):
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


def open_writer(folder: Path) -> tuple[Llama, Tokenizer]:
    """A model that writes, in float32, and its tokenizer."""
    return load(folder, dtype=torch.float32), Tokenizer(folder / "tokenizer.model")


def base_scores(folder: Path) -> Iterator[tuple[str, Score]]:
    """Of a model that completes texts: each score by its name, as soon as it is there."""
    for name, measure in measurements(*open_writer(folder)):
        yield name, measure()


def scores_of_chat(folder: Path) -> Iterator[tuple[str, Score]]:
    """The same of a model that answers."""
    return chat_scores(*open_writer(folder))


def scores_of_reward(folder: Path) -> Iterator[tuple[str, Score]]:
    """The same of a model that judges answers."""
    return reward_scores(load_reward_model(folder, torch.float32), Tokenizer(folder / "tokenizer.model"))


# How each shipped model is measured, by the name of its folder.
MEASURES: dict[str, Callable[[Path], Iterator[tuple[str, Score]]]] = {
    "base": base_scores,
    "chat": scores_of_chat,
    "reward": scores_of_reward,
    "rlhf": scores_of_chat,
}


def put_into_card(card: Path, rows: list[str]) -> None:
    """Write a table into a model card, in the place of the one that was there; all else stays as it is."""
    text = card.read_text(encoding="utf-8")
    if not SECTION.search(text):
        text = f"{text.rstrip()}\n\n## Scores\n"
    section = ["## Scores", "", "Measured by `tools/scores.py` on the weights beside this card.", "", *rows, "\n"]
    text = SECTION.sub(lambda old: "\n".join(section), text, count=1)
    with atomic(card) as draft:
        draft.write_text(text.rstrip() + "\n", encoding="utf-8")


def measure(folder: Path, kind: str, save: bool) -> None:
    """Print a model's table, and put it into its card."""
    print(f"{folder.name}, as a model of the kind {kind}")
    rows = ["| what, held out | share right | 95 % interval | n |", "|---|---|---|---|"]
    for name, score in tqdm(MEASURES[kind](folder), desc=folder.name, unit="score"):
        rows.append(f"| {name} | {score.accuracy:.3f} | {score.low:.3f} to {score.high:.3f} | {score.n} |")
    print("\n".join(rows))
    if save:
        put_into_card(folder / "README.md", rows)
        if DATA in (folder / "README.md").resolve().parents:
            renew()  # data/README.md tells the card's size and sha256


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of a checkpoint; default: every one in data/checkpoints")
    parser.add_argument(
        "--kind", choices=MEASURES, help="how to measure it; default: by the folder's name, else as base"
    )
    parser.add_argument("--save", action="store_true", help="put the table into the model card")
    arguments = parser.parse_args()
    shipped = [folder for name in MEASURES if (folder := COURSE / "data/checkpoints" / name).is_dir()]
    folders = [arguments.model] if arguments.model else shipped
    for folder in folders:
        if arguments.save and not (card := folder / "README.md").exists():
            parser.error(f"{card} is missing: there is no model card to put the scores into")
    for folder in folders:
        name = folder.resolve().name
        measure(folder, arguments.kind or (name if name in MEASURES else "base"), arguments.save)


if __name__ == "__main__":
    main()
