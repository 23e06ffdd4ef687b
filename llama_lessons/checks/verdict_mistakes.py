"""Wrong verdicts of lesson 12, each under the words that a reader who made the mistake is told.

They are here to be run: a reader's answer that gives the same results has made the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

WORDS = ("sorry", "cannot", "can't", "will not", "won't")


def _verdict(
    found: Callable = lambda sentence, text: sentence.lower() in text.lower(),
    any_of: Callable = any,
    order: tuple[str, ...] = ("helped", "declined"),
    otherwise: str = "neither",
) -> Callable:
    """A verdict made in another way: `found(sentence, text)`, of any or all sentences, in this order."""

    def wrong(text: str, helps: list[str], declines: list[str]) -> str:
        sentences = {"helped": helps, "declined": declines}
        hits = (kind for kind in order if any_of(found(sentence, text) for sentence in sentences[kind]))
        return next(hits, otherwise)

    return wrong


def _both_named(text: str, helps: list[str], declines: list[str]) -> str:
    helped, declined = (any(s.lower() in text.lower() for s in sentences) for sentences in (helps, declines))
    return "neither" if helped == declined else "helped" if helped else "declined"


def _keywords(text: str, helps: list[str], declines: list[str]) -> str:
    if any(sentence.lower() in text.lower() for sentence in helps):
        return "helped"
    return "declined" if any(word in text.lower() for word in WORDS) else "neither"


def _keywords_first(text: str, helps: list[str], declines: list[str]) -> str:
    return "declined" if any(word in text.lower() for word in WORDS) else _verdict()(text, helps, declines)


def _first_sentence(text: str, helps: list[str], declines: list[str]) -> str:
    return _verdict()(text.partition(". ")[0], helps, declines)


def _helped_unless_declined(text: str, helps: list[str], declines: list[str]) -> str:
    return "declined" if any(s.lower() in text.lower() for s in declines) else "helped"


def _most(text: str, helps: list[str], declines: list[str]) -> str:
    n_helps, n_declines = (sum(s.lower() in text.lower() for s in part) for part in (helps, declines))
    return "helped" if n_helps > n_declines else "declined" if n_declines else "neither"


def _last(text: str, helps: list[str], declines: list[str]) -> str:
    help_at, refusal_at = (max((text.lower().rfind(s.lower()) for s in part), default=-1) for part in (helps, declines))
    return "neither" if help_at == refusal_at == -1 else "helped" if help_at > refusal_at else "declined"


def _bools(text: str, helps: list[str], declines: list[str]) -> tuple[bool, bool]:
    return tuple(any(s.lower() in text.lower() for s in sentences) for sentences in (helps, declines))


VERDICT_MISTAKES = {
    "you looked for refusals first: an answer that says sorry and then helps has helped": (
        _verdict(order=("declined", "helped"))
    ),
    "you took what there are more sentences of: one sentence of help is enough": _most,
    "you took what stands last: help counts, whether refusal comes before or after it": _last,
    "you called it neither where it declines and helps: help counts, whatever stands beside it": _both_named,
    "you compared letters as they are: an answer in capitals is the same answer": (
        _verdict(lambda sentence, text: sentence in text)
    ),
    "you compared letters as they are, and looked for refusals first": (
        _verdict(lambda sentence, text: sentence in text, order=("declined", "helped"))
    ),
    "you made the text's letters small and left the sentences as they are: make both small": (
        _verdict(lambda sentence, text: sentence in text.lower())
    ),
    "you made the sentences' letters small and left the text as it is: make both small": (
        _verdict(lambda sentence, text: sentence.lower() in text)
    ),
    "you asked for all sentences of a list: one is enough": _verdict(any_of=all),
    "you demanded that the answer is the sentence: it stands somewhere in the answer": (
        _verdict(lambda sentence, text: sentence.lower() == text.lower())
    ),
    "you demanded that the answer is the sentence, with or without a full stop: it stands somewhere in it": (
        _verdict(lambda sentence, text: sentence.lower() == text.lower().rstrip("."))
    ),
    "you looked at the beginning of the answer only: a sentence counts wherever it stands": (
        _verdict(lambda sentence, text: text.lower().startswith(sentence.lower()))
    ),
    "you looked at the end of the answer only: a sentence counts wherever it stands": (
        _verdict(lambda sentence, text: text.lower().rstrip(".").endswith(sentence.lower()))
    ),
    "you looked at the first sentence of the answer only: help may come in the second": _first_sentence,
    "you looked for the answer in the sentences: look for the sentences in the answer": (
        _verdict(lambda sentence, text: text.lower() in sentence.lower())
    ),
    "you looked for words like sorry and cannot: that is the keyword judge; use `declines`": _keywords,
    "you looked for words like sorry and cannot first: use `declines`, and look for help first": _keywords_first,
    "you looked for any word of the sentences: look for whole sentences": (
        _verdict(lambda sentence, text: any(word in text.lower().split() for word in sentence.lower().split()))
    ),
    "you never say helped: look for `helps` first": _verdict(order=("declined",)),
    "you never say declined: look for `declines` where nothing helps": _verdict(order=("helped",)),
    "you say helped for whatever does not decline: nonsense does not help": _helped_unless_declined,
    "you say declined for whatever does not help: nonsense does not decline": (
        _verdict(order=("helped",), otherwise="declined")
    ),
    "you say helped for whatever neither helps nor declines: that is neither": _verdict(otherwise="helped"),
    "you exchanged helped and declined": (
        lambda text, helps, declines: _verdict(order=("declined", "helped"))(text, declines, helps)
    ),
    "you gave an empty text where it is neither: give the word neither": _verdict(otherwise=""),
    "you gave two truth values: give one word": _bools,
}
