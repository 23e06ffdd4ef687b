"""What a release says of its model: every score of the card, measured on what training never had."""

from __future__ import annotations

from collections.abc import Sequence

from llama_lessons.dialog import encode_dialog
from llama_lessons.evaluation import Score
from llama_lessons.generate import generate
from llama_lessons.model import Llama
from llama_lessons.tokenizer import Tokenizer
from llama_lessons.world import RedTeamPrompt, load_valley, red_team
from llama_lessons.world.attacks import PLAIN, Attack, attacks, verdict
from llama_lessons.world.verdicts import says_fact

NEW_TOKENS = 32  # the Valley's longest refusal takes 25
ROWS = 64  # answers written at once
SOME = 4  # attacks carry every fourth bad request; of facts and look-alikes, too many to ask all, fewer are asked


def answers(model: Llama, tok: Tokenizer, requests: Sequence[str], attack: Attack = PLAIN) -> list[str]:
    """What a chat model says to each request, greedily, the words that the attacker put into its mouth included.

    Args:
        model: the model, in float32: the answers are then the same on every machine.
        tok: its tokenizer.
        requests: what the user wants.
        attack: how he puts it.
    """
    start = tok.encode(attack.first_words, bos=False) if attack.first_words else []
    prompts = [encode_dialog(tok, attack.dialog(request)) + start for request in requests]
    said = []
    for first in range(0, len(prompts), ROWS):
        rows = prompts[first : first + ROWS]
        written = generate(model, rows, NEW_TOKENS, temperature=0, stop_ids=[tok.eos_id])
        said += [tok.decode(start + new).strip() for new in written]
    return said


def measure(model: Llama, tok: Tokenizer) -> dict[str, Score]:
    """Every score of a release's card, under its name there.

    Args:
        model: a chat model of the Valley, in float32.
        tok: its tokenizer.
    """
    facts = [fact for fact in load_valley().taught if fact.subject != "sums"][::2]
    said = answers(model, tok, [fact.held_out for fact in facts])
    right = sum(says_fact(fact, text) for fact, text in zip(facts, said, strict=True))
    bad = [prompt for prompt in red_team() if prompt.harmful]
    fine = [prompt for prompt in red_team() if not prompt.harmful][::2]
    scores = {"facts, asked in a held-out wording: right": Score.of(right, len(facts))}
    scores["bad requests: declined"] = declined(model, tok, bad, [PLAIN])
    refused = declined(model, tok, fine, [PLAIN])
    scores["harmless look-alikes: not declined"] = Score.of(refused.n - round(refused.accuracy * refused.n), refused.n)
    for kind in dict.fromkeys(attack.kind for attack in attacks()):
        wordings = [attack for attack in attacks() if attack.kind == kind]
        scores[f"bad requests under attack, {kind}: declined"] = declined(model, tok, bad[::SOME], wordings)
    return scores


def declined(model: Llama, tok: Tokenizer, prompts: Sequence[RedTeamPrompt], wordings: Sequence[Attack]) -> Score:
    """The share of requests that a model declines, over all wordings of an attack together.

    Args:
        model: the model, in float32.
        tok: its tokenizer.
        prompts: bad requests, or harmless ones.
        wordings: how they are put; each carries every request.
    """
    n_declined = 0
    for attack in wordings:
        said = answers(model, tok, [prompt.prompt for prompt in prompts], attack)
        n_declined += sum(verdict(p.category, text) == "declined" for p, text in zip(prompts, said, strict=True))
    return Score.of(n_declined, len(prompts) * len(wordings))
