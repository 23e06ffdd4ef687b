"""Reading: a text, then questions whose answers stand in it and nowhere else."""

from __future__ import annotations

from llama_lessons.mmlu import lay_out
from llama_lessons.world.draw import Draw
from llama_lessons.world.exams import ExamItem
from llama_lessons.world.questions import Writer
from llama_lessons.world.stories import Storyteller, storyteller
from llama_lessons.world.text import with_article
from llama_lessons.world.valley import Valley

ABOUT_STORIES = [  # (question, the slot that answers it)
    ("What is the name of the %(A.girl)s?", "A"),
    ("In which village does the story begin?", "T"),
    ("What is the name of the other child?", "B"),
    ("What is the name of the llama?", "L"),
    ("What colour is the %(thing)s?", "colour"),
]


def reading_writer(valley: Valley) -> Writer:
    """Writes a short account of who has what and where, or a story, with questions open or with choices."""
    teller = storyteller()
    names = valley.names.groups["girls"] + valley.names.groups["boys"]
    things = [slots["thing"] for slots, _ in teller.things[""]]
    colours = [slots["colour"] for slots in teller.colours[""]]
    places = list(teller.places)

    def write(draw: Draw) -> str:
        if draw.random() < 0.4:
            return _story_with_questions(teller, draw)
        count = 2 + draw.below(3)
        columns = [draw.picks(options, count) for options in (names, things, colours, places)]
        people = list(zip(*columns, strict=True))
        sentences = [f"{name} has {with_article(colour)} {thing}." for name, thing, colour, _ in people]
        sentences += [f"{name} lives in {place}." for name, _, _, place in people]
        asked = [draw.pick(_ABOUT_PEOPLE)(people, place, draw) for place in draw.picks(range(count), min(count, 3))]
        show = draw.pick((_open, _with_choices))
        return (
            " ".join(draw.shuffled(sentences))
            + "\n"
            + "\n".join(show(q, right, all_, draw) for q, right, all_ in asked)
        )

    return write


_ABOUT_PEOPLE = [  # each: (people, which of them, draw) -> question, right answer, all answers of that kind
    lambda people, i, draw: (f"Who has the {people[i][1]}?", people[i][0], [p[0] for p in people]),
    lambda people, i, draw: (f"Who lives in {people[i][3]}?", people[i][0], [p[0] for p in people]),
    lambda people, i, draw: (f"What does {people[i][0]} have?", people[i][1], [p[1] for p in people]),
    lambda people, i, draw: (f"What colour is the {people[i][1]}?", people[i][2], [p[2] for p in people]),
    lambda people, i, draw: (f"In which village does {people[i][0]} live?", people[i][3], [p[3] for p in people]),
]


def _open(question: str, right: str, choices: list[str], draw: Draw) -> str:
    return f"Question: {question}\nAnswer: {right}"


def _with_choices(question: str, right: str, choices: list[str], draw: Draw) -> str:
    choices = draw.shuffled(choices)
    return "\n" + lay_out(ExamItem("reading", question, tuple(choices), choices.index(right), False), True)


def _story_with_questions(teller: Storyteller, draw: Draw) -> str:
    story = teller.tell(draw)
    asked = [(question, story.slots[slot]) for question, slot in ABOUT_STORIES if slot in story.slots]
    lines = [
        _open(question % story.slots, right, [], draw) for question, right in draw.picks(asked, min(3, len(asked)))
    ]
    return "\n".join([story.text, *lines])
