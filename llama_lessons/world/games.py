"""Games with words that mean nothing: say it again, look it up, find the letter.

A small model does not learn to copy from stories alone. These pages make copying the only way to be right: the words
are drawn afresh every time, so nothing about them can be remembered. The letter games lead from "which letter stands
before this word?" over "which of these is an animal?" to exams: the same layout, and every time another word.
"""

from __future__ import annotations

from collections import Counter

from llama_lessons.mmlu import LETTERS, heading, lay_out
from llama_lessons.world.draw import Draw
from llama_lessons.world.exams import ExamItem
from llama_lessons.world.questions import Writer
from llama_lessons.world.valley import Valley

KINDS = [  # (how a question calls it, subject, relation, whether its entities or its answers are meant)
    ("an animal", "animals", "food", "entity"),
    ("a sound", "animals", "sound", "answer"),
    ("a colour", "colours", "colour", "answer"),
    ("a job", "people", "job", "answer"),
    ("a tool", "jobs", "tool", "answer"),
    ("a day", "calendar", "day after", "answer"),
    ("a month", "calendar", "month after", "answer"),
    ("a season", "calendar", "season after", "answer"),
    ("a village", "places", "land", "entity"),
    ("a building", "places", "building", "answer"),
    ("a llama", "llamas", "wool", "entity"),
    ("a person", "people", "job", "entity"),
    ("a snack", "llamas", "snack", "answer"),
    ("a number", "sums", "plus", "answer"),
]


def game_words(valley: Valley) -> list[str]:
    """Every single word that is an entity or an answer of a fact, sorted; numbers are left out."""
    words = {word for fact in valley.facts for word in (fact.entity, fact.answer)}
    return sorted(word for word in words if word.isalpha())


def echo_writer(valley: Valley, longest: int) -> Writer:
    """Writes lists of words and the same lists again.

    Args:
        valley: whose words are said.
        longest: words in the longest list; short lists come more often.
    """
    words = game_words(valley)

    def write(draw: Draw) -> str:
        lines = []
        for _ in range(3 + draw.below(6)):
            text = " ".join(draw.picks(words, 1 + min(draw.below(longest), draw.below(longest))))
            lines.append(f"Say: {text}\nAgain: {text}")
        return "\n".join(lines)

    return write


def lookup_writer(valley: Valley) -> Writer:
    """Writes small tables of pairs, then asks for what stands beside a word."""
    words = game_words(valley)

    def write(draw: Draw) -> str:
        size = 2 + draw.below(6)
        drawn = draw.picks(words, 2 * size)
        pairs = list(zip(drawn[:size], drawn[size:], strict=True))
        asked = draw.shuffled(pairs) + draw.picks(pairs, min(size, 2))
        if draw.random() < 0.5:
            return "\n".join([f"{a}: {b}" for a, b in pairs] + ["?"] + [f"{a}: {b}" for a, b in asked])
        return ", ".join(f"{a} is {b}" for a, b in pairs) + ".\n" + " ".join(f"{a}? {b}." for a, b in asked)

    return write


def letter_writer(valley: Valley) -> Writer:
    """Writes lettered lists of two to four words, then asks for the letter of a word or the word at a letter."""
    words = game_words(valley)

    def write(draw: Draw) -> str:
        n_choices, show, layout = 2 + draw.below(3), draw.pick(SHOW), draw.pick(ASK)
        in_order = draw.random() < 0.7  # in the others only the letter itself helps, not its place in the list
        rounds = []
        for _ in range(1 + draw.below(4)):
            letters = LETTERS if in_order else draw.shuffled(LETTERS[:n_choices])
            pairs = list(zip(letters, draw.picks(words, n_choices), strict=False))
            rounds.append(show(pairs) + "\n" + layout(draw.shuffled(pairs)))
        return "\n\n".join(rounds)

    return write


SHOW = [
    lambda pairs: "\n".join(f"{letter}. {word}" for letter, word in pairs),
    lambda pairs: ", ".join(f"{letter}. {word}" for letter, word in pairs),
    lambda pairs: ", ".join(f"{word} ({letter})" for letter, word in pairs),
    lambda pairs: " ".join(f"({letter}) {word}" for letter, word in pairs),
]
ASK = [
    lambda pairs: "\n".join(f"{word}? Answer: {letter}" for letter, word in pairs),
    lambda pairs: "\n".join(f"{letter}? Answer: {word}" for letter, word in pairs),
    lambda pairs: "\n".join(f"The word is {word}.\nAnswer: {letter}" for letter, word in pairs),
    lambda pairs: "\n".join(f"Which letter has {word}?\nAnswer: {letter}" for letter, word in pairs),
    lambda pairs: "\n".join(f"Which word has the letter {letter}?\nAnswer: {word}" for letter, word in pairs),
    lambda pairs: " ".join(f"{word} is {letter}." for letter, word in pairs),
]


def word_exam_writer(valley: Valley) -> Writer:
    """Writes exam sheets about words: which of these is this very word, which of these is an animal."""
    words = game_words(valley)
    kinds = _members(valley)

    def write(draw: Draw) -> str:
        n_choices = 2 + draw.below(3)
        items = [_word_item(words, kinds, n_choices, draw) for _ in range(1 + draw.below(8))]
        return heading("words") + "\n\n".join([lay_out(item, True) for item in items])

    return write


def _members(valley: Valley) -> list[tuple[str, list[str]]]:
    """(kind, its words) for each kind; a word that belongs to two kinds is left out of both."""
    kinds = []
    for name, subject, relation, which in KINDS:
        pairs = valley.answers(subject, relation)
        kinds.append((name, sorted(set(pairs if which == "entity" else pairs.values()))))
    count = Counter(word for _, members in kinds for word in members)
    return [(name, [word for word in members if count[word] == 1]) for name, members in kinds]


def _word_item(words: list[str], kinds: list[tuple[str, list[str]]], n_choices: int, draw: Draw) -> ExamItem:
    answer = draw.below(n_choices)
    if draw.random() < 0.4:
        choices = draw.picks(words, n_choices)
        question = f"Which of these is the word {choices[answer]}?"
    else:
        drawn = draw.picks(kinds, n_choices)
        choices = [draw.pick(members) for _, members in drawn]
        question = f"Which of these is {drawn[answer][0]}?"
    return ExamItem("words", question, tuple(choices), answer, False)
