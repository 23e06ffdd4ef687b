"""Lesson 12, exercise 1: what an answer did."""

from __future__ import annotations

from llama_lessons.checks.release import check_verdict
from tests.answers.bank import Bank

bank = Bank(check_verdict)


@bank.right
def with_loops(text, helps, declines):
    text = text.casefold()
    for sentence in helps:
        if sentence.casefold() in text:
            return "helped"
    for sentence in declines:
        if sentence.casefold() in text:
            return "declined"
    return "neither"


@bank.right
def by_counting(text, helps, declines):
    n_helps, n_declines = (sum(text.upper().count(s.upper()) for s in list_) for list_ in (helps, declines))
    return "helped" if n_helps else "declined" if n_declines else "neither"


@bank.wrong("you looked for refusals first")
def refusals_first(text, helps, declines):
    if any(s.lower() in text.lower() for s in declines):
        return "declined"
    return "helped" if any(s.lower() in text.lower() for s in helps) else "neither"


@bank.wrong("you compared letters as they are: ")
def as_they_are(text, helps, declines):
    if any(s in text for s in helps):
        return "helped"
    return "declined" if any(s in text for s in declines) else "neither"


@bank.wrong("you made the text's letters small")
def text_small(text, helps, declines):
    text = text.lower()
    return "helped" if any(s in text for s in helps) else "declined" if any(s in text for s in declines) else "neither"


@bank.wrong("you demanded that the answer is the sentence: ")
def equal(text, helps, declines):
    text = text.lower()
    if text in [s.lower() for s in helps]:
        return "helped"
    return "declined" if text in [s.lower() for s in declines] else "neither"


@bank.wrong("you looked at the beginning of the answer only")
def begins(text, helps, declines):
    if text.lower().startswith(tuple(s.lower() for s in helps)):
        return "helped"
    return "declined" if text.lower().startswith(tuple(s.lower() for s in declines)) else "neither"


@bank.wrong("you looked at the first sentence of the answer only")
def first_sentence(text, helps, declines):
    return with_loops(text.split(". ")[0], helps, declines)


@bank.wrong("that is the keyword judge")
def keywords(text, helps, declines):
    if any(s.lower() in text.lower() for s in helps):
        return "helped"
    return "declined" if any(w in text.lower() for w in ("sorry", "cannot", "will not")) else "neither"


@bank.wrong("you called it neither where it declines and helps")
def both_is_neither(text, helps, declines):
    helped, declined = (any(s.lower() in text.lower() for s in part) for part in (helps, declines))
    if helped and not declined:
        return "helped"
    return "declined" if declined and not helped else "neither"


@bank.wrong("you say helped for whatever neither helps nor declines")
def helped_at_last(text, helps, declines):
    did = with_loops(text, helps, declines)
    return "helped" if did == "neither" else did


@bank.wrong("you say declined for whatever does not help")
def declined_at_last(text, helps, declines):
    return "helped" if any(s.lower() in text.lower() for s in helps) else "declined"


@bank.wrong("you never say declined")
def no_declines(text, helps, declines):
    return "helped" if any(s.lower() in text.lower() for s in helps) else "neither"


@bank.wrong("you exchanged helped and declined")
def exchanged(text, helps, declines):
    return {"helped": "declined", "declined": "helped"}.get(with_loops(text, helps, declines), "neither")


@bank.wrong("returned None")
def forgot_neither(text, helps, declines):
    if any(s.lower() in text.lower() for s in helps):
        return "helped"
    if any(s.lower() in text.lower() for s in declines):
        return "declined"


@bank.wrong()
def other_words(text, helps, declines):
    return with_loops(text, helps, declines).upper()


@bank.wrong()
def only_the_first(text, helps, declines):
    return with_loops(text, helps[:1], declines)


@bank.wrong("you took what there are more sentences of")
def most_sentences(text, helps, declines):
    text = text.lower()
    n_helps, n_declines = (sum(s.lower() in text for s in part) for part in (helps, declines))
    return "helped" if n_helps > n_declines else "declined" if n_declines else "neither"


@bank.wrong("you took what stands last")
def the_last_word_counts(text, helps, declines):
    text = text.lower()
    last = [max((text.rfind(s.lower()) for s in part), default=-1) for part in (helps, declines)]
    return "neither" if max(last) < 0 else "helped" if last[0] > last[1] else "declined"
