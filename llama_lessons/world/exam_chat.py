"""The exam of a model that chats: what it is asked, all of it held out, and what its answers are worth.

Each part takes a function that answers dialogs, so that it serves any model, and gives verdicts by name: `facts`,
`wishes` (turn by turn), `talk`, `harmful`, `harmless`, `stories`; `chat_exam` gives all but the stories together.
`align.exam` makes such functions of a model, and scores of the verdicts.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from llama_lessons.prompt import Dialog
from llama_lessons.world.chats import CHAT_STYLES, ChatConversations
from llama_lessons.world.checker import check_story
from llama_lessons.world.draw import Draw
from llama_lessons.world.instructions import in_talking_order, talked_about, turns
from llama_lessons.world.red_team import is_refusal, red_team
from llama_lessons.world.valley import load_valley
from llama_lessons.world.verdicts import declines_well, keeps_wish, says_fact

Answers = Callable[[list[Dialog]], list[str]]  # an answer to each dialog; one that was cut off ends in "…"
Verdicts = dict[str, list[bool]]  # what answers should be -> for each of them, whether it is

N_EACH = 60  # dialogs for each of the four wishes
N_STORIES = 250


def chat_exam(answers: Answers) -> Verdicts:
    """All parts but the stories, which take longer answers, and a little chance."""
    return facts(answers) | wishes(answers) | talk(answers) | harmful(answers) | harmless(answers)


def facts(answers: Answers) -> Verdicts:
    """Every fact, sums too, in the one wording that no training uses for it."""
    asked = load_valley().taught
    said = answers([turns(fact.held_out) for fact in asked])
    return {"facts right": [says_fact(fact, text) for fact, text in zip(asked, said, strict=True)]}


def wishes(answers: Answers, n_each: int = N_EACH, n_turns: int = 4, seed: int = 7) -> Verdicts:
    """Dialogs with a wish in the system line: is it kept, turn after turn, and are the facts still right?

    The model reads its own answers again, as in Llama 2's chats; the wish stands in the first turn alone.

    Args:
        answers: of the model.
        n_each: dialogs for each wish. n_turns: questions in a dialog. seed: of the facts asked.
    """
    draw, lines = Draw(seed), ChatConversations(load_valley(), "test").wishes
    asked = []
    for style in CHAT_STYLES:
        its_lines = [line for line, its_style in lines if its_style == style]
        asked += [(style, its_lines[n % len(its_lines)]) for n in range(n_each)]
    questions = [draw.picks(load_valley().taught, n_turns) for _ in asked]
    dialogs = [[{"role": "system", "content": line}] for _, line in asked]
    kept, right = {}, []
    for turn in range(n_turns):
        said = _next_turn(answers, dialogs, [picked[turn].held_out for picked in questions])
        kept[f"wish kept, turn {turn + 1}"] = [
            keeps_wish(style, text) for (style, _), text in zip(asked, said, strict=True)
        ]
        right += [says_fact(picked[turn], text) for picked, text in zip(questions, said, strict=True)]
    return kept | {"facts right under a wish": right}


def talk(answers: Answers, seed: int = 5) -> Verdicts:
    """One thing after the other about each entity: after the first question they say "it", "she" or "he"."""
    draw = Draw(seed)
    talks = [in_talking_order(about, draw) for about in talked_about(load_valley())]
    dialogs: list[Dialog] = [[] for _ in talks]
    right = {"talk, first question right": [], 'talk, later ones right ("it", "she")': []}
    first, later = right.values()
    for turn in range(max(map(len, talks))):
        going_on = [(dialog, about[turn]) for dialog, about in zip(dialogs, talks, strict=True) if turn < len(about)]
        questions = [draw.pick(fact.follow_ups) if turn else fact.held_out for _, fact in going_on]
        said = _next_turn(answers, [dialog for dialog, _ in going_on], questions)
        (later if turn else first).extend(says_fact(fact, text) for (_, fact), text in zip(going_on, said, strict=True))
    return right


def harmful(answers: Answers) -> Verdicts:
    """Every held-out request that is to be declined; the reason is to be one for this kind of trouble."""
    asked = [prompt for prompt in red_team("test") if prompt.harmful]
    said = answers([turns(prompt.prompt) for prompt in asked])
    reasons = [declines_well(prompt.category, text) for prompt, text in zip(asked, said, strict=True)]
    return {"harmful requests declined": list(map(is_refusal, said)), "declined for a reason that fits": reasons}


def harmless(answers: Answers) -> Verdicts:
    """Every held-out request that only looks harmful is to be answered: what is false here is a false refusal.

    Once all of them, once those that are made of templates of which training has seen nothing.
    """
    asked = [prompt for prompt in red_team("test") if not prompt.harmful]
    trained = {prompt.template for prompt in red_team("train")} | {""}
    said = answers([turns(prompt.prompt) for prompt in asked])
    answered = [not is_refusal(text) for text in said]
    new = [yes for prompt, yes in zip(asked, answered, strict=True) if prompt.template not in trained]
    return {"harmless look-alikes not declined": answered, "the same, of templates never seen": new}


def stories(answers: Answers, n: int = N_STORIES, seed: int = 11) -> Verdicts:
    """Stories asked for: do they hold together, and are they about what was asked for?

    Args:
        answers: of the model; a story takes 300 tokens.
        n: how many. seed: of the requests.
    """
    draw, conversations = Draw(seed), ChatConversations(load_valley(), "test")
    requests = [conversations.story(draw).dialog[0]["content"] for _ in range(n)]
    told = answers([turns(request) for request in requests])
    about = [tells_of(request, text) for request, text in zip(requests, told, strict=True)]
    return {"stories that hold together": [not check_story(text) for text in told], "about what was asked for": about}


def tells_of(request: str, story: str) -> bool:
    """Whether the names in a request for a story stand in it; where there are none, the request's last word."""
    names = re.findall(r"(?<=[a-z,] )[A-Z][a-z]+", request)
    words = names or re.findall(r"\w+", request)[-1:]
    return all(re.search(rf"\b{word}\b", story) for word in words)


def _next_turn(answers: Answers, dialogs: list[Dialog], questions: list[str]) -> list[str]:
    """Ask the next question of every dialog, and write question and answer into it."""
    for dialog, question in zip(dialogs, questions, strict=True):
        dialog.append({"role": "user", "content": question})
    said = answers(dialogs)
    for dialog, text in zip(dialogs, said, strict=True):
        dialog.append({"role": "assistant", "content": text})
    return said
